/* Time in nanoseconds of the monotonic clock. */
#ifndef TUNFLOW_LOAD_CLOCK_H
#define TUNFLOW_LOAD_CLOCK_H

#include <stdint.h>

#define NANOSECONDS_PER_MILLISECOND 1000000ull
#define NANOSECONDS_PER_SECOND 1000000000ull
#define NEVER UINT64_MAX

uint64_t clock_now(void);

/* Processor seconds of this process so far: what the generator itself takes from what it measures. */
double clock_cpu(void);

#endif
