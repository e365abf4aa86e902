/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sent again, beside what the application writes meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

static void write_more(sim *s, flow *f, uint64_t bytes)
{
    f->to_write += bytes;
    flow_drive(s, f);
}

/* Three segments, of which the last alone arrives; the timeout sends the first again. */
static flow *lose_two_of_three(sim *s, peer *p, uint32_t second)
{
    p->sack = true;
    flow *f = peer_open(p);
    write_more(s, f, 20 * 1460);
    SIM_WAIT(s, 10 * SECONDS, p->received == f->to_write);
    sim_run(s, 100 * MILLISECONDS);

    p->silent = true;
    uint32_t first = p->rcv_nxt;
    write_more(s, f, 1460);
    write_more(s, f, second);
    write_more(s, f, 500);
    sim_pump(s);
    p->ranges[p->range_count++] = (peer_range){first + 1460 + second, first + 1460 + second + 500};
    peer_ack(p);
    uint64_t before = sim_stats(s).retransmissions;
    SIM_WAIT(s, SECONDS, sim_stats(s).retransmissions > before);
    return f;
}

TEST(bytes_written_during_recovery_come_behind_all_others)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = lose_two_of_three(s, p, 700);
        /* The second still waits for room, and has some of its own. */
        write_more(s, f, 300);
        p->silent = false;
        SIM_WAIT(s, 20 * SECONDS, p->received == f->to_write);
        sim_close(s);
    }
}

/* The last segment grew: that the peer had it once says nothing any more. */
TEST(bytes_written_during_recovery_are_repeated_in_time)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = lose_two_of_three(s, p, 700);
        write_more(s, f, 300);
        p->rcv_nxt += 1460;
        p->received += 1460;
        peer_ack(p);
        sim_pump(s); /* all that is left leaves, and is lost */
        p->silent = false;
        SIM_WAIT(s, 400 * MILLISECONDS, p->received == f->to_write);
        sim_close(s);
    }
}

TEST(a_fin_during_recovery_comes_behind_all_bytes)
{
    for (uint32_t how = 0; how < 4; how++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, how);
        flow *f = lose_two_of_three(s, p, 700);
        if (how < 2) {
            CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        } else {
            sim_release_flow(s, f, 60 * SECONDS);
        }
        p->silent = false;
        SIM_WAIT(s, 20 * SECONDS, p->fin_received);
        CHECK_EQ(f->to_write, p->received);
        peer_finish(p);
        sim_run(s, 10 * SECONDS);
        sim_close(s);
    }
}

/* RFC 6675 section 5: three duplicates mean a loss, however small the segments. */
TEST(a_lost_small_segment_is_repeated_after_three_acknowledgments)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        p->sack = true;
        p->acks = PEER_ACK_EACH;
        flow *f = peer_open(p);
        write_more(s, f, 20 * 1460);
        SIM_WAIT(s, 10 * SECONDS, p->received == f->to_write);
        sim_run(s, SECONDS);
        s->down.loss = 1000000;
        write_more(s, f, 100);
        sim_pump(s);
        s->down.loss = 0;
        for (uint32_t i = 0; i < 4; i++) {
            write_more(s, f, 100);
            sim_pump(s);
        }
        sim_run(s, 10 * MILLISECONDS);
        CHECK_EQ(f->to_write, p->received);
        CHECK_EQ(1, sim_stats(s).retransmissions);
        sim_close(s);
    }
}

static void largest_send_buffer(tf_config *config) { config->send_buffer = 1u << 20; }

TEST(room_to_write_comes_back_after_partial_acknowledgments_of_a_probe)
{
    sim *s = sim_open(largest_send_buffer);
    peer *p = peer_new(s, 0);
    p->capacity = 1 << 20;
    flow *f = peer_open(p);
    write_more(s, f, 100);
    SIM_WAIT(s, 10 * SECONDS, p->received == f->to_write);
    sim_run(s, 100 * MILLISECONDS);
    int32_t room = tf_flow_writable(s->stack, f->id);

    p->silent = true;
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t base = p->rcv_nxt;
        /* No window; the segment waits whole, and probes leave. */
        peer_raw(p, WIRE_ACK, p->snd_nxt, base, 0, NULL, 0);
        sim_pump(s);
        write_more(s, f, 1460);
        sim_run(s, 10 * SECONDS);
        /* 1 byte of it is taken; then all. */
        peer_raw(p, WIRE_ACK, p->snd_nxt, base + 1, 0, NULL, 0);
        sim_run(s, 10 * SECONDS);
        peer_raw(p, WIRE_ACK, p->snd_nxt, base + 1, 700, NULL, 0);
        sim_run(s, 20 * SECONDS);
        peer_raw(p, WIRE_ACK, p->snd_nxt, base + 1, 65535, NULL, 0);
        sim_run(s, 5 * SECONDS);
        peer_raw(p, WIRE_ACK, p->snd_nxt, base + 1460, 65535, NULL, 0);
        sim_run(s, 5 * SECONDS);
        p->rcv_nxt = base + 1460;
    }
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK_EQ(0, details.send_queue);
    CHECK_EQ(room, tf_flow_writable(s->stack, f->id));
    sim_destroy(s);
}

static void small_output_queue(tf_config *config) { config->output_bytes = 65536; }

/* The repetition finds the device's queue full, and bytes are written meanwhile. */
TEST(bytes_written_while_a_repetition_finds_no_room_come_behind_all_others)
{
    for (uint32_t sack = 0; sack < 2; sack++) {
        sim *s = sim_open(small_output_queue);
        peer *p = peer_new(s, 0), *q = peer_new(s, 2);
        p->sack = sack != 0;
        p->capacity = q->capacity = 1 << 20;
        flow *f = peer_open(p), *other = peer_open(q);
        write_more(s, f, 100000);
        write_more(s, other, 300000);
        SIM_WAIT(s, 10 * SECONDS, p->received == f->to_write && q->received == other->to_write);
        sim_run(s, SECONDS);

        uint32_t first = p->rcv_nxt;
        s->down.loss = 1000000;
        write_more(s, f, 1400);
        sim_pump(s);
        s->down.loss = 0;
        p->silent = true;
        for (uint32_t i = 0; i < 4; i++) {
            write_more(s, f, 1460);
        }
        sim_pump(s);
        s->hold_output = true;
        write_more(s, other, 300000);
        CHECK(tf_output_pending(s->stack) != 0);
        for (uint32_t i = 1; i <= 4; i++) {
            if (sack != 0) {
                p->range_count = 1;
                p->ranges[0] = (peer_range){first + 1400, first + 1400 + i * 1460};
            }
            peer_ack(p);
            sim_pump(s);
        }
        write_more(s, f, 50);
        s->hold_output = false;
        p->silent = false;
        p->range_count = 0;
        SIM_WAIT(s, 20 * SECONDS, p->received == f->to_write && q->received == other->to_write);
        sim_close(s);
    }
}

/* An acknowledgment with SACK blocks costs as much as there are segments in flight. */
TEST(tiny_segments_make_no_long_list)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(largest_send_buffer);
        peer *p = peer_new(s, family);
        p->mss = 88;
        p->capacity = 1 << 20;
        p->acks = PEER_ACK_EACH;
        flow *f = peer_open(p);
        write_more(s, f, 2 << 20);
        SIM_WAIT(s, 100 * SECONDS, p->received == f->to_write);
        p->silent = true;
        write_more(s, f, 1 << 20);
        sim_pump(s);
        tf_flow_details details;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
        CHECK_EQ(88, details.mss);
        CHECK(details.send_queue <= 2048 * 88);
        CHECK(details.send_queue >= 2048 * 88 / 2);
        /* Less in flight, and nothing stops. */
        p->silent = false;
        SIM_WAIT(s, 100 * SECONDS, p->received == f->to_write);
        sim_close(s);
    }
}
