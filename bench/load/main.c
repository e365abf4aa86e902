/* tunflow-load: servers and clients that put load on a network path and measure it. One thread, one epoll; every command reports in JSON. */
#include "commands.h"
#include "failures.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} s_commands[] = {
    {"serve", serve_run, "servers: TCP echo, exchange, once, sink, source, silent; UDP echo"},
    {"connections", connections_run, "TCP connections that come and go"},
    {"pingpong", pingpong_run, "round trips on open TCP connections or UDP sockets"},
    {"udp", udp_run, "datagrams at a rate, or as fast as they come back"},
    {"idle", idle_run, "TCP connections that are opened and kept"},
    {"stuck", stuck_run, "TCP connections whose readers never read, beside round trips"},
};

#define COMMANDS (sizeof(s_commands) / sizeof(s_commands[0]))

static int print_usage(void)
{
    puts("usage: tunflow-load COMMAND [OPTION...] ARGUMENT...");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-12s %s\n", s_commands[i].name, s_commands[i].summary);
    puts("tunflow-load COMMAND --help lists the command's options.\n"
         "A TARGET is ADDRESS:PORT, a range that connections rotate over (198.51.100.1-250:80), or [IPV6]:PORT, [2001:db8::1-ff]:PORT.\n"
         "Exit codes: 0 done, 1 something failed or was lost (the report says what), 2 usage, 3 setup, 128 + a signal that ended the run.");
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage_failed("no command; see tunflow-load --help");
    if (strcmp(argv[1], "--help") == 0)
        return print_usage();
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], s_commands[i].name) == 0)
            return s_commands[i].run(argc - 2, argv + 2);
    }
    return usage_failed("'%s' is no command; see tunflow-load --help", argv[1]);
}
