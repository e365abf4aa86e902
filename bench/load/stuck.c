/* Flows that are full and not read, and what they do to others. */
#include "clock.h"
#include "commands.h"
#include "exchange.h"
#include "options.h"
#include "report.h"
#include "roundtrips.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK (100 * NANOSECONDS_PER_MILLISECOND)
#define STEADY 5 /* looks without a byte more: full */

enum direction { DOWN, UP };
static const char *const s_directions[] = {"down", "up", NULL};

struct flow {
    struct watch watch;
    int descriptor; /* -1 once it broke */
    uint64_t bytes; /* sent, or waiting to be read */
};

static struct {
    struct route stuck, beside;
    unsigned int direction;
    uint64_t count, seconds, parallel, patience, open;
    struct flow *flows;
    struct failures failures;
} s_run = {.count = 1, .seconds = 5, .parallel = 1, .patience = 30};

static void fail(struct flow *flow, int failure)
{
    failures_add(&s_run.failures, failure);
    close(flow->descriptor);
    flow->descriptor = -1;
    s_run.open--;
}

static void ready(struct watch *watch, uint32_t events)
{
    struct flow *flow = (struct flow *)watch;

    if (flow->descriptor < 0)
        return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        int failure = socket_error(flow->descriptor);
        fail(flow, failure != 0 ? failure : FAILURE_EARLY_END);
        return;
    }
    while (s_run.direction == UP && (events & EPOLLOUT) != 0) {
        ssize_t count = send(flow->descriptor, exchange_pattern((uint8_t)flow->bytes), EXCHANGE_PIECE, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN)
                fail(flow, errno);
            return;
        }
        flow->bytes += (uint64_t)count;
    }
}

static int open_flow(uint64_t number)
{
    struct flow *flow = &s_run.flows[number];

    flow->watch.ready = ready;
    flow->descriptor = route_connect(&s_run.stuck, number, SOCK_STREAM);
    if (flow->descriptor < 0)
        return setup_failed("connection %llu", (unsigned long long)number);
    s_run.open++;
    /* What waits to be read is no event. */
    uint32_t events = EPOLLOUT | EPOLLET;
    return loop_add(flow->descriptor, events, &flow->watch) == 0 ? 0 : setup_failed("epoll_ctl");
}

static uint64_t bytes_now(void)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < s_run.count; i++) {
        struct flow *flow = &s_run.flows[i];
        int waiting = 0;
        if (s_run.direction == DOWN && flow->descriptor >= 0 && ioctl(flow->descriptor, FIONREAD, &waiting) == 0)
            flow->bytes = (uint64_t)waiting;
        sum += flow->bytes;
    }
    return sum;
}

/* Until nothing moves any more; 1 if that comes within the patience. */
static int fill(void)
{
    uint64_t last = 0;
    int same = 0;

    for (uint64_t i = 0; i < s_run.patience * NANOSECONDS_PER_SECOND / LOOK && loop_stopped() == 0; i++) {
        uint64_t until = clock_now() + LOOK;
        while (clock_now() < until && loop_stopped() == 0)
            loop_run_once(until);
        uint64_t bytes = bytes_now();
        same = bytes == last && bytes > 0 ? same + 1 : 0;
        last = bytes;
        if (same == STEADY)
            return 1;
    }
    return 0;
}

static int run(struct roundtrips *trips)
{
    static struct roundtrips before;
    uint64_t time = s_run.seconds * NANOSECONDS_PER_SECOND;
    int code = roundtrips_open(trips);

    if (code != 0)
        return code;
    roundtrips_run(trips, UINT64_MAX, clock_now() + time);
    before = *trips;
    roundtrips_forget_results(trips);

    for (uint64_t i = 0; i < s_run.count; i++) {
        if ((code = open_flow(i)) != 0)
            return code;
    }
    int full = fill();
    roundtrips_run(trips, UINT64_MAX, clock_now() + time);
    report_begin("stuck");
    report_text("direction", s_directions[s_run.direction]);
    roundtrips_report(&before, "before");
    roundtrips_report(trips, "beside");
    uint64_t failed = before.failures.total + trips->failures.total + s_run.failures.total;
    report_object("flows");
    report_count("count", s_run.count);
    report_count("open", s_run.open);
    report_count("full", (uint64_t)full);
    report_count("bytes", bytes_now());
    report_failures(&s_run.failures);
    report_close();
    roundtrips_close(trips);
    return report_end(failed > 0 || !full ? EXIT_FAILURES : EXIT_DONE);
}

int stuck_run(int argc, char **argv)
{
    static struct roundtrips trips;
    const char *source = NULL;
    uint64_t bytes = 16, timeout = 1000;
    char **plain;
    int count;
    struct option options[] = {
        {"--direction", OPTION_CHOICE, &s_run.direction, 0, 0, s_directions, "which end doesn't read: this one (TARGET: source), or the server (silent)"},
        {"--flows", OPTION_NUMBER, &s_run.count, 1, 100000, NULL, "connections that are stuck"},
        {"--seconds", OPTION_NUMBER, &s_run.seconds, 1, 86400, NULL, "of round trips, before and beside them"},
        {"--parallel", OPTION_NUMBER, &s_run.parallel, 1, 10000, NULL, "connections that make round trips"},
        {"--bytes", OPTION_NUMBER, &bytes, 1, 65536, NULL, "of a request, and of its answer"},
        {"--timeout", OPTION_NUMBER, &timeout, 1, 3600000, NULL, "milliseconds that an answer may take"},
        {"--patience", OPTION_NUMBER, &s_run.patience, 1, 3600, NULL, "seconds until nothing may move on the stuck ones any more"},
        {"--source", OPTION_TEXT, &source, 0, 0, NULL, "addresses to come from, ADDRESS or FIRST-LAST"},
        {0},
    };
    struct command command = {
        "stuck", "TARGET ECHO",
        "Round trips with ECHO, first alone, then beside connections to TARGET that are filled until nothing moves on them.",
        options, 2, 2};
    int code = options_parse(&command, argc, argv, &plain, &count);

    if (code >= 0 || (code = route_parse(plain[0], source, &s_run.stuck)) != 0 || (code = route_parse(plain[1], source, &s_run.beside)) != 0)
        return code;
    if ((code = sockets_allow(s_run.count + s_run.parallel)) != 0 || (code = loop_open()) != 0)
        return code;
    s_run.flows = calloc(s_run.count, sizeof(*s_run.flows));
    if (s_run.flows == NULL)
        return setup_failed("memory for %llu connections", (unsigned long long)s_run.count);
    trips = (struct roundtrips){.route = &s_run.beside, .parallel = s_run.parallel, .bytes = bytes, .timeout = timeout * NANOSECONDS_PER_MILLISECOND};
    code = run(&trips);
    free(s_run.flows);
    return code;
}
