/* Connections that are opened, proven by an exchange, and kept. */
#include "clock.h"
#include "commands.h"
#include "exchange.h"
#include "loop.h"
#include "options.h"
#include "report.h"
#include "sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP (100 * NANOSECONDS_PER_MILLISECOND)

enum ending { CLIENT_FIN, CLIENT_RESET };
static const char *const s_endings[] = {"client-fin", "client-reset", NULL};

enum state { UNUSED, BUSY, KEPT, ENDED };

struct kept {
    struct watch watch;
    enum state state;
    int opened; /* its first exchange was made */
    int descriptor;
    uint64_t started;
    struct exchange exchange;
};

static struct {
    struct route route;
    uint64_t count, parallel, bytes, timeout, activity;
    unsigned int ending;
    uint64_t begun, opening, open, exchanges, turn;
    struct kept *all;
    struct failures failures;
} s_run = {.count = 1000, .parallel = 64, .bytes = 16, .timeout = 10000};

static void fail(struct kept *kept, int failure)
{
    failures_add(&s_run.failures, failure);
    close(kept->descriptor);
    kept->state = ENDED;
    if (kept->opened)
        s_run.open--;
    else
        s_run.opening--;
}

static void exchange(struct kept *kept)
{
    int sent = exchange_send(&kept->exchange, kept->descriptor);
    int result = sent == 0 || sent == EXCHANGE_WAITS ? exchange_receive(&kept->exchange, kept->descriptor) : sent;

    if (result == EXCHANGE_WAITS || (result == 0 && sent == EXCHANGE_WAITS))
        return;
    if (result != 0) {
        fail(kept, result);
        return;
    }
    kept->state = KEPT;
    if (kept->opened) {
        s_run.exchanges++;
    } else {
        kept->opened = 1;
        s_run.opening--;
        s_run.open++;
    }
}

static void ready(struct watch *watch, uint32_t events)
{
    struct kept *kept = (struct kept *)watch;

    if (kept->state == BUSY) {
        int failure = (events & EPOLLERR) != 0 ? socket_error(kept->descriptor) : 0;
        if (failure != 0)
            fail(kept, failure);
        else if ((events & (EPOLLIN | EPOLLOUT | EPOLLHUP)) != 0)
            exchange(kept);
    } else if (kept->state == KEPT && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
        int failure = exchange_end(kept->descriptor);
        if (failure != EXCHANGE_WAITS)
            fail(kept, failure == 0 ? FAILURE_EARLY_END : failure);
    }
}

static void request(struct kept *kept, uint64_t now)
{
    kept->state = BUSY;
    kept->started = now;
    kept->exchange = (struct exchange){.to_send = s_run.bytes, .to_receive = s_run.bytes, .first = (uint8_t)(kept - s_run.all)};
}

static void open_some(void)
{
    while (s_run.opening < s_run.parallel && s_run.begun < s_run.count) {
        struct kept *kept = &s_run.all[s_run.begun];
        kept->watch.ready = ready;
        kept->descriptor = route_connect(&s_run.route, s_run.begun++, SOCK_STREAM);
        if (kept->descriptor < 0) {
            failures_add(&s_run.failures, errno);
            kept->state = ENDED;
            continue;
        }
        s_run.opening++;
        request(kept, clock_now());
        if (loop_add(kept->descriptor, EPOLLIN | EPOLLOUT | EPOLLET, &kept->watch) != 0)
            fail(kept, errno);
    }
}

static void end_late(uint64_t now)
{
    for (uint64_t i = 0; i < s_run.begun; i++) {
        struct kept *kept = &s_run.all[i];
        if (kept->state == BUSY && now - kept->started >= s_run.timeout * NANOSECONDS_PER_MILLISECOND)
            fail(kept, FAILURE_TIMEOUT);
    }
}

static void open_all(void)
{
    uint64_t next = clock_now() + SWEEP;

    open_some();
    while (s_run.opening > 0 && loop_stopped() == 0 && !loop_stdin_closed()) {
        loop_run_once(next);
        open_some();
        if (clock_now() >= next) {
            end_late(clock_now());
            next = clock_now() + SWEEP;
        }
    }
}

/* Requests are spread over the period, so that they don't come as a storm. */
static void be_active(uint64_t since)
{
    double periods = (double)(clock_now() - since) / NANOSECONDS_PER_SECOND / (double)s_run.activity;
    uint64_t due = (uint64_t)(periods * (double)s_run.count);

    for (; s_run.turn < due; s_run.turn++) {
        struct kept *kept = &s_run.all[s_run.turn % s_run.count];
        if (kept->state == KEPT) {
            request(kept, clock_now());
            exchange(kept);
        }
    }
}

static void keep(void)
{
    uint64_t since = clock_now();
    uint64_t next = since + SWEEP;

    while (loop_stopped() == 0 && !loop_stdin_closed()) {
        /* Without activity nothing is due, and this process sleeps as the connections do. */
        loop_run_once(s_run.activity > 0 ? next : NEVER);
        if (s_run.activity == 0 || clock_now() < next)
            continue;
        be_active(since);
        end_late(clock_now());
        next = clock_now() + SWEEP / 10;
    }
}

static int run(void)
{
    uint64_t started = clock_now();

    open_all();
    report_begin("idle-open");
    report_count("open", s_run.open);
    report_failures(&s_run.failures);
    report_number("seconds", (double)(clock_now() - started) / NANOSECONDS_PER_SECOND);
    puts("}");
    fflush(stdout);
    keep();
    report_begin("idle");
    report_count("open", s_run.open);
    report_count("exchanges", s_run.exchanges);
    report_failures(&s_run.failures);
    for (uint64_t i = 0; i < s_run.begun; i++) {
        struct kept *kept = &s_run.all[i];
        if (kept->state != BUSY && kept->state != KEPT)
            continue;
        if (s_run.ending == CLIENT_RESET)
            socket_reset_at_close(kept->descriptor);
        close(kept->descriptor);
    }
    /* A signal is one of the ways to end this. */
    report_end(EXIT_DONE);
    return s_run.failures.total > 0 ? EXIT_FAILURES : EXIT_DONE;
}

int idle_run(int argc, char **argv)
{
    const char *source = NULL;
    char **plain;
    int count;
    struct option options[] = {
        {"--count", OPTION_NUMBER, &s_run.count, 1, 1000000, NULL, "connections"},
        {"--parallel", OPTION_NUMBER, &s_run.parallel, 1, 100000, NULL, "that are opened at a time"},
        {"--bytes", OPTION_NUMBER, &s_run.bytes, 1, 65536, NULL, "of an exchange; the first one proves that the connection works"},
        {"--activity", OPTION_NUMBER, &s_run.activity, 0, 86400, NULL, "seconds in which each makes one more exchange; 0: never"},
        {"--end", OPTION_CHOICE, &s_run.ending, 0, 0, s_endings, "how they end"},
        {"--timeout", OPTION_NUMBER, &s_run.timeout, 1, 3600000, NULL, "milliseconds that opening, or an exchange, may take"},
        {"--source", OPTION_TEXT, &source, 0, 0, NULL, "addresses to come from, ADDRESS or FIRST-LAST"},
        {0},
    };
    struct command command = {
        "idle", "TARGET",
        "Opens connections to a server that echoes, prints a line of JSON when all are open, and keeps them until stdin ends, SIGTERM or SIGINT.\n"
        "A second line tells how many were open until then.",
        options, 1, 1};
    int code = options_parse(&command, argc, argv, &plain, &count);

    if (code >= 0 || (code = route_parse(plain[0], source, &s_run.route)) != 0)
        return code;
    if ((code = sockets_allow(s_run.count)) != 0 || (code = loop_open()) != 0 || (code = loop_watch_stdin()) != 0)
        return code;
    s_run.all = calloc(s_run.count, sizeof(*s_run.all));
    if (s_run.all == NULL)
        return setup_failed("memory for %llu connections", (unsigned long long)s_run.count);
    code = run();
    free(s_run.all);
    return code;
}
