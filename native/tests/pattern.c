/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <string.h>

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ value >> 27) * 0x94D049BB133111EBull;
    return value ^ value >> 31;
}

static uint8_t pattern_at(uint64_t seed, uint64_t offset)
{
    return (uint8_t)(mix(seed * 0x9E3779B97F4A7C15ull + (offset >> 3)) >> ((offset & 7) * 8));
}

void pattern_fill(uint64_t seed, uint64_t offset, uint8_t *buffer, uint64_t length)
{
    uint64_t i = 0;
    for (; i < length && ((offset + i) & 7) != 0; i++) {
        buffer[i] = pattern_at(seed, offset + i);
    }
    for (; length - i >= 8; i += 8) {
        uint64_t word = mix(seed * 0x9E3779B97F4A7C15ull + ((offset + i) >> 3));
        for (int byte = 0; byte < 8; byte++) {
            buffer[i + (uint64_t)byte] = (uint8_t)(word >> (byte * 8));
        }
    }
    for (; i < length; i++) {
        buffer[i] = pattern_at(seed, offset + i);
    }
}

uint64_t pattern_check(uint64_t seed, uint64_t offset, const uint8_t *buffer, uint64_t length)
{
    uint8_t expected[512];
    for (uint64_t i = 0; i < length; i += sizeof expected) {
        uint64_t size = length - i < sizeof expected ? length - i : sizeof expected;
        pattern_fill(seed, offset + i, expected, size);
        if (memcmp(expected, buffer + i, size) != 0) {
            for (uint64_t j = 0; j < size; j++) {
                if (expected[j] != buffer[i + j]) {
                    return i + j;
                }
            }
        }
    }
    return length;
}

uint64_t prng_next(uint64_t *state)
{
    uint64_t x = *state != 0 ? *state : 0x9E3779B97F4A7C15ull;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545F4914F6CDD1Dull;
}

uint32_t prng_below(uint64_t *state, uint32_t bound)
{
    return bound == 0 ? 0 : (uint32_t)((prng_next(state) >> 32) % bound);
}
