/* Connect, exchange, close, again and again, some at a time. */
#include "clock.h"
#include "commands.h"
#include "exchange.h"
#include "loop.h"
#include "options.h"
#include "report.h"
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum ending { CLIENT_FIN, CLIENT_RESET, CLIENT_HALF, SERVER_FIN };
static const char *const s_endings[] = {"client-fin", "client-reset", "client-half", "server-fin", NULL};

/* Requests that fill several segments need TCP_NODELAY, or their last one waits for an acknowledgment. */
#define ONE_SEGMENT 500

enum state { FREE, CONNECTING, EXCHANGING, ENDING };

struct slot {
    struct watch watch;
    enum state state;
    int descriptor;
    uint64_t started;
    struct exchange exchange;
};

static struct {
    struct route route;
    uint64_t count, seconds, parallel, bytes, answer, timeout;
    unsigned int ending;
    uint64_t begun, ended, active, until;
    struct slot *slots;
    struct histogram connects, totals;
    struct failures failures;
} s_run;

static void begin(struct slot *slot);

static void finish(struct slot *slot, int failure)
{
    failures_add(&s_run.failures, failure);
    if (failure == 0)
        s_run.ended++;
    close(slot->descriptor);
    slot->state = FREE;
    s_run.active--;
    begin(slot);
}

static void exchanged(struct slot *slot)
{
    histogram_add(&s_run.totals, clock_now() - slot->started);
    if (s_run.ending == CLIENT_RESET)
        socket_reset_at_close(slot->descriptor);
    if (s_run.ending == CLIENT_FIN || s_run.ending == CLIENT_RESET) {
        finish(slot, 0);
        return;
    }
    slot->state = ENDING;
    if (s_run.ending == CLIENT_HALF && shutdown(slot->descriptor, SHUT_WR) != 0)
        finish(slot, errno);
}

static void ready(struct watch *watch, uint32_t events)
{
    struct slot *slot = (struct slot *)watch;
    int failure = 0;

    if (slot->state == CONNECTING) {
        failure = (events & (EPOLLERR | EPOLLHUP)) != 0 ? socket_error(slot->descriptor) : 0;
        if (failure == 0 && (events & EPOLLOUT) == 0)
            return;
        if (failure == 0) {
            histogram_add(&s_run.connects, clock_now() - slot->started);
            slot->state = EXCHANGING;
        }
    }
    if (failure == 0 && slot->state == EXCHANGING) {
        int sent = exchange_send(&slot->exchange, slot->descriptor);
        failure = sent == EXCHANGE_WAITS ? 0 : sent;
        /* Nothing can have come before anything went. */
        if (failure == 0 && ((events & EPOLLIN) != 0 || slot->exchange.to_receive == 0 || sent == EXCHANGE_WAITS)) {
            int received = exchange_receive(&slot->exchange, slot->descriptor);
            failure = received == EXCHANGE_WAITS ? 0 : received;
            if (received == 0 && sent == 0) {
                exchanged(slot);
                if (slot->state != ENDING)
                    return;
            }
        }
    }
    if (failure == 0 && slot->state == ENDING) {
        failure = exchange_end(slot->descriptor);
        if (failure == EXCHANGE_WAITS)
            return;
        finish(slot, failure);
        return;
    }
    if (failure != 0)
        finish(slot, failure);
}

/* Begins the slot's next connection, unless all are begun. One that fails at once is counted, and the next one tried. */
static void begin(struct slot *slot)
{
    while (s_run.begun < s_run.count && loop_stopped() == 0) {
        slot->started = clock_now();
        if (slot->started >= s_run.until)
            return;
        uint64_t number = s_run.begun++;
        slot->descriptor = route_connect(&s_run.route, number, SOCK_STREAM);
        if (slot->descriptor >= 0) {
            slot->exchange = (struct exchange){.to_send = s_run.bytes, .to_receive = s_run.answer, .first = (uint8_t)number};
            slot->state = CONNECTING;
            if (s_run.bytes > ONE_SEGMENT)
                socket_no_delay(slot->descriptor);
            if (loop_add(slot->descriptor, EPOLLIN | EPOLLOUT | EPOLLET, &slot->watch) == 0) {
                s_run.active++;
                return;
            }
            int error = errno;
            close(slot->descriptor);
            errno = error;
        }
        slot->state = FREE;
        failures_add(&s_run.failures, errno);
    }
}

static void end_late(uint64_t now)
{
    for (uint64_t i = 0; i < s_run.parallel; i++) {
        struct slot *slot = &s_run.slots[i];
        if (slot->state != FREE && now - slot->started >= s_run.timeout * NANOSECONDS_PER_MILLISECOND)
            finish(slot, FAILURE_TIMEOUT);
    }
}

static int run(void)
{
    uint64_t sweep = s_run.timeout < 400 ? s_run.timeout * NANOSECONDS_PER_MILLISECOND / 4 : 100 * NANOSECONDS_PER_MILLISECOND;
    uint64_t started = clock_now();
    uint64_t next = started + sweep;

    s_run.until = s_run.seconds > 0 ? started + s_run.seconds * NANOSECONDS_PER_SECOND : NEVER;
    for (uint64_t i = 0; i < s_run.parallel; i++) {
        s_run.slots[i].watch.ready = ready;
        begin(&s_run.slots[i]);
    }
    while (s_run.active > 0 && loop_stopped() == 0) {
        loop_run_once(next);
        uint64_t now = clock_now();
        if (now >= next) {
            end_late(now);
            next = now + sweep;
        }
    }
    double seconds = (double)(clock_now() - started) / NANOSECONDS_PER_SECOND;
    report_begin("connections");
    report_text("end", s_endings[s_run.ending]);
    report_count("count", s_run.ended);
    report_failures(&s_run.failures);
    report_number("seconds", seconds);
    report_number("rate", (double)s_run.ended / seconds);
    report_durations("connect_us", &s_run.connects);
    report_durations("total_us", &s_run.totals);
    return report_end(s_run.failures.total > 0 ? EXIT_FAILURES : EXIT_DONE);
}

int connections_run(int argc, char **argv)
{
    const char *source = NULL;
    char **plain;
    int count;
    s_run.count = 1000;
    s_run.parallel = 1;
    s_run.bytes = 16;
    s_run.answer = UINT64_MAX;
    s_run.timeout = 10000;
    struct option options[] = {
        {"--count", OPTION_NUMBER, &s_run.count, 1, UINT64_MAX, NULL, "connections in all"},
        {"--seconds", OPTION_NUMBER, &s_run.seconds, 0, 86400, NULL, "begin none after this time; 0: no limit"},
        {"--parallel", OPTION_NUMBER, &s_run.parallel, 1, 100000, NULL, "connections at a time"},
        {"--bytes", OPTION_NUMBER, &s_run.bytes, 0, 1ull << 40, NULL, "what each sends; 0: connects only"},
        {"--answer", OPTION_NUMBER, &s_run.answer, 0, 1ull << 40, NULL, "what it expects back; without this option as much as it sends"},
        {"--end", OPTION_CHOICE, &s_run.ending, 0, 0, s_endings, "who ends it"},
        {"--timeout", OPTION_NUMBER, &s_run.timeout, 1, 3600000, NULL, "milliseconds that one may take"},
        {"--source", OPTION_TEXT, &source, 0, 0, NULL, "addresses to come from, ADDRESS or FIRST-LAST"},
        {0},
    };
    struct command command = {
        "connections", "TARGET",
        "Connections that send a request, check the answer and end. client-fin and client-reset close at once; client-half ends the sending\n"
        "and waits for the server's end; server-fin waits for it without that. connect_us is until the connection stands, total_us until the answer is whole.",
        options, 1, 1};
    int code = options_parse(&command, argc, argv, &plain, &count);
    if (code >= 0 || (code = route_parse(plain[0], source, &s_run.route)) != 0)
        return code;
    if (s_run.answer == UINT64_MAX)
        s_run.answer = s_run.bytes;
    if (s_run.parallel > s_run.count)
        s_run.parallel = s_run.count;
    if ((code = sockets_allow(s_run.parallel)) != 0 || (code = loop_open()) != 0)
        return code;
    s_run.slots = calloc(s_run.parallel, sizeof(*s_run.slots));
    if (s_run.slots == NULL)
        return setup_failed("memory for %llu connections", (unsigned long long)s_run.parallel);
    code = run();
    free(s_run.slots);
    return code;
}
