#include "udp.h"

#include "clock.h"
#include "commands.h"
#include "exchange.h"
#include "options.h"
#include "report.h"
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BUFFERS (8 << 20)
#define SHORTEST_TICK 100000ull /* ns */
#define LONGEST_BURST 2000000ull /* ns of the rate that are sent at once after a pause of this process; what is beyond is skipped */

static struct {
    struct route route;
    uint64_t seconds, rate, window, flow_count, bytes, timeout;
    struct udp_flow *flows;
    struct udp_results results;
    struct watch timer_watch;
    int timer;
    uint64_t started, until, attempted, skipped, turn;
    int sending;
} s_run = {.seconds = 5, .window = 64, .flow_count = 1, .bytes = 64, .timeout = 500, .timer = -1};

static void fill_window(struct udp_flow *flow)
{
    while (flow->waiting < s_run.window) {
        uint64_t room = s_run.window - flow->waiting;
        if (udp_send(flow, room < UDP_BATCH ? (unsigned int)room : UDP_BATCH) == 0)
            return;
    }
}

static void on_flow(struct watch *watch, uint32_t events)
{
    struct udp_flow *flow = (struct udp_flow *)watch;

    (void)events;
    udp_receive(flow);
    if (s_run.sending && s_run.rate == 0)
        fill_window(flow);
}

static void on_tick(struct watch *watch, uint32_t events)
{
    uint64_t ticks;
    uint64_t elapsed = clock_now() - s_run.started;
    uint64_t due = (uint64_t)((double)elapsed * (double)s_run.rate / NANOSECONDS_PER_SECOND) - s_run.attempted;
    uint64_t most = s_run.rate * LONGEST_BURST / NANOSECONDS_PER_SECOND + UDP_BATCH;

    (void)watch;
    (void)events;
    if (read(s_run.timer, &ticks, sizeof(ticks)) < 0 || !s_run.sending)
        return;
    s_run.attempted += due;
    if (due > most) {
        s_run.skipped += due - most;
        due = most;
    }
    while (due > 0) {
        /* One after the other, in pieces small enough that flows alternate. */
        unsigned int piece = due < 8 ? (unsigned int)due : 8;
        unsigned int sent = udp_send(&s_run.flows[s_run.turn++ % s_run.flow_count], piece);
        s_run.skipped += piece - sent;
        due -= piece;
    }
}

static int open_flow(uint64_t number)
{
    struct udp_flow *flow = &s_run.flows[number];

    flow->watch.ready = on_flow;
    flow->results = &s_run.results;
    flow->bytes = s_run.bytes;
    flow->descriptor = route_connect(&s_run.route, number, SOCK_DGRAM);
    if (flow->descriptor < 0)
        return setup_failed("socket %llu", (unsigned long long)number);
    socket_buffers(flow->descriptor, BUFFERS);
    return loop_add(flow->descriptor, EPOLLIN | EPOLLOUT | EPOLLET, &flow->watch) == 0 ? 0 : setup_failed("epoll_ctl");
}

static int open_timer(void)
{
    uint64_t tick = NANOSECONDS_PER_SECOND / s_run.rate;
    struct itimerspec times = {0};

    tick = tick < SHORTEST_TICK ? SHORTEST_TICK : tick > 100 * NANOSECONDS_PER_MILLISECOND ? 100 * NANOSECONDS_PER_MILLISECOND : tick;
    times.it_interval.tv_nsec = times.it_value.tv_nsec = (long)tick;
    s_run.timer_watch.ready = on_tick;
    s_run.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s_run.timer < 0 || timerfd_settime(s_run.timer, 0, &times, NULL) != 0 || loop_add(s_run.timer, EPOLLIN, &s_run.timer_watch) != 0)
        return setup_failed("timer");
    return 0;
}

static uint64_t waiting(void)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < s_run.flow_count; i++)
        sum += s_run.flows[i].waiting;
    return sum;
}

/* Until every datagram was answered, or none was for the timeout's length. */
static void drain(void)
{
    uint64_t received = UINT64_MAX, since = 0;

    while (waiting() > 0 && loop_stopped() == 0) {
        uint64_t now = clock_now();
        if (s_run.results.received != received) {
            received = s_run.results.received;
            since = now;
        } else if (now - since >= s_run.timeout * NANOSECONDS_PER_MILLISECOND) {
            return;
        }
        loop_run_once(since + s_run.timeout * NANOSECONDS_PER_MILLISECOND);
    }
}

/* A window that is lost as a whole would wait for ever: it is given up, and stays counted as lost unless it comes after all. */
static void give_up(uint64_t now)
{
    for (uint64_t i = 0; i < s_run.flow_count; i++) {
        struct udp_flow *flow = &s_run.flows[i];
        if (flow->waiting > 0 && now - flow->progress_at >= s_run.timeout * NANOSECONDS_PER_MILLISECOND) {
            flow->waiting = 0;
            flow->progress_at = now;
        }
        fill_window(flow);
    }
}

static void send_until_the_end(void)
{
    uint64_t now;

    s_run.started = clock_now();
    s_run.until = s_run.started + s_run.seconds * NANOSECONDS_PER_SECOND;
    s_run.sending = 1;
    while ((now = clock_now()) < s_run.until && loop_stopped() == 0) {
        uint64_t next = now + 50 * NANOSECONDS_PER_MILLISECOND;
        if (s_run.rate == 0)
            give_up(now);
        while (clock_now() < next && loop_stopped() == 0)
            loop_run_once(next < s_run.until ? next : s_run.until);
    }
    s_run.sending = 0;
}

static int run(void)
{
    /* One of each flow opens its path, and is not counted. */
    for (uint64_t i = 0; i < s_run.flow_count; i++)
        udp_send(&s_run.flows[i], 1);
    drain();
    s_run.results = (struct udp_results){0};
    for (uint64_t i = 0; i < s_run.flow_count; i++) {
        s_run.flows[i].waiting = 0;
        s_run.flows[i].progress_at = clock_now();
    }
    if (s_run.rate > 0 && open_timer() != 0)
        return EXIT_SETUP;
    send_until_the_end();
    double seconds = (double)(clock_now() - s_run.started) / NANOSECONDS_PER_SECOND;
    uint64_t within = s_run.results.received;
    drain();

    struct udp_results *results = &s_run.results;
    uint64_t lost = results->sent > results->received ? results->sent - results->received : 0;
    report_begin("udp");
    report_count("sent", results->sent);
    report_count("received", results->received);
    report_count("lost", lost);
    report_count("copies", results->copies);
    report_count("skipped", s_run.skipped);
    report_failures(&results->failures);
    report_number("seconds", seconds);
    report_number("sent_pps", (double)results->sent / seconds);
    report_number("received_pps", (double)within / seconds);
    report_durations("round_trip_us", &results->durations);
    return report_end(lost > 0 || results->failures.total > 0 ? EXIT_FAILURES : EXIT_DONE);
}

int udp_run(int argc, char **argv)
{
    const char *source = NULL;
    char **plain;
    int count;
    struct option options[] = {
        {"--rate", OPTION_NUMBER, &s_run.rate, 0, 10000000, NULL, "datagrams a second, of all flows; 0: as fast as they come back"},
        {"--window", OPTION_NUMBER, &s_run.window, 1, 32768, NULL, "unanswered ones of a flow at most, without --rate"},
        {"--flows", OPTION_NUMBER, &s_run.flow_count, 1, 10000, NULL, "sockets"},
        {"--bytes", OPTION_NUMBER, &s_run.bytes, UDP_HEADER, 65507, NULL, "of each"},
        {"--seconds", OPTION_NUMBER, &s_run.seconds, 1, 86400, NULL, "how long"},
        {"--timeout", OPTION_NUMBER, &s_run.timeout, 1, 3600000, NULL, "milliseconds without any answer after which what is missing is lost"},
        {"--source", OPTION_TEXT, &source, 0, 0, NULL, "addresses to come from, ADDRESS or FIRST-LAST"},
        {0},
    };
    struct command command = {
        "udp", "TARGET",
        "Datagrams to a server that sends them back. One of each flow opens its path and is not counted. skipped: what was due, and left out,\n"
        "because the socket took no more or this process was not given the time.",
        options, 1, 1};
    int code = options_parse(&command, argc, argv, &plain, &count);

    if (code >= 0 || (code = route_parse(plain[0], source, &s_run.route)) != 0)
        return code;
    if ((code = sockets_allow(s_run.flow_count)) != 0 || (code = loop_open()) != 0)
        return code;
    s_run.flows = calloc(s_run.flow_count, sizeof(*s_run.flows));
    if (s_run.flows == NULL)
        return setup_failed("memory for %llu flows", (unsigned long long)s_run.flow_count);
    for (uint64_t i = 0; i < s_run.flow_count && code == 0; i++)
        code = open_flow(i);
    return code != 0 ? code : run();
}
