/* Time and instructions of the stretches of code between counter_start and counter_stop, on this thread. */
#ifndef TUNFLOW_SHIM_BENCH_COUNTER_H
#define TUNFLOW_SHIM_BENCH_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reading {
    uint64_t nanoseconds;  /* processor time; of no use under valgrind */
    uint64_t instructions; /* 0 where nothing counts them */
} reading;

typedef enum counter_kind {
    COUNTER_NONE,     /* time only */
    COUNTER_HARDWARE, /* perf_event_open(2) */
    COUNTER_VALGRIND  /* this process runs under callgrind, which leaves its counts in files */
} counter_kind;

/* Opens what there is; `dumps` is callgrind's --callgrind-out-file, NULL outside of it. */
counter_kind counter_open(const char *dumps);
/* Before and after stretches that belong together; counter_end tells what they took. */
void counter_begin(void);
reading counter_end(void);

void counter_start(void);
void counter_stop(void);

#endif
