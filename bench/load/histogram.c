#include "histogram.h"

/* Exact below 256; above, the first eight significant bits choose the bucket. */
static unsigned int bucket_of(uint64_t value)
{
    if (value < 256)
        return (unsigned int)value;
    unsigned int shift = 56u - (unsigned int)__builtin_clzll(value);
    return 256 + (shift - 1) * 128 + (unsigned int)(value >> shift) - 128;
}

static double middle_of(unsigned int bucket)
{
    if (bucket < 256)
        return bucket;
    unsigned int shift = (bucket - 256) / 128 + 1;
    uint64_t low = (uint64_t)((bucket - 256) % 128 + 128) << shift;
    return (double)low + (double)(1ull << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
    histogram->count++;
    histogram->buckets[bucket_of(nanoseconds)]++;
    if (nanoseconds > histogram->most)
        histogram->most = nanoseconds;
}

double histogram_at(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            double value = middle_of(i);
            return (value < (double)histogram->most ? value : (double)histogram->most) / 1000;
        }
    }
    return 0;
}
