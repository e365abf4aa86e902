#include "serve.h"

#include "clock.h"
#include "commands.h"
#include "loop.h"
#include "options.h"
#include "report.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_NAME 16
#define MOST_SERVICES 64

static const char *const s_services[] = {"echo", "exchange", "once", "sink", "source", "silent", "udp"};

struct serve_settings serve_settings = {.request = 16, .answer = UINT64_MAX};
struct serve_counts serve_counts;

static void set_port(union address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

int serve_bind(const union address *address, socklen_t length, int type)
{
    int on = 1, off = 0;
    int descriptor = socket(address->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -1;
    if ((type == SOCK_DGRAM || setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) &&
        (address->any.sa_family == AF_INET || setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
        bind(descriptor, &address->any, length) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

/* 0 with the port and the service's name, or an exit code after a message. */
static int start(const char *text, const struct range *where, const char **service, uint16_t *port_taken)
{
    char name[LONGEST_NAME];
    const char *colon = strchr(text, ':');
    uint64_t port;
    size_t kind = 0;

    if (colon == NULL || (size_t)(colon - text) >= sizeof(name) || number_parse(colon + 1, 0, 65535, &port) != 0)
        return usage_failed("'%s' is not SERVICE:PORT", text);
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = '\0';
    while (kind <= SERVICE_UDP && strcmp(name, s_services[kind]) != 0)
        kind++;
    if (kind > SERVICE_UDP)
        return usage_failed("'%s' is no service; see tunflow-load serve --help", name);

    union address address = where->first;
    socklen_t length = where->length;
    set_port(&address, (uint16_t)port);
    int descriptor = serve_bind(&address, length, kind == SERVICE_UDP ? SOCK_DGRAM : SOCK_STREAM);
    if (descriptor < 0)
        return setup_failed("binding %s", text);
    int code = kind == SERVICE_UDP ? serve_udp(descriptor) : serve_tcp(descriptor, (enum service)kind);
    if (code != 0)
        return code;
    getsockname(descriptor, &address.any, &length);
    *service = s_services[kind];
    *port_taken = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    return 0;
}

static int serve(const char *where, char **services, int count)
{
    const char *names[MOST_SERVICES];
    uint16_t ports[MOST_SERVICES];
    struct range range;
    int code = range_parse_addresses(where != NULL ? where : "::", &range);

    if (code != 0 || (code = sockets_allow(0)) != 0 || (code = loop_open()) != 0)
        return code;
    if (where == NULL) {
        int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (probe < 0)
            range_parse_addresses("0.0.0.0", &range);
        else
            close(probe);
    }
    for (int i = 0; i < count; i++) {
        if ((code = start(services[i], &range, &names[i], &ports[i])) != 0)
            return code;
    }
    report_begin("listening");
    report_object("ports");
    for (int i = 0; i < count; i++)
        report_count(names[i], ports[i]);
    report_close();
    puts("}");
    fflush(stdout);
    return 0;
}

int serve_run(int argc, char **argv)
{
    const char *where = NULL;
    int watches_stdin = 0;
    char **services;
    int count;
    struct option options[] = {
        {"--bind", OPTION_TEXT, &where, 0, 0, NULL, "address to listen on; all of both families without this option"},
        {"--request", OPTION_NUMBER, &serve_settings.request, 1, 1ull << 40, NULL, "bytes that exchange and once wait for before they answer"},
        {"--answer", OPTION_NUMBER, &serve_settings.answer, 0, 1ull << 40, NULL, "bytes that they answer with; without this option as many"},
        {"--until-stdin-ends", OPTION_FLAG, &watches_stdin, 0, 0, NULL, "stop when stdin is closed, too"},
        {0},
    };
    struct command command = {
        "serve", "SERVICE:PORT...",
        "Serves until SIGTERM or SIGINT. Port 0 is any free one; a first line of JSON names the ports once all listen, a last one tells what was done.\n"
        "  echo      sends back what comes, until the client's end\n"
        "  exchange  answers each request of a fixed length\n"
        "  once      the same for one request, and closes\n"
        "  sink      reads\n"
        "  source    writes as much as is taken, and reads\n"
        "  silent    accepts and never reads\n"
        "  udp       sends datagrams back, from the address they came to",
        options, 1, MOST_SERVICES};
    int code = options_parse(&command, argc, argv, &services, &count);

    if (code >= 0)
        return code;
    if (serve_settings.answer == UINT64_MAX)
        serve_settings.answer = serve_settings.request;
    if ((code = serve(where, services, count)) != 0 || (watches_stdin && (code = loop_watch_stdin()) != 0))
        return code;
    while (loop_stopped() == 0 && !loop_stdin_closed())
        loop_run_once(NEVER);
    report_begin("serve");
    report_count("accepted", serve_counts.accepted);
    report_count("open", serve_counts.open);
    report_count("received", serve_counts.received);
    report_count("sent", serve_counts.sent);
    report_count("datagrams", serve_counts.datagrams);
    report_count("unanswered", serve_counts.unanswered);
    report_failures(&serve_counts.failures);
    serve_tcp_end();
    report_end(EXIT_DONE);
    return EXIT_DONE;
}
