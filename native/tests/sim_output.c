/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fixture demands of every packet that leaves the stack.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *flatten(const tf_output *entry)
{
    CHECK(entry->slice_count >= 1 && entry->slice_count <= TF_MAX_SLICES);
    CHECK(entry->length >= 20 && entry->length <= TF_MAX_PACKET);
    uint8_t *flat = malloc(entry->length);
    CHECK(flat != NULL);
    uint64_t length = 0;
    for (uint32_t i = 0; i < entry->slice_count; i++) {
        CHECK(entry->slices[i].length > 0);
        CHECK(length + entry->slices[i].length <= entry->length);
        memcpy(flat + length, entry->slices[i].data, entry->slices[i].length);
        length += entry->slices[i].length;
    }
    CHECK_EQ(entry->length, length);
    /* A device puts its own header there. */
    memset(entry->slices[0].data - TF_OUTPUT_HEADROOM, 0xEE, TF_OUTPUT_HEADROOM);
    return flat;
}

/* Whether a copy equals what we made of the same entry. The identification of
 * an atomic IPv4 datagram (RFC 6864) is the only thing they may differ in. */
static void check_same(const uint8_t *expected, uint32_t length, uint8_t *copy)
{
    if (expected[0] >> 4 == 4 && (expected[6] & 0x40) != 0) {
        memcpy(copy + 4, expected + 4, 2);
        wire_fix_checksums(copy, length);
    }
    for (uint32_t i = 0; i < length; i++) {
        if (expected[i] != copy[i]) {
            test_fail(__FILE__, __LINE__, "tf_output_copy differs at byte %u of %u: %02x, not %02x", i,
                      length, copy[i], expected[i]);
        }
    }
}

static void check_super_header(const tf_output *entry, const wire *w)
{
    const tf_offload *offload = &entry->offload;
    CHECK_EQ(w->src.family == 4 ? TF_GSO_TCP4 : TF_GSO_TCP6, offload->gso_type);
    CHECK_EQ(WIRE_TCP, w->protocol);
    CHECK_EQ(w->header_length, offload->header_length);
    CHECK(offload->gso_size > 0);
    CHECK(w->payload_length > offload->gso_size);
    CHECK_EQ((w->payload_length + offload->gso_size - 1) / offload->gso_size, entry->packets);
    CHECK((w->flags & (WIRE_SYN | WIRE_RST | WIRE_URG)) == 0);
}

static void deliver_copy(sim *s, const tf_output *entry, uint32_t index, packet_queue *out)
{
    uint8_t *copy = malloc(TF_MAX_PACKET);
    CHECK(copy != NULL);
    int32_t length = tf_output_copy(entry, index, copy, TF_MAX_PACKET);
    CHECK(length > 0);
    /* A short buffer cuts the packet off and still tells its length. */
    uint8_t start[24];
    memset(start, 0xA5, sizeof start);
    CHECK_EQ(length, tf_output_copy(entry, index, start, 20));
    CHECK(memcmp(start, copy, 20) == 0);
    CHECK(start[20] == 0xA5 && start[23] == 0xA5);

    packet *one = packet_new(copy, (uint32_t)length, NULL);
    free(copy);
    const char *error = wire_parse(one->data, one->length, &one->header);
    if (error != NULL) {
        test_fail(__FILE__, __LINE__, "output packet: %s", error);
    }
    CHECK(one->length <= s->mtu);
    packet_push(out, one);
}

void sim_check_output(sim *s, const tf_output *entry, packet_queue *out)
{
    uint8_t *flat = flatten(entry);
    const tf_offload *offload = &entry->offload;
    bool partial = offload->checksum == TF_CHECKSUM_PARTIAL;
    CHECK(partial || offload->checksum == TF_CHECKSUM_UNVERIFIED);
    wire w;
    const char *error = partial ? wire_parse_partial(flat, entry->length, &w)
                                : wire_parse(flat, entry->length, &w);
    if (error != NULL) {
        test_fail(__FILE__, __LINE__, "output entry: %s", error);
    }
    if (partial) {
        CHECK_EQ(w.src.family == 4 ? 20 : 40, offload->checksum_start);
        CHECK_EQ(w.protocol == WIRE_TCP ? 16 : 6, offload->checksum_offset);
    }
    s->outputs++;
    s->fragments_out += w.fragment;
    if (offload->gso_type == TF_GSO_NONE) {
        CHECK_EQ(1, entry->packets);
        CHECK_EQ(0, offload->gso_size);
        deliver_copy(s, entry, 0, out);
        if (partial) {
            wire_fix_checksums(flat, entry->length);
        }
        CHECK_EQ(entry->length, out->last->length);
        check_same(flat, entry->length, out->last->data);
    } else {
        CHECK(partial);
        CHECK((s->config.flags & TF_STACK_COALESCE) != 0);
        check_super_header(entry, &w);
        s->super_packets++;
        uint8_t *segment = malloc(TF_MAX_PACKET);
        CHECK(segment != NULL);
        for (uint32_t i = 0; i < entry->packets; i++) {
            uint32_t length =
                wire_segment(flat, entry->length, offload, i, segment, TF_MAX_PACKET);
            CHECK(length != 0);
            deliver_copy(s, entry, i, out);
            CHECK_EQ(length, out->last->length);
            check_same(segment, length, out->last->data);
        }
        free(segment);
    }
    uint8_t beyond[20];
    CHECK(tf_output_copy(entry, entry->packets, beyond, sizeof beyond) < 0);
    free(flat);
}
