/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "udp.h"

static const uint32_t families[] = {4, 6};

static tf_endpoint left(uint32_t family)
{
    return family == 4 ? wire_endpoint4(10, 0, 0, 2, 7000) : wire_endpoint6(2, 7000);
}

static tf_endpoint right(uint32_t family)
{
    return family == 4 ? wire_endpoint4(192, 0, 2, 1, 53) : wire_endpoint6(1, 53);
}

/* A whole UDP packet of `length` payload bytes with pattern `seed`. */
static uint32_t whole(uint32_t family, uint64_t seed, uint32_t length, uint8_t *packet)
{
    static uint8_t payload[WIRE_MAX];
    pattern_fill(seed, 0, payload, length);
    wire w = {.src = left(family),
              .dst = right(family),
              .protocol = WIRE_UDP,
              .payload = payload,
              .payload_length = length};
    uint32_t size = wire_build(&w, packet, WIRE_MAX);
    CHECK(size != 0);
    return size;
}

TEST(fragments_in_any_order)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        for (uint64_t round = 1; round <= 20; round++) {
            uint32_t size = whole(families[f], round, 9000, packet);
            uint32_t order[40];
            uint32_t count = 0;
            while (wire_fragment(packet, size, 700, 1, count, fragment, sizeof fragment) != 0) {
                order[count] = count;
                count++;
            }
            for (uint32_t i = count - 1; i > 0; i--) {
                uint32_t j = prng_below(&s->random, i + 1);
                uint32_t swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
            for (uint32_t i = 0; i < count; i++) {
                uint32_t piece =
                    wire_fragment(packet, size, 700, (uint32_t)round, order[i], fragment, sizeof fragment);
                CHECK_EQ(1, sim_input(s, fragment, piece, NULL));
            }
            sim_pump(s);
            udp_expect(s, sim_session(s)->id, right(families[f]), round, 9000);
        }
        CHECK_EQ(0, sim_drops(s, TF_DROP_REASSEMBLY));
        sim_close(s);
    }
}

TEST(fragmented_tcp_segments)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, index);
        flow *f = peer_open(p);
        f->reads = true;
        uint8_t payload[1400];
        pattern_fill(1, 0, payload, sizeof payload);
        wire w = peer_wire(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, peer_window(p));
        w.payload = payload;
        w.payload_length = sizeof payload;
        uint32_t size = wire_build(&w, packet, sizeof packet);
        p->snd_nxt = p->snd_max = p->snd_nxt + 1400;
        for (uint32_t i = 0;; i++) {
            uint32_t piece = wire_fragment(packet, size, 576, 5, i, fragment, sizeof fragment);
            if (piece == 0) {
                break;
            }
            CHECK_EQ(1, sim_input(s, fragment, piece, NULL));
        }
        SIM_WAIT(s, SECONDS, f->received == 1400);
        p->to_send = 1400;
        sim_close(s);
    }
}

static void small_reassembly(tf_config *config)
{
    config->reassembly_bytes = 64 * 1024;
}

/* Acceptance row 19 */
TEST(reassembly_stays_under_its_cap)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(small_reassembly);
        uint64_t before = sim_stats(s).native_bytes;
        uint32_t size = whole(families[f], 1, 9000, packet);
        for (uint32_t id = 1; id <= 500; id++) {
            uint32_t piece = wire_fragment(packet, size, 1500, id, id % 3, fragment, sizeof fragment);
            sim_input(s, fragment, piece, NULL);
            CHECK(sim_stats(s).native_bytes - before <= 64 * 1024 + 8192);
        }
        CHECK(sim_drops(s, TF_DROP_REASSEMBLY) >= 300);
        CHECK(tf_stack_deadline(s->stack) != TF_NO_DEADLINE);
        sim_run(s, 40 * SECONDS);
        CHECK_EQ(before, sim_stats(s).native_bytes);
        CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
        /* And it works again. */
        udp_in(s, left(families[f]), right(families[f]), 3, 9000, true);
        sim_pump(s);
        udp_expect(s, sim_session(s)->id, right(families[f]), 3, 9000);
        sim_close(s);
    }
}

/* Acceptance row 19 */
TEST(tiny_fragments_stay_under_the_cap)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(small_reassembly);
        uint64_t before = sim_stats(s).native_bytes;
        uint32_t size = whole(families[f], 1, 60000, packet);
        /* 8 bytes of payload each: bookkeeping outweighs the data. */
        for (uint32_t i = 1; i < 7000; i++) {
            uint32_t piece =
                wire_fragment(packet, size, families[f] == 4 ? 28 : 56, 1, i, fragment, sizeof fragment);
            CHECK(piece != 0);
            sim_input(s, fragment, piece, NULL);
        }
        CHECK(sim_stats(s).native_bytes - before <= 64 * 1024 + 8192);
        sim_run(s, 40 * SECONDS);
        CHECK_EQ(before, sim_stats(s).native_bytes);
        sim_close(s);
    }
}

/* RFC 8200 4.5: the source learns of it. Over IPv4 nothing is sent. */
static void check_time_exceeded(sim *s, uint32_t family)
{
    const packet *answer = sim_stray(s);
    if (family == 4) {
        CHECK(answer == NULL);
        return;
    }
    tf_endpoint from = right(family);
    tf_endpoint to = left(family);
    CHECK(answer != NULL);
    CHECK_EQ(WIRE_ICMP6, answer->header.protocol);
    CHECK_EQ(3, answer->header.icmp_type);
    CHECK_EQ(1, answer->header.icmp_code);
    CHECK(wire_same_address(&from, &answer->header.src));
    CHECK(wire_same_address(&to, &answer->header.dst));
    CHECK(answer->length <= 1280);
    CHECK(sim_stray(s) == NULL);
}

/* Acceptance row 19 */
TEST(incomplete_datagrams_time_out)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        uint32_t size = whole(families[f], 1, 4000, packet);
        uint32_t piece = wire_fragment(packet, size, 1500, 9, 0, fragment, sizeof fragment);
        CHECK_EQ(1, sim_input(s, fragment, piece, NULL));
        sim_run(s, 60 * SECONDS);
        check_time_exceeded(s, families[f]);
        CHECK_EQ(1, sim_drops(s, TF_DROP_REASSEMBLY));
        CHECK_EQ(s->base_bytes, sim_stats(s).native_bytes);
        /* Too late for the rest. */
        piece = wire_fragment(packet, size, 1500, 9, 1, fragment, sizeof fragment);
        sim_input(s, fragment, piece, NULL);
        piece = wire_fragment(packet, size, 1500, 9, 2, fragment, sizeof fragment);
        sim_input(s, fragment, piece, NULL);
        sim_pump(s);
        CHECK(s->sessions == NULL);
        sim_close(s);
    }
}

TEST(overlapping_fragments_are_dropped)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        uint32_t size = whole(families[f], 1, 4000, packet);
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t piece = wire_fragment(packet, size, 1500, 9, i, fragment, sizeof fragment);
            sim_input(s, fragment, piece, NULL);
        }
        /* Another cut of the same datagram with other bytes: the second piece crosses the first. */
        size = whole(families[f], 2, 4000, packet);
        uint32_t piece = wire_fragment(packet, size, 800, 9, 1, fragment, sizeof fragment);
        sim_input(s, fragment, piece, NULL);
        CHECK(sim_drops(s, TF_DROP_REASSEMBLY) >= 1);
        sim_run(s, 40 * SECONDS);
        sim_close(s);
    }
}

/* Acceptance row 19 */
TEST(overlapping_fragments_end_their_datagram)
{
    /* RFC 5722 3: also what has not arrived yet cannot complete it. A repetition is no overlap. */
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t variant = 0; variant < 4; variant++) {
        sim *s = sim_open(NULL);
        uint32_t f = variant & 1;
        bool repeated = variant >= 2;
        uint32_t size = whole(families[f], 1, 4000, packet);
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t piece = wire_fragment(packet, size, 1504, 9, i, fragment, sizeof fragment);
            CHECK_EQ(1, sim_input(s, fragment, piece, NULL));
        }
        uint32_t piece = wire_fragment(packet, size, repeated ? 1504 : 800, 9, 1, fragment, sizeof fragment);
        CHECK_EQ(0, sim_input(s, fragment, piece, NULL));
        CHECK_EQ(1, sim_drops(s, TF_DROP_REASSEMBLY));
        piece = wire_fragment(packet, size, 1504, 9, 2, fragment, sizeof fragment);
        CHECK_EQ(1, sim_input(s, fragment, piece, NULL));
        sim_pump(s);
        CHECK_EQ(repeated, s->sessions != NULL);
        CHECK_EQ(0, tf_output_pending(s->stack));
        sim_run(s, 40 * SECONDS);
        CHECK(sim_stray(s) == NULL);
        sim_close(s);
    }
}

/* Acceptance row 19 */
TEST(impossible_fragments_are_dropped)
{
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        uint8_t payload[1400];
        memset(payload, 7, sizeof payload);
        wire w = {.src = left(families[f]),
                  .dst = right(families[f]),
                  .protocol = WIRE_UDP,
                  .fragment = true,
                  .fragment_id = 4};
        w.payload = payload;
        /* The ping of death: beyond 65535 bytes. */
        w.fragment_offset = 65528;
        w.payload_length = 100;
        CHECK_EQ(0, sim_input_wire(s, &w));
        /* Not a multiple of eight, and more to come. */
        w.fragment_offset = 0;
        w.more_fragments = true;
        w.payload_length = 1001;
        CHECK_EQ(0, sim_input_wire(s, &w));
        /* No payload at all. */
        w.payload_length = 0;
        CHECK_EQ(0, sim_input_wire(s, &w));
        CHECK_EQ(3, sim_drops(s, TF_DROP_FRAGMENT));
        sim_run(s, 40 * SECONDS);
        CHECK(sim_stray(s) == NULL);
        sim_close(s);
    }
}

TEST(fragments_of_unserved_protocols_are_dropped)
{
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        uint8_t payload[800] = {0};
        wire w = {.src = left(families[f]),
                  .dst = right(families[f]),
                  .protocol = 47,
                  .fragment = true,
                  .fragment_id = 4,
                  .more_fragments = true};
        w.payload = payload;
        w.payload_length = sizeof payload;
        CHECK_EQ(0, sim_input_wire(s, &w));
        CHECK_EQ(1, sim_drops(s, TF_DROP_PROTOCOL) + sim_drops(s, TF_DROP_FRAGMENT));
        CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
        sim_close(s);
    }
}

TEST(fragment_with_a_wrong_checksum_is_dropped_whole)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    for (uint32_t f = 0; f < 2; f++) {
        sim *s = sim_open(NULL);
        uint32_t size = whole(families[f], 1, 3000, packet);
        packet[size - 1] ^= 1;
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t piece = wire_fragment(packet, size, 1500, 9, i, fragment, sizeof fragment);
            if (piece != 0) {
                sim_input(s, fragment, piece, NULL);
            }
        }
        sim_pump(s);
        CHECK(s->sessions == NULL);
        CHECK_EQ(1, sim_drops(s, TF_DROP_CHECKSUM));
        sim_close(s);
    }
}
