#include "clock.h"
#include "commands.h"
#include "options.h"
#include "report.h"
#include "roundtrips.h"

int pingpong_run(int argc, char **argv)
{
    static struct roundtrips trips;
    struct route route;
    const char *source = NULL;
    uint64_t number = 10000, seconds = 0, parallel = 1, bytes = 16, timeout = 1000, interval = 0;
    int datagrams = 0;
    char **plain;
    int count;
    struct option options[] = {
        {"--udp", OPTION_FLAG, &datagrams, 0, 0, NULL, "datagrams instead of connections"},
        {"--count", OPTION_NUMBER, &number, 1, UINT64_MAX, NULL, "round trips in all"},
        {"--seconds", OPTION_NUMBER, &seconds, 0, 86400, NULL, "for this time instead; 0: --count decides"},
        {"--parallel", OPTION_NUMBER, &parallel, 1, 100000, NULL, "connections or sockets, each with one round trip at a time"},
        {"--bytes", OPTION_NUMBER, &bytes, 1, 65507, NULL, "of a request, and of its answer; at least 8 with --udp"},
        {"--interval", OPTION_NUMBER, &interval, 0, 3600000000, NULL, "microseconds from an answer to the next request"},
        {"--timeout", OPTION_NUMBER, &timeout, 1, 3600000, NULL, "milliseconds that an answer may take"},
        {"--source", OPTION_TEXT, &source, 0, 0, NULL, "addresses to come from, ADDRESS or FIRST-LAST"},
        {0},
    };
    struct command command = {
        "pingpong", "TARGET",
        "Round trips on connections (or sockets) that are open already. The first one of each is not counted. A connection ends at its first\n"
        "failure; a datagram that is not answered in time is counted as lost (timeout), and the next one sent.",
        options, 1, 1};
    int code = options_parse(&command, argc, argv, &plain, &count);

    if (code >= 0 || (code = route_parse(plain[0], source, &route)) != 0)
        return code;
    if (datagrams && bytes < ROUNDTRIP_SEQUENCE)
        return usage_failed("--bytes: a datagram needs %d for its number", ROUNDTRIP_SEQUENCE);
    if ((code = sockets_allow(parallel)) != 0 || (code = loop_open()) != 0)
        return code;
    trips = (struct roundtrips){.route = &route, .datagrams = datagrams, .parallel = parallel, .bytes = bytes,
                                .timeout = timeout * NANOSECONDS_PER_MILLISECOND, .interval = interval * 1000};
    if ((code = roundtrips_open(&trips)) != 0)
        return code;
    uint64_t started = clock_now();
    roundtrips_run(&trips, seconds > 0 ? UINT64_MAX : number, seconds > 0 ? started + seconds * NANOSECONDS_PER_SECOND : NEVER);
    double elapsed = (double)(clock_now() - started) / NANOSECONDS_PER_SECOND;
    report_begin("pingpong");
    report_text("protocol", datagrams ? "udp" : "tcp");
    report_count("broken", parallel - trips.alive);
    report_number("seconds", elapsed);
    report_number("rate", (double)trips.durations.count / elapsed);
    roundtrips_report(&trips, "results");
    roundtrips_close(&trips);
    return report_end(trips.failures.total > 0 ? EXIT_FAILURES : EXIT_DONE);
}
