/* SPDX-License-Identifier: Apache-2.0
 *
 * Super-packets out. What every one of them must satisfy is in sim_output.c;
 * here is what must, and must not, become one.
 */
#include <stdlib.h>

#include "peer.h"

static void coalesce(tf_config *config)
{
    config->flags |= TF_STACK_COALESCE;
}

/* Takes all output without handing it on; the entries are the caller's. */
static uint32_t take(sim *s, tf_output **entries, uint32_t max)
{
    int32_t count = tf_output_take(s->stack, s->now, entries, max);
    CHECK(count >= 0 && (uint32_t)count < max);
    return (uint32_t)count;
}

static void hand_on(sim *s, tf_output **entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        packet_queue packets = {0};
        sim_check_output(s, entries[i], &packets);
        for (packet *one = packet_pop(&packets); one != NULL; one = packet_pop(&packets)) {
            sim_impair(s, &s->down, &s->to_peers, one);
        }
    }
    tf_output_free(entries, count);
    s->hold_output = false;
}

TEST(consecutive_segments_become_one)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(coalesce);
        s->down.delay = s->up.delay = MILLISECONDS;
        peer *p = peer_new(s, index);
        p->capacity = 1 << 20;
        flow *f = peer_open(p);
        f->to_write = 1 << 20;
        flow_drive(s, f);
        SIM_WAIT(s, SECONDS, p->received > 400000);
        sim_pump(s);
        s->hold_output = true;
        sim_run(s, 4 * MILLISECONDS);
        tf_output *entries[64];
        uint32_t count = take(s, entries, 64);
        CHECK(count >= 1);
        uint32_t largest = 0;
        tf_flow_details details;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
        for (uint32_t i = 0; i < count; i++) {
            largest = entries[i]->packets > largest ? entries[i]->packets : largest;
            if (entries[i]->packets > 1) {
                CHECK_EQ(details.mss, entries[i]->offload.gso_size);
                CHECK_EQ(index == 0 ? TF_GSO_TCP4 : TF_GSO_TCP6, entries[i]->offload.gso_type);
            }
        }
        CHECK(largest >= 20);
        hand_on(s, entries, count);
        SIM_WAIT(s, 10 * SECONDS, p->received == 1 << 20);
        CHECK_EQ(0, sim_stats(s).retransmissions);
        sim_close(s);
    }
}

TEST(small_blocks_share_super_packets)
{
    /* More pieces than an entry has slices. */
    sim *s = sim_open(coalesce);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    peer_pause(p);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t *block = tf_block_alloc(s->stack, 333);
        CHECK(block != NULL);
        pattern_fill(2, i * 333, block, 333);
        CHECK_EQ(333, tf_flow_write_block(s->stack, s->now, f->id, block, block, 333));
        tf_block_free(block);
    }
    SIM_WAIT(s, 5 * SECONDS, p->received == 200 * 333);
    peer_resume(p);
    sim_close(s);
}

TEST(flows_are_not_mixed)
{
    sim *s = sim_open(coalesce);
    enum { count = 5 };
    peer *peers[count];
    flow *flows[count];
    for (uint32_t i = 0; i < count; i++) {
        peers[i] = peer_new(s, i);
        flows[i] = peer_open(peers[i]);
    }
    s->hold_output = true;
    uint8_t data[700];
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < count; i++) {
            pattern_fill(2, round * 700, data, sizeof data);
            CHECK_EQ(700, tf_flow_write(s->stack, s->now, flows[i]->id, data, sizeof data));
        }
    }
    s->hold_output = false;
    for (uint32_t i = 0; i < count; i++) {
        SIM_WAIT(s, 5 * SECONDS, peers[i]->received == 14000);
    }
    sim_close(s);
}

TEST(fin_leaves_with_or_after_the_data)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(coalesce);
        peer *p = peer_new(s, index);
        flow *f = peer_open(p);
        s->hold_output = true;
        f->to_write = 13000;
        flow_drive(s, f);
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        s->hold_output = false;
        SIM_WAIT(s, SECONDS, p->fin_received);
        CHECK_EQ(13000, p->received);
        sim_close(s);
    }
}

TEST(lost_super_packets_are_repaired)
{
    sim *s = sim_open(coalesce);
    s->up.delay = s->down.delay = 3 * MILLISECONDS;
    peer *p = peer_new(s, 0);
    p->capacity = 1 << 20;
    flow *f = peer_open(p);
    f->to_write = 600000;
    flow_drive(s, f);
    s->down.loss = 30000;
    SIM_WAIT(s, 100 * SECONDS, p->received == 600000);
    CHECK(sim_stats(s).retransmissions > 0);
    sim_close(s);
}

TEST(acknowledged_blocks_stay_in_unread_output)
{
    /* The peer acknowledges a retransmission while the first copy still waits in the queue. */
    sim *s = sim_open(coalesce);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    s->hold_output = true;
    f->to_write = 4000;
    f->blocks = true;
    flow_drive(s, f);
    tf_output *entries[8];
    uint32_t count = take(s, entries, 8);
    sim_run(s, 5 * SECONDS);
    s->hold_output = false;
    SIM_WAIT(s, 20 * SECONDS, p->received == 4000);
    sim_pump(s);
    CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
    p->state = PEER_CLOSED;
    sim_release_flow(s, f, 0);
    sim_pump(s);
    uint8_t bytes[1500];
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < entries[i]->packets; j++) {
            wire w;
            int32_t length = tf_output_copy(entries[i], j, bytes, sizeof bytes);
            CHECK(wire_parse(bytes, (uint32_t)length, &w) == NULL);
            CHECK_EQ(w.payload_length, pattern_check(2, offset, w.payload, w.payload_length));
            offset += w.payload_length;
        }
    }
    CHECK_EQ(4000, offset);
    tf_output_free(entries, count);
    sim_close(s);
}
