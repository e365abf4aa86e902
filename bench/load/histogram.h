/* Durations, counted in buckets of 0.8 % width: any number of samples in 60 KB. */
#ifndef TUNFLOW_LOAD_HISTOGRAM_H
#define TUNFLOW_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (256 + 56 * 128)

struct histogram {
    uint64_t count;
    uint64_t most; /* exact, ns */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* The value that this share (0 to 1) of the samples does not exceed, in microseconds and within 0.4 %; 0 without samples. */
double histogram_at(const struct histogram *histogram, double share);

#endif
