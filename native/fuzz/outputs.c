/* SPDX-License-Identifier: Apache-2.0
 *
 * What leaves the stack: checked like in the tests, and read by the client's
 * side of the connections.
 */
#include "world.h"

#include <string.h>

static void learn(world *w, const wire *packet)
{
    if (packet->protocol != WIRE_TCP || packet->fragment) {
        return;
    }
    for (uint32_t i = 0; i < TUPLES; i++) {
        tuple *one = &w->tuples[i];
        if (wire_same_endpoint(&one->self, &packet->dst) && wire_same_endpoint(&one->remote, &packet->src)) {
            uint32_t length = packet->payload_length + ((packet->flags & (WIRE_SYN | WIRE_FIN)) != 0 ? 1 : 0);
            one->expected = packet->seq + length;
            if ((packet->flags & WIRE_ACK) != 0) {
                one->acked = packet->ack;
            }
        }
    }
}

static void check(world *w, const tf_output *entry)
{
    static uint8_t copy[TF_MAX_PACKET];
    if (entry->slice_count < 1 || entry->slice_count > TF_MAX_SLICES || entry->packets < 1) {
        finding("an output entry without slices");
    }
    uint64_t length = 0;
    uint8_t folded = 0;
    for (uint32_t i = 0; i < entry->slice_count; i++) {
        length += entry->slices[i].length;
        for (uint64_t j = 0; j < entry->slices[i].length; j += 64) {
            folded ^= entry->slices[i].data[j];
        }
    }
    /* The read above is for the sanitizers; this keeps it from being optimised away. */
    __asm__ volatile("" : : "r"(folded));
    memset(entry->slices[0].data - TF_OUTPUT_HEADROOM, folded, TF_OUTPUT_HEADROOM);
    if (length != entry->length || length > TF_MAX_PACKET) {
        finding("an output entry of another length");
    }
    for (uint32_t i = 0; i < entry->packets; i++) {
        int32_t size = tf_output_copy(entry, i, copy, sizeof copy);
        wire packet;
        if (size <= 0 || wire_parse(copy, (uint32_t)size, &packet) != NULL) {
            finding("a malformed output packet");
        }
        if ((uint32_t)size > w->mtu) {
            finding("an output packet beyond the MTU");
        }
        learn(w, &packet);
    }
}

void outputs_free(world *w)
{
    tf_output_free(w->outputs, w->output_count);
    w->output_count = 0;
}

void outputs_take(world *w, uint32_t most, bool keep)
{
    if (!keep || w->output_count + most > OUTPUTS) {
        outputs_free(w);
    }
    most = most < OUTPUTS ? most : OUTPUTS;
    int32_t count = tf_output_take(w->stack, w->now, w->outputs + w->output_count, most);
    if (count < 0 || (uint32_t)count > most) {
        finding("tf_output_take");
    }
    for (int32_t i = 0; i < count; i++) {
        check(w, w->outputs[w->output_count + (uint32_t)i]);
    }
    w->output_count += (uint32_t)count;
    if (!keep) {
        outputs_free(w);
    }
}
