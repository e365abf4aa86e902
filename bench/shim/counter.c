#include "counter.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS
#define RUNNING_ON_VALGRIND 0
#endif

static counter_kind s_kind;
static int s_event = -1;
static const char *s_dumps;
static unsigned int s_dump_count;
static uint64_t s_started;
static uint64_t s_nanoseconds;

static uint64_t thread_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool open_event(void)
{
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
    attributes.disabled = 1;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    s_event = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return s_event >= 0;
}

counter_kind counter_open(const char *dumps)
{
    s_dumps = dumps;
    if (dumps != NULL) {
        s_kind = RUNNING_ON_VALGRIND ? COUNTER_VALGRIND : COUNTER_NONE;
    } else {
        s_kind = open_event() ? COUNTER_HARDWARE : COUNTER_NONE;
    }
    return s_kind;
}

void counter_begin(void)
{
    s_nanoseconds = 0;
    if (s_kind == COUNTER_HARDWARE) {
        ioctl(s_event, PERF_EVENT_IOC_RESET, 0);
    } else if (s_kind == COUNTER_VALGRIND) {
        CALLGRIND_START_INSTRUMENTATION;
        CALLGRIND_ZERO_STATS;
    }
}

void counter_start(void)
{
    s_started = thread_time();
    if (s_kind == COUNTER_HARDWARE) {
        ioctl(s_event, PERF_EVENT_IOC_ENABLE, 0);
    } else if (s_kind == COUNTER_VALGRIND) {
        CALLGRIND_TOGGLE_COLLECT;
    }
}

void counter_stop(void)
{
    if (s_kind == COUNTER_HARDWARE) {
        ioctl(s_event, PERF_EVENT_IOC_DISABLE, 0);
    } else if (s_kind == COUNTER_VALGRIND) {
        CALLGRIND_TOGGLE_COLLECT;
    }
    s_nanoseconds += thread_time() - s_started;
}

/* Callgrind numbers its files, and writes one when it is told to, before it goes on. */
static uint64_t read_dump(void)
{
    char name[4096], line[256];
    uint64_t count = 0;
    snprintf(name, sizeof name, "%s.%u", s_dumps, ++s_dump_count);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        fprintf(stderr, "shim-bench: %s: %s\n", name, strerror(errno));
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "totals: %" SCNu64, &count) == 1 || sscanf(line, "summary: %" SCNu64, &count) == 1) {
            break;
        }
    }
    fclose(file);
    return count;
}

reading counter_end(void)
{
    reading result = {.nanoseconds = s_nanoseconds};
    if (s_kind == COUNTER_HARDWARE && read(s_event, &result.instructions, sizeof result.instructions) < 0) {
        perror("shim-bench: read of the instruction counter");
        exit(1);
    }
    if (s_kind == COUNTER_VALGRIND) {
        CALLGRIND_DUMP_STATS;
        CALLGRIND_STOP_INSTRUMENTATION;
        result.instructions = read_dump();
    }
    return result;
}
