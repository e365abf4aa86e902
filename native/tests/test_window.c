/* SPDX-License-Identifier: Apache-2.0
 *
 * Flow control and acknowledgments.
 */
#include "peer.h"

static void window_16k(tf_config *config)
{
    config->receive_window = 16 * 1024;
}

static void window_64k(tf_config *config)
{
    config->receive_window = 64 * 1024;
}

static void pause_and_resume(sim_configure configure, uint32_t index, bool super_packets)
{
    sim *s = sim_open(configure);
    peer *p = peer_new(s, index);
    p->no_probes = true;
    p->super_packets = super_packets;
    flow *f = peer_open(p);
    peer_send(p, 10 * s->config.receive_window);
    sim_run(s, 3 * SECONDS);
    /* The reader is paused: the window filled up and nothing moves. */
    CHECK(p->snd_wnd < s->config.receive_window / 4);
    uint32_t acked = p->snd_una - p->isn - 1;
    CHECK_RANGE(s->config.receive_window / 2, s->config.receive_window, acked);
    f->reads = true;
    uint64_t resumed = s->now;
    flow_drive(s, f);
    SIM_WAIT(s, 5 * MILLISECONDS, p->snd_wnd >= s->config.receive_window / 4);
    CHECK(s->now - resumed < 5 * MILLISECONDS);
    SIM_WAIT(s, SECONDS, f->received == 10 * s->config.receive_window);
    CHECK_EQ(0, p->probes);
    CHECK_EQ(0, p->retransmissions);
    sim_close(s);
}

TEST(window_of_16k_reopens_at_once)
{
    pause_and_resume(window_16k, 0, false);
    pause_and_resume(window_16k, 1, false);
    pause_and_resume(window_16k, 0, true);
}

TEST(window_of_64k_reopens_at_once)
{
    pause_and_resume(window_64k, 0, false);
    pause_and_resume(window_64k, 1, false);
    pause_and_resume(window_64k, 0, true);
}

TEST(default_window_reopens_at_once)
{
    pause_and_resume(NULL, 0, false);
    pause_and_resume(NULL, 1, true);
}

TEST(window_follows_the_reader)
{
    /* Read in small pieces: the window opens in steps worth a segment, never in crumbs. */
    sim *s = sim_open(window_64k);
    peer *p = peer_new(s, 0);
    p->no_probes = true;
    flow *f = peer_open(p);
    peer_send(p, 400000);
    sim_run(s, SECONDS);
    uint32_t before = p->log_count;
    tf_slice slices[TF_MAX_SLICES];
    uint32_t count;
    uint32_t end;
    uint64_t read = 0;
    while (read < 400000) {
        int32_t shown = tf_flow_receive(s->stack, f->id, slices, TF_MAX_SLICES, &count, &end);
        CHECK(shown > 0);
        uint32_t take = shown < 100 ? (uint32_t)shown : 100;
        CHECK_EQ(TF_OK, tf_flow_consume(s->stack, s->now, f->id, take));
        read += take;
        sim_pump(s);
    }
    CHECK_EQ(0, p->probes);
    CHECK(p->log_count - before < 400000 / 1460 * 2);
    sim_close(s);
}

TEST(one_byte_segments_stay_under_the_cap)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->segment_min = p->segment_max = 1;
    flow *f = peer_open(p);
    peer_send(p, 1 << 20);
    sim_run(s, 3 * SECONDS);
    /* It received what the window allows, in few bytes of memory. */
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK(details.receive_queue >= 64 * 1024);
    CHECK(details.native_bytes <= s->config.flow_bytes);
    CHECK(sim_stats(s).native_bytes_peak - s->base_bytes <= s->config.flow_bytes + 64 * 1024);
    f->reads = true;
    flow_drive(s, f);
    SIM_WAIT(s, 600 * SECONDS, f->received == 1 << 20);
    sim_close(s);
}

TEST(out_of_order_crumbs_stay_under_the_cap)
{
    /* Every second byte only: all of it is out of order. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    uint8_t byte;
    for (uint32_t i = 1; i < 60000; i += 2) {
        pattern_fill(1, i, &byte, 1);
        peer_raw(p, WIRE_ACK, p->snd_nxt + i, p->rcv_nxt, 65535, &byte, 1);
        if (i % 64 == 63) {
            sim_pump(s);
            CHECK(sim_stats(s).native_bytes - s->base_bytes <= s->config.flow_bytes + 64 * 1024);
        }
    }
    peer_send(p, 60000);
    SIM_WAIT(s, 60 * SECONDS, f->received == 60000);
    sim_close(s);
}

TEST(batch_is_acknowledged_at_once)
{
    /* 14,600 bytes in one super-packet: without help its ACK would wait for lwIP's timer.
     * A window update can stand in for it, but only once the application has read. */
    for (uint32_t variant = 0; variant < 8; variant++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, variant & 1);
        p->super_packets = (variant & 2) == 0;
        flow *f = peer_open(p);
        f->reads = true;
        /* Leave the start of the connection behind, when every segment is acknowledged. */
        peer_send(p, 100000);
        SIM_WAIT(s, 5 * SECONDS, f->received == 100000);
        sim_run(s, SECONDS);
        uint64_t sent = s->now;
        f->reads = variant < 4;
        peer_send(p, 14600);
        SIM_WAIT(s, 2 * MILLISECONDS, peer_all_acked(p));
        CHECK(s->now - sent <= MILLISECONDS);
        CHECK_EQ(variant < 4 ? 114600 : 100000, f->received);
        sim_close(s);
    }
}

TEST(single_segments_are_acknowledged_within_the_delay)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    for (int i = 1; i <= 50; i++) {
        peer_send(p, 100);
        SIM_WAIT(s, 500 * MILLISECONDS, peer_all_acked(p));
        CHECK_EQ(0, p->retransmissions);
    }
    sim_close(s);
}

/* Acceptance row 16 */
TEST(zero_window_of_the_peer_is_probed)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, index);
        p->capacity = 10000;
        p->wscale = -1;
        flow *f = peer_open(p);
        peer_pause(p);
        f->to_write = 50000;
        flow_drive(s, f);
        sim_run(s, 2 * SECONDS);
        CHECK_EQ(10000, p->received);
        uint32_t before = p->log_count;
        sim_run(s, 20 * SECONDS);
        CHECK_RANGE(before + 2, before + 40, p->log_count);
        /* The window update gets lost; a probe finds out. */
        s->up.loss = 1000000;
        peer_resume(p);
        s->up.loss = 0;
        SIM_WAIT(s, 70 * SECONDS, p->received == 50000);
        CHECK_EQ(PEER_ESTABLISHED, p->state);
        sim_close(s);
    }
}

/* Acceptance row 16 */
TEST(tiny_windows_of_the_peer_are_used)
{
    static const uint32_t sizes[] = {1, 2, 7, 100, 132, 264, 535, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, (uint32_t)i);
        p->wscale = -1;
        p->capacity = sizes[i];
        flow *f = peer_open(p);
        uint64_t bytes = sizes[i] < 100 ? 20 : 3000;
        f->to_write = bytes;
        flow_drive(s, f);
        SIM_WAIT(s, 1000 * SECONDS, p->received == bytes);
        sim_close(s);
    }
}

TEST(writable_event_follows_a_short_write)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->capacity = 20000;
    flow *f = peer_open(p);
    peer_pause(p);
    static uint8_t data[2 << 20];
    pattern_fill(2, 0, data, sizeof data);
    int32_t room = tf_flow_writable(s->stack, f->id);
    CHECK_RANGE(16 * 1024, s->config.send_buffer, room);
    f->seen &= ~(uint32_t)TF_EVENT_WRITABLE;
    int32_t taken = tf_flow_write(s->stack, s->now, f->id, data, sizeof data);
    CHECK_RANGE(room, s->config.send_buffer, taken);
    CHECK_EQ(0, tf_flow_write(s->stack, s->now, f->id, data + taken, 1000));
    CHECK_EQ(0, tf_flow_writable(s->stack, f->id));
    sim_run(s, SECONDS);
    CHECK((f->seen & TF_EVENT_WRITABLE) == 0);
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK_EQ((uint32_t)taken - p->received, details.send_queue);
    /* What is not acknowledged is counted, too, by the block. */
    CHECK(details.native_bytes > details.send_queue);
    peer_resume(p);
    SIM_WAIT(s, 5 * SECONDS, (f->seen & TF_EVENT_WRITABLE) != 0);
    CHECK(tf_flow_writable(s->stack, f->id) > 0);
    SIM_WAIT(s, 10 * SECONDS, p->received == (uint64_t)taken);
    sim_close(s);
}

TEST(stalled_flow_disturbs_no_other)
{
    sim *s = sim_open(NULL);
    peer *stalled = peer_new(s, 0);
    peer_open(stalled);
    peer_send(stalled, 10000000);
    sim_run(s, 2 * SECONDS);
    peer *p = peer_new(s, 2);
    flow *f = peer_open(p);
    f->reads = f->echoes = true;
    uint64_t start = s->now;
    peer_send(p, 1000000);
    p->seed_in = 1;
    SIM_WAIT(s, 10 * SECONDS, p->received == 1000000);
    CHECK(s->now - start < 100 * MILLISECONDS);
    sim_close(s);
}
