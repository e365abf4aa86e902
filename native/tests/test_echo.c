/* SPDX-License-Identifier: Apache-2.0
 *
 * Echo requests that are left to the caller, and those larger than the MTU.
 */
#include <string.h>

#include "sim.h"

static void queued(tf_config *config)
{
    config->flags |= TF_STACK_ECHO_QUEUE;
    config->max_echoes = 4;
}

static void answered(tf_config *config)
{
    config->flags |= TF_STACK_ECHO_REPLY;
}

static wire request(uint32_t family, uint32_t rest, const uint8_t *payload, uint32_t length)
{
    wire w = {.src = family == 4 ? wire_endpoint4(10, 0, 0, 2, 0) : wire_endpoint6(2, 0),
              .dst = family == 4 ? wire_endpoint4(8, 8, 8, 8, 0) : wire_endpoint6(0x8888, 0),
              .protocol = family == 4 ? WIRE_ICMP4 : WIRE_ICMP6,
              .hop_limit = 7,
              .icmp_type = family == 4 ? 8 : 128,
              .icmp_rest = rest,
              .payload = payload,
              .payload_length = length};
    return w;
}

static void send_large(sim *s, const wire *w)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    static uint32_t id = 1;
    uint32_t size = wire_build(w, packet, sizeof packet);
    CHECK(size > s->mtu);
    id++;
    for (uint32_t i = 0;; i++) {
        uint32_t piece = wire_fragment(packet, size, s->mtu, id, i, fragment, sizeof fragment);
        if (piece == 0) {
            return;
        }
        sim_input(s, fragment, piece, NULL);
    }
}

static void expect_reply(sim *s, const wire *w)
{
    sim_pump(s);
    const packet *answer = sim_stray(s);
    CHECK(answer != NULL);
    CHECK_EQ(w->src.family == 4 ? 0 : 129, answer->header.icmp_type);
    CHECK_EQ(0, answer->header.icmp_code);
    CHECK_EQ(w->icmp_rest, answer->header.icmp_rest);
    CHECK_EQ(64, answer->header.hop_limit);
    CHECK(wire_same_address(&w->dst, &answer->header.src));
    CHECK(wire_same_address(&w->src, &answer->header.dst));
    CHECK_EQ(w->payload_length, answer->header.payload_length);
    CHECK(memcmp(w->payload, answer->header.payload, w->payload_length) == 0);
    CHECK(sim_stray(s) == NULL);
}

TEST(large_echo_requests_are_answered_in_fragments)
{
    static uint8_t payload[65000];
    pattern_fill(3, 0, payload, sizeof payload);
    static const uint32_t sizes[] = {1473, 4000, 65000};
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(answered);
        for (uint32_t i = 0; i < 3; i++) {
            wire w = request(family, i, payload, sizes[i]);
            uint64_t before = s->fragments_out;
            send_large(s, &w);
            expect_reply(s, &w);
            CHECK(s->fragments_out >= before + 2);
        }
        CHECK_EQ(3, sim_stats(s).echo_replies);
        CHECK_EQ(0, sim_drops(s, TF_DROP_FRAGMENT));
        sim_close(s);
    }
}

static void dropped(tf_config *config)
{
    config->flags &= ~(uint32_t)TF_STACK_ECHO_REPLY;
}

TEST(fragments_of_unwanted_echo_requests_are_dropped)
{
    static uint8_t payload[3000];
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(dropped);
        wire w = request(family, 1, payload, sizeof payload);
        send_large(s, &w);
        CHECK_EQ(3, sim_drops(s, TF_DROP_FRAGMENT));
        CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
        sim_close(s);
    }
}

/* Weakness W21 */
TEST(queued_echo_requests_come_out_whole_and_are_answered_as_told)
{
    static uint8_t payload[5000];
    pattern_fill(9, 0, payload, sizeof payload);
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(queued);
        wire w = request(family, 0xABCD0001, payload, 100);
        CHECK_EQ(1, sim_input_wire(s, &w));
        CHECK_EQ(1, sim_input_wire(s, &w));
        wire large = request(family, 0xABCD0002, payload, sizeof payload);
        send_large(s, &large);
        sim_pump(s);
        CHECK_EQ(1, s->echo_events); /* until somebody looks */
        CHECK(sim_stray(s) == NULL);
        tf_datagram *requests[4];
        CHECK_EQ(3, tf_echo_receive(s->stack, requests, 4));
        CHECK_EQ(0, tf_echo_receive(s->stack, requests + 3, 1));
        for (uint32_t i = 0; i < 3; i++) {
            const wire *sent = i < 2 ? &w : &large;
            wire got;
            CHECK(wire_parse(requests[i]->data, requests[i]->length, &got) == NULL);
            CHECK(wire_same_address(&sent->dst, &requests[i]->destination));
            CHECK_EQ(0, requests[i]->destination.port);
            CHECK_EQ(i < 2 ? 7 : 64, got.hop_limit); /* wire_fragment builds with 64 */
            CHECK_EQ(sent->icmp_rest, got.icmp_rest);
            CHECK_EQ(sent->payload_length, got.payload_length);
            CHECK(memcmp(payload, got.payload, got.payload_length) == 0);
        }
        CHECK_EQ(1, sim_input_wire(s, &w));
        sim_pump(s);
        CHECK_EQ(2, s->echo_events);
        CHECK_EQ(1, tf_echo_receive(s->stack, requests + 3, 1));

        sim_advance(s, 2 * SECONDS);
        CHECK_EQ(1, tf_echo_answer(s->stack, s->now, requests[0], TF_REFUSE_NOT));
        expect_reply(s, &w);
        CHECK_EQ(0, tf_echo_answer(s->stack, s->now, requests[1], TF_REFUSE_SILENT));
        sim_pump(s);
        CHECK(sim_stray(s) == NULL);
        CHECK_EQ(1, tf_echo_answer(s->stack, s->now, requests[2], TF_REFUSE_NOT));
        expect_reply(s, &large);
        CHECK_EQ(TF_E_INVALID, tf_echo_answer(s->stack, s->now, requests[3], TF_REFUSE_NOT + 1));
        CHECK_EQ(1, tf_echo_answer(s->stack, s->now, requests[3], TF_REFUSE_HOST_UNREACHABLE));
        sim_pump(s);
        const packet *error = sim_stray(s);
        CHECK(error != NULL);
        CHECK_EQ(family == 4 ? 3 : 1, error->header.icmp_type);
        CHECK_EQ(family == 4 ? 1 : 3, error->header.icmp_code);
        CHECK(wire_same_address(&w.dst, &error->header.src));
        /* The identifier and number of the request are in the quote. */
        CHECK_EQ(0xABCD0001, wire_read32(error->header.payload + (family == 4 ? 24 : 44)));
        CHECK_EQ(2, sim_stats(s).echo_replies);
        sim_close(s);
    }
}

TEST(echo_requests_wait_in_bounded_number)
{
    sim *s = sim_open(queued);
    uint8_t payload[8] = {0};
    wire w = request(4, 1, payload, sizeof payload);
    tf_datagram *requests[8];
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_EQ(i < 4, sim_input_wire(s, &w));
    }
    CHECK_EQ(6, sim_drops(s, TF_DROP_ECHO));
    CHECK_EQ(4, tf_echo_receive(s->stack, requests, 8));
    /* With the caller they still count. */
    CHECK_EQ(0, sim_input_wire(s, &w));
    CHECK_EQ(0, tf_echo_answer(s->stack, s->now, requests[0], TF_REFUSE_SILENT));
    CHECK_EQ(1, sim_input_wire(s, &w));
    CHECK_EQ(0, sim_input_wire(s, &w));
    CHECK_EQ(8, sim_drops(s, TF_DROP_ECHO));
    for (uint32_t i = 1; i < 4; i++) {
        CHECK_EQ(1, tf_echo_answer(s->stack, s->now, requests[i], TF_REFUSE_NOT));
    }
    /* One is left in the queue: the stack's end frees it. */
    sim_destroy(s);
}

TEST(an_echo_request_outlives_its_stack)
{
    sim *s = sim_open(queued);
    uint8_t payload[300];
    pattern_fill(1, 0, payload, sizeof payload);
    wire w = request(6, 1, payload, sizeof payload);
    CHECK_EQ(1, sim_input_wire(s, &w));
    tf_datagram *one;
    CHECK_EQ(1, tf_echo_receive(s->stack, &one, 1));
    uint32_t stack = s->stack;
    sim_destroy(s);
    CHECK_EQ(TF_E_STALE, tf_echo_answer(stack, 0, one, TF_REFUSE_NOT));
    CHECK_EQ(300, pattern_check(1, 0, one->data + 48, 300));
    tf_datagram_free(one);
}

static void queued_and_slow(tf_config *config)
{
    config->flags |= TF_STACK_ECHO_QUEUE;
    config->icmp_per_second = 10;
}

TEST(replies_of_the_caller_are_rate_limited)
{
    sim *s = sim_open(queued_and_slow);
    uint8_t payload[8] = {0};
    wire w = request(4, 1, payload, sizeof payload);
    int32_t sent = 0;
    for (uint32_t i = 0; i < 50; i++) {
        tf_datagram *one;
        CHECK_EQ(1, sim_input_wire(s, &w));
        CHECK_EQ(1, tf_echo_receive(s->stack, &one, 1));
        sent += tf_echo_answer(s->stack, s->now, one, TF_REFUSE_NOT);
    }
    CHECK_EQ(10, sent);
    CHECK_EQ(40, sim_drops(s, TF_DROP_ICMP_LIMIT));
    sim_close(s);
}
