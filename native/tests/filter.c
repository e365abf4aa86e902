/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stddef.h>

const tf_endpoint application4 = {.address = {10, 0, 0, 2}, .port = 40000, .family = 4};
const tf_endpoint server4 = {.address = {192, 0, 2, 1}, .port = 80, .family = 4};
const tf_endpoint application6 = {.address = {0x20, 1, 0xd, 0xb8, [15] = 2}, .port = 40000, .family = 6};
const tf_endpoint server6 = {.address = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 80, .family = 6};

wire syn(uint32_t family)
{
    wire w = {.src = family == 4 ? application4 : application6,
              .dst = family == 4 ? server4 : server6,
              .protocol = WIRE_TCP,
              .seq = 1000,
              .flags = WIRE_SYN,
              .window = 65535};
    return w;
}

wire datagram(uint32_t family)
{
    wire w = syn(family);
    w.protocol = WIRE_UDP;
    w.payload = (const uint8_t *)"0123456789";
    w.payload_length = 10;
    return w;
}

void dropped_bytes(sim *s, const uint8_t *bytes, uint32_t length, tf_drop reason, int line)
{
    tf_stats before = sim_stats(s);
    int32_t taken = sim_input(s, bytes, length, NULL);
    tf_stats after = sim_stats(s);
    for (uint32_t i = 0; i < TF_DROP_REASONS; i++) {
        uint64_t expected = before.drops[i] + (i == (uint32_t)reason ? 1 : 0);
        if (after.drops[i] != expected) {
            test_fail(__FILE__, line, "drops[%u]: expected %llu, got %llu", i,
                      (unsigned long long)expected, (unsigned long long)after.drops[i]);
        }
    }
    CHECK_EQ(0, taken);
    CHECK_EQ(before.native_bytes, after.native_bytes);
    CHECK_EQ(0, tf_output_pending(s->stack));
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
}

void dropped_wire(sim *s, const wire *w, tf_drop reason, int line)
{
    static uint8_t bytes[WIRE_MAX];
    uint32_t length = wire_build(w, bytes, sizeof bytes);
    CHECK(length != 0);
    dropped_bytes(s, bytes, length, reason, line);
}
