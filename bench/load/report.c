#include "report.h"

#include "clock.h"
#include "loop.h"

#include <inttypes.h>
#include <stdio.h>

static int s_first;

static void name_next(const char *name)
{
    printf("%s\"%s\": ", s_first ? "" : ", ", name);
    s_first = 0;
}

void report_begin(const char *command)
{
    putchar('{');
    s_first = 1;
    report_text("command", command);
}

void report_object(const char *name)
{
    name_next(name);
    putchar('{');
    s_first = 1;
}

void report_close(void)
{
    putchar('}');
    s_first = 0;
}

void report_count(const char *name, uint64_t value)
{
    name_next(name);
    printf("%" PRIu64, value);
}

void report_number(const char *name, double value)
{
    name_next(name);
    printf("%.3f", value);
}

void report_text(const char *name, const char *value)
{
    name_next(name);
    printf("\"%s\"", value);
}

void report_durations(const char *name, const struct histogram *histogram)
{
    report_object(name);
    report_count("count", histogram->count);
    report_number("p50", histogram_at(histogram, 0.50));
    report_number("p90", histogram_at(histogram, 0.90));
    report_number("p99", histogram_at(histogram, 0.99));
    report_number("max", (double)histogram->most / 1000);
    report_close();
}

void report_failures(const struct failures *failures)
{
    report_count("failed", failures->total);
    report_object("failures");
    for (int i = 1; i < FAILURE_KINDS; i++) {
        if (failures->own[i] > 0)
            report_count(failure_name(-i), failures->own[i]);
    }
    for (int i = 0; i < FAILURE_ERRNOS; i++) {
        if (failures->errnos[i] > 0)
            report_count(failure_name(i), failures->errnos[i]);
    }
    report_close();
}

int report_end(int code)
{
    int signal = loop_stopped();

    report_number("own_cpu_s", clock_cpu());
    if (signal != 0)
        report_count("signal", (uint64_t)signal);
    puts("}");
    fflush(stdout);
    return signal != 0 ? 128 + signal : code;
}
