/* SPDX-License-Identifier: Apache-2.0
 *
 * Who owns which bytes, for how long, and what happens when there are none.
 */
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "tf_common.h"
#include "udp.h"

TEST(block_sizes_have_limits)
{
    sim *s = sim_open(NULL);
    CHECK(tf_block_alloc(s->stack, 0) == NULL);
    CHECK(tf_block_alloc(s->stack, 131073) == NULL);
    uint8_t *block = tf_block_alloc(s->stack, 131072);
    CHECK(block != NULL);
    memset(block, 1, 131072);
    CHECK(sim_stats(s).native_bytes >= s->base_bytes + 131072);
    tf_block_free(block);
    CHECK_EQ(s->base_bytes, sim_stats(s).native_bytes);
    sim_close(s);
}

TEST(written_block_is_shared_until_acknowledged)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    uint8_t *block = tf_block_alloc(s->stack, 20000);
    CHECK(block != NULL);
    pattern_fill(2, 0, block, 20000);
    CHECK_EQ(0, tf_block_shared(block));
    /* Data that does not lie in the block. */
    CHECK_EQ(TF_E_INVALID, tf_flow_write_block(s->stack, s->now, f->id, block, block - 1, 10));
    CHECK_EQ(TF_E_INVALID, tf_flow_write_block(s->stack, s->now, f->id, block, block + 10, 20000));
    p->silent = true;
    CHECK_EQ(9000, tf_flow_write_block(s->stack, s->now, f->id, block, block, 9000));
    CHECK_EQ(11000, tf_flow_write_block(s->stack, s->now, f->id, block, block + 9000, 11000));
    sim_pump(s);
    CHECK(tf_block_shared(block) != 0);
    p->silent = false;
    SIM_WAIT(s, 20 * SECONDS, p->received == 20000);
    sim_pump(s);
    CHECK_EQ(0, tf_block_shared(block));
    tf_block_free(block);
    sim_close(s);
}

TEST(block_outlives_flow_and_stack)
{
    for (uint32_t way = 0; way < 3; way++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, way);
        flow *f = peer_open(p);
        p->silent = true;
        uint8_t *block = tf_block_alloc(s->stack, 5000);
        CHECK(block != NULL);
        pattern_fill(2, 0, block, 5000);
        CHECK_EQ(5000, tf_flow_write_block(s->stack, s->now, f->id, block, block, 5000));
        sim_pump(s);
        if (way == 1) {
            CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
            sim_pump(s);
            CHECK_EQ(0, tf_block_shared(block));
        } else if (way == 2) {
            sim_release_flow(s, f, 0);
            sim_run(s, SECONDS);
            CHECK_EQ(0, tf_block_shared(block));
        }
        sim_destroy(s);
        CHECK_EQ(0, tf_block_shared(block));
        CHECK_EQ(5000, pattern_check(2, 0, block, 5000));
        tf_block_free(block);
    }
}

TEST(output_outlives_flow_and_stack)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    s->hold_output = true;
    f->to_write = 4000; /* within the first congestion window */
    f->blocks = true;
    flow_drive(s, f);
    CHECK(tf_output_pending(s->stack) > 0);
    CHECK_EQ(tf_output_pending(s->stack), sim_stats(s).output_entries);
    tf_output *entries[32];
    int32_t count = tf_output_take(s->stack, s->now, entries, 32);
    CHECK(count > 0 && count < 32);
    CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
    sim_release_flow(s, f, 0);
    uint32_t mtu = s->mtu;
    sim_destroy(s);
    uint64_t offset = 0;
    uint8_t *copy = malloc(mtu);
    CHECK(copy != NULL);
    for (int32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < entries[i]->packets; j++) {
            int32_t length = tf_output_copy(entries[i], j, copy, mtu);
            CHECK(length > 0);
            wire w;
            CHECK(wire_parse(copy, (uint32_t)length, &w) == NULL);
            CHECK_EQ(w.payload_length, pattern_check(2, offset, w.payload, w.payload_length));
            offset += w.payload_length;
        }
    }
    CHECK_EQ(4000, offset);
    free(copy);
    tf_output_free(entries, (uint32_t)count);
}

TEST(received_blocks_are_given_back)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    uint8_t payload[1400];
    pattern_fill(1, 0, payload, sizeof payload);
    wire w = peer_wire(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, peer_window(p));
    w.payload = payload;
    w.payload_length = sizeof payload;
    uint8_t *block = tf_block_alloc(s->stack, 2000);
    CHECK(block != NULL);
    tf_packet in = {.data = block + 100, .block = block};
    in.length = wire_build(&w, block + 100, 1900);
    CHECK_EQ(1, tf_input(s->stack, s->now, &in, 1));
    p->snd_nxt = p->snd_max = p->snd_nxt + 1400;
    p->to_send = 1400;
    sim_pump(s);
    if (tf_block_shared(block) == 0) {
        memset(block, 0xDD, 2000);
    }
    f->reads = true;
    flow_drive(s, f);
    CHECK_EQ(1400, f->received);
    CHECK_EQ(0, tf_block_shared(block));
    tf_block_free(block);
    sim_close(s);
}

static void tight(tf_config *config)
{
    config->max_flows = 64;
    config->max_pending = 64;
    config->max_pending_source = 64;
    config->max_sessions = 64;
    config->max_half_open = 64;
    config->max_bytes = 4 * 1024 * 1024;
}

TEST(byte_budget_is_hard)
{
    sim *s = sim_open(tight);
    s->tolerant = true;
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    uint8_t *blocks[200];
    uint32_t count = 0;
    while (count < 200 && (blocks[count] = tf_block_alloc(s->stack, 40000)) != NULL) {
        count++;
        CHECK(sim_stats(s).native_bytes <= s->config.max_bytes);
    }
    CHECK(count > 10 && count < 200);
    /* Nothing works, nothing breaks. */
    peer *late = peer_new(s, 2);
    peer_connect(late);
    udp_in(s, wire_endpoint4(10, 0, 0, 9, 99), wire_endpoint4(1, 1, 1, 1, 53), 1, 5000, true);
    peer_send(p, 100000);
    f->to_write = 100000;
    flow_drive(s, f);
    sim_run(s, 3 * SECONDS);
    CHECK(sim_drops(s, TF_DROP_MEMORY) > 0);
    CHECK(sim_stats(s).native_bytes <= s->config.max_bytes);
    CHECK(sim_stats(s).native_bytes_peak <= s->config.max_bytes);
    for (uint32_t i = 0; i < count; i++) {
        tf_block_free(blocks[i]);
    }
    /* With memory everything recovers. */
    f->reads = true;
    flow_drive(s, f);
    SIM_WAIT(s, 300 * SECONDS, f->received == 100000 && p->received == 100000);
    SIM_WAIT(s, 100 * SECONDS, late->state == PEER_ESTABLISHED);
    sim_close(s);
}

/* Sixty applications stop reading, and what is written for them takes all that it can get. Once they read again,
 * packets can still be made, and everything arrives. */
TEST(budget_full_of_payload_lets_it_leave)
{
    enum { FLOWS = 60 };
    sim *s = sim_open(tight);
    s->tolerant = true;
    peer *peers[FLOWS];
    uint64_t written[FLOWS] = {0};
    for (uint32_t i = 0; i < FLOWS; i++) {
        peers[i] = peer_new(s, 2 * i);
        peers[i]->capacity = 4000;
        peer_open(peers[i]);
        peer_pause(peers[i]);
    }
    /* A little for each by turns, until none gets more. */
    static uint8_t data[8192];
    uint64_t before;
    uint64_t sum = 0;
    do {
        before = sum;
        for (uint32_t i = 0; i < FLOWS; i++) {
            flow *f = sim_flow_of(s, peers[i]);
            pattern_fill(peers[i]->seed_in, written[i], data, sizeof data);
            int32_t taken = tf_flow_write(s->stack, s->now, f->id, data, sizeof data);
            written[i] += taken > 0 ? (uint64_t)taken : 0;
            sum += taken > 0 ? (uint64_t)taken : 0;
        }
        sim_run(s, 10 * MILLISECONDS);
    } while (sum != before);
    /* And whoever waits to write more holds blocks for it. */
    uint8_t *blocks[1024];
    uint32_t count = 0;
    for (uint32_t size = 65536; size >= 16; size /= 4) {
        while (count < 1024 && (blocks[count] = tf_block_alloc(s->stack, size)) != NULL) {
            count++;
        }
    }
    CHECK(count < 1024);
    CHECK(sim_stats(s).native_bytes > s->config.max_bytes - s->config.max_bytes / 8);
    for (uint32_t i = 0; i < FLOWS; i++) {
        peer_resume(peers[i]);
    }
    for (uint32_t i = 0; i < FLOWS; i++) {
        SIM_WAIT(s, 300 * SECONDS, peers[i]->received == written[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        tf_block_free(blocks[i]);
    }
    sim_close(s);
}

static void tight_with_echoes(tf_config *config)
{
    tight(config);
    config->flags |= TF_STACK_ECHO_QUEUE;
    config->max_echoes = 100000;
    config->max_sessions = 4096;
}

/* Datagrams and echo requests that nobody takes leave the reserve alone: connections still open and are answered. */
TEST(budget_full_of_datagrams_lets_connections_open)
{
    for (uint32_t way = 0; way < 2; way++) {
        sim *s = sim_open(tight_with_echoes);
        s->tolerant = true;
        static uint8_t data[1400];
        for (uint32_t i = 0; sim_drops(s, TF_DROP_MEMORY) < 100; i++) {
            CHECK(i < 20000);
            tf_endpoint source = udp_application(4, (uint16_t)(1024 + i / 4 % 60000));
            wire w = {.src = source, .dst = udp_remote(4, 9999), .protocol = way == 0 ? WIRE_UDP : WIRE_ICMP4, .payload = data, .payload_length = sizeof data};
            w.icmp_type = 8;
            sim_input_wire(s, &w);
        }
        CHECK(sim_stats(s).native_bytes > s->config.max_bytes - s->config.max_bytes / 8);
        for (uint32_t i = 0; i < 4; i++) {
            peer *p = peer_new(s, i);
            flow *f = peer_open(p);
            CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
            SIM_WAIT(s, 10 * SECONDS, p->fin_received);
        }
        sim_destroy(s);
    }
}

static void small_output(tf_config *config)
{
    config->output_bytes = 64 * 1024;
}

TEST(output_queue_is_bounded)
{
    sim *s = sim_open(small_output);
    tf_endpoint source = wire_endpoint4(10, 0, 0, 9, 99);
    udp_in(s, source, wire_endpoint4(1, 1, 1, 1, 53), 1, 10, false);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    p->capacity = 1 << 20;
    s->hold_output = true;
    f->to_write = 400000;
    flow_drive(s, f);
    static uint8_t payload[1400];
    pattern_fill(1, 0, payload, sizeof payload);
    tf_endpoint from = wire_endpoint4(1, 1, 1, 1, 53);
    uint32_t refused = 0;
    for (int i = 0; i < 100; i++) {
        refused += tf_session_send(s->stack, s->now, sim_session(s)->id, &from, payload, sizeof payload) ==
                   TF_E_MEMORY;
    }
    CHECK(refused > 0);
    CHECK(sim_drops(s, TF_DROP_OUTPUT_FULL) >= refused);
    CHECK(sim_stats(s).native_bytes - s->base_bytes < 1024 * 1024);
    s->hold_output = false;
    SIM_WAIT(s, 60 * SECONDS, p->received == 400000);
    sim_close(s);
}

TEST(stacks_do_not_see_each_other)
{
    if (tf_stack_limit() < 2) {
        test_skip("this build has one stack only");
    }
    sim *s = sim_open(NULL);
    /* A second stack that knows the same connection; where the build's first or last is
     * under test, the other one exists beside it. */
    uint32_t other;
    bool created = s->dummy_count == 0;
    if (created) {
        CHECK_EQ(TF_OK, tf_stack_create(&s->config, s->now, &other));
    } else {
        other = s->dummies[0];
    }
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = f->echoes = true;
    p->seed_in = 1;
    peer_send(p, 50000);
    wire w = peer_wire(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, 1000);
    uint8_t bytes[100];
    tf_packet in = {.data = bytes};
    in.length = wire_build(&w, bytes, sizeof bytes);
    CHECK_EQ(1, tf_input(other, s->now, &in, 1));
    tf_output *entry;
    CHECK_EQ(1, tf_output_take(other, s->now, &entry, 1));
    wire answer;
    CHECK_EQ(40, tf_output_copy(entry, 0, bytes, sizeof bytes));
    CHECK(wire_parse(bytes, 40, &answer) == NULL);
    CHECK((answer.flags & WIRE_RST) != 0);
    tf_output_free(&entry, 1);
    tf_flow_details details;
    CHECK_EQ(TF_E_STALE, tf_flow_get_details(other, f->id, &details));
    CHECK_EQ(TF_OK, tf_stack_abort_all(other, s->now));
    SIM_WAIT(s, 5 * SECONDS, p->received == 50000);
    tf_stats stats;
    CHECK_EQ(TF_OK, tf_stack_get_stats(other, &stats));
    CHECK_EQ(0, stats.flows_opened);
    CHECK_EQ(1, stats.packets_in);
    if (created) {
        CHECK_EQ(TF_OK, tf_stack_destroy(other));
    }
    sim_close(s);
}

/* Whichever of the fragments' allocations fails: none of them is queued, the
 * caller is told, and the drop is counted once. */
TEST(a_datagram_in_fragments_is_sent_whole_or_not_at_all)
{
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(NULL);
        tf_endpoint source = udp_application(family, 100);
        session *one = udp_open(s, source);
        tf_endpoint remote = udp_remote(family, 53);
        static uint8_t payload[9000];
        uint64_t bytes = sim_stats(s).native_bytes;
        uint32_t failures = 0;
        for (uint32_t n = 1;; n++) {
            uint64_t dropped = sim_drops(s, TF_DROP_MEMORY);
            atomic_store(&tf_common_budgets[s->stack].fail_after, n);
            int32_t sent = tf_session_send(s->stack, s->now, one->id, &remote, payload, sizeof payload);
            bool failed = atomic_exchange(&tf_common_budgets[s->stack].fail_after, 0) == 0;
            if (!failed) {
                CHECK_EQ(TF_OK, sent);
                break;
            }
            CHECK_EQ(TF_E_MEMORY, sent);
            CHECK_EQ(0, sim_stats(s).output_entries);
            CHECK_EQ(dropped + 1, sim_drops(s, TF_DROP_MEMORY));
            CHECK_EQ(bytes, sim_stats(s).native_bytes);
            failures++;
        }
        CHECK(failures >= 7); /* one for each fragment */
        CHECK_EQ(7, sim_stats(s).output_entries);
        sim_pump(s);
        const packet *whole = sim_stray(s);
        CHECK(whole != NULL);
        CHECK_EQ(9000, whole->header.payload_length);
        sim_close(s);
    }
}
