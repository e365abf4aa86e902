/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that make lwIP's assertions fail: sim_close demands that none did.
 */
#include "peer.h"
#include "udp.h"

/* A peer that does nothing by itself; the test sends its segments. */
static peer *open_manual(sim *s, uint32_t index, uint32_t window)
{
    peer *p = peer_new(s, index);
    p->wscale = -1;
    p->mss = 536;
    p->capacity = window;
    p->acks = PEER_ACK_NEVER;
    p->no_probes = true;
    p->seed_in = 2;
    peer_open(p);
    return p;
}

static void write_pattern(sim *s, flow *f, uint32_t length)
{
    uint8_t data[4000];
    CHECK(length <= sizeof data);
    pattern_fill(2, f->written, data, length);
    CHECK_EQ(length, tf_flow_write(s->stack, s->now, f->id, data, length));
    f->written += length;
}

static void window(peer *p, uint32_t ack, uint32_t bytes)
{
    peer_raw(p, WIRE_ACK, p->snd_nxt, ack, bytes, NULL, 0);
    sim_pump(p->s);
}

/* From now on the peer is an ordinary one. */
static void finish(sim *s, peer *p, flow *f)
{
    p->acks = PEER_ACK_EACH;
    p->capacity = 60000;
    peer_ack(p);
    SIM_WAIT(s, 200 * SECONDS, p->received == f->written);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    sim_close(s);
}

/* Acceptance row 16 */
TEST(window_from_zero_trips_no_assertion)
{
    /* lwIP sizes segments by half the largest window it has seen, or, having seen none,
     * by the MSS: what waits unsent is then larger than what a tiny window allows. */
    static const uint32_t windows[] = {1, 2, 3, 10, 87, 264, 535, 1000};
    for (uint32_t i = 0; i < 32; i++) {
        sim *s = sim_open(NULL);
        peer *p = open_manual(s, i & 1, (i & 2) != 0 ? 1 : 0);
        flow *f = sim_flow(s);
        write_pattern(s, f, 700);
        window(p, p->rcv_nxt, windows[i / 4]);
        write_pattern(s, f, 900);
        sim_run(s, 2 * SECONDS);
        write_pattern(s, f, 10);
        finish(s, p, f);
    }
}

TEST(a_segment_acknowledged_in_part_does_not_stick_behind_a_small_window)
{
    /* Two segments are lost; the second one waits behind the first one's retransmission and grows by
     * another write. The peer then acknowledges what it was sent at first, with a window in which the rest
     * does not fit: the persist timer cuts a piece off the front that was acknowledged long ago. */
    static const uint32_t windows[] = {1, 4, 100, 199};
    for (uint32_t i = 0; i < 8; i++) {
        sim *s = sim_open(NULL);
        peer *p = open_manual(s, i & 1, 60000);
        flow *f = sim_flow(s);
        write_pattern(s, f, 536);
        write_pattern(s, f, 200);
        sim_pump(s);
        uint32_t sent = p->rcv_nxt;
        sim_run(s, 3 * SECONDS);
        write_pattern(s, f, 300);
        window(p, sent, windows[i / 2]);
        sim_run(s, 20 * SECONDS);
        finish(s, p, f);
    }
}

static void small_output(tf_config *config)
{
    config->output_bytes = 64 * 1024;
}

/* Datagrams until not even an empty one fits. */
static void fill_output(sim *s)
{
    static const uint32_t sizes[] = {1400, 100, 10, 0};
    static uint8_t payload[1400];
    tf_endpoint from = wire_endpoint4(1, 1, 1, 1, 53);
    for (uint32_t i = 0; i < 4; i++) {
        while (tf_session_send(s->stack, s->now, sim_session(s)->id, &from, payload, sizes[i]) == TF_OK) {
        }
    }
}

/* Acceptance row 16 */
TEST(write_to_a_blocked_segment_trips_no_assertion)
{
    /* A small write behind a closed window, room for an MSS left in its segment; a window
     * opens whose half is less than that, while the output queue is full; another write. */
    static const uint32_t windows[] = {132, 264, 529, 1000};
    for (uint32_t i = 0; i < 8; i++) {
        sim *s = sim_open(small_output);
        udp_in(s, wire_endpoint4(10, 0, 0, 9, 99), wire_endpoint4(1, 1, 1, 1, 53), 1, 10, false);
        peer *p = open_manual(s, i & 1, 0);
        flow *f = sim_flow_of(s, p);
        write_pattern(s, f, 40);
        s->hold_output = true;
        fill_output(s);
        window(p, p->rcv_nxt, windows[i / 2]);
        write_pattern(s, f, 700);
        s->hold_output = false;
        finish(s, p, f);
    }
}

/* Acceptance row 16 */
TEST(window_tricks_trip_no_assertion)
{
    /* A window opens in a data segment, and the application writes as it reads. */
    for (uint32_t index = 0; index < 2; index++) {
        static const uint32_t windows[] = {1, 7, 132, 264, 529, 1000};
        for (uint32_t i = 0; i < 6; i++) {
            sim *s = sim_open(NULL);
            peer *p = open_manual(s, index, 264);
            p->seed_in = 1;
            flow *f = sim_flow(s);
            f->reads = f->echoes = true;
            uint8_t data[507];
            pattern_fill(1, 0, data, sizeof data);
            uint32_t seq = p->snd_nxt;
            uint32_t una = p->rcv_nxt;
            p->snd_nxt = p->snd_max = seq + 507;
            p->to_send = 507;
            peer_raw(p, WIRE_ACK, seq, una, 0, data, 100);
            sim_pump(s);
            peer_raw(p, WIRE_ACK, seq + 100, una, windows[i], data + 100, 7);
            sim_pump(s);
            peer_raw(p, WIRE_ACK, seq + 107, una, windows[i], data + 107, 400);
            sim_pump(s);
            window(p, p->rcv_nxt, windows[i] + 300);
            sim_run(s, SECONDS);
            f->written = 507;
            f->to_write = 507;
            finish(s, p, f);
        }
    }
}

static void window_16k(tf_config *config)
{
    config->receive_window = 16 * 1024;
}

TEST(data_beyond_the_window_trips_no_assertion)
{
    /* An out-of-order segment that crosses the window's right edge; then the gap is filled.
     * lwIP doesn't trim the first segment that it queues. */
    for (uint32_t i = 0; i < 8; i++) {
        sim *s = sim_open(window_16k);
        peer *p = open_manual(s, i & 1, 1000);
        flow *f = sim_flow(s);
        uint32_t wnd = p->snd_wnd;
        static uint8_t data[17 * 1024];
        pattern_fill(1, 0, data, sizeof data);
        uint8_t flags = WIRE_ACK | ((i & 2) != 0 ? WIRE_FIN : 0);
        uint32_t beyond = (i & 4) != 0 ? 0 : 500;
        p->snd_max = p->snd_nxt + wnd + 1000;
        peer_raw(p, flags, p->snd_nxt + wnd - 500, p->rcv_nxt, 1000, data + wnd - 500, 500 + beyond);
        for (uint32_t sent = 0; sent < wnd; sent += 1000) {
            uint32_t length = wnd - sent < 1000 ? wnd - sent : 1000;
            peer_raw(p, WIRE_ACK, p->snd_nxt + sent, p->rcv_nxt, 1000, data + sent, length);
        }
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        tf_flow_details details;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
        CHECK_EQ(wnd, details.receive_queue);
        f->reads = true;
        flow_drive(s, f);
        CHECK_EQ(wnd, f->received);
        sim_close(s);
    }
}

TEST(data_across_a_fin_trips_no_assertion)
{
    /* A FIN out of order, then bytes across it that fill the window: in order, or in two
     * steps. lwIP moves the FIN to the end of what covers it. */
    for (uint32_t i = 0; i < 4; i++) {
        sim *s = sim_open(window_16k);
        peer *p = open_manual(s, i & 1, 1000);
        flow *f = sim_flow(s);
        uint32_t wnd = p->snd_wnd;
        static uint8_t data[17 * 1024];
        pattern_fill(1, 0, data, sizeof data);
        p->snd_max = p->snd_nxt + wnd + 1000;
        peer_raw(p, WIRE_ACK | WIRE_FIN, p->snd_nxt + 5000, p->rcv_nxt, 1000, NULL, 0);
        if ((i & 2) != 0) {
            peer_raw(p, WIRE_ACK, p->snd_nxt + 4000, p->rcv_nxt, 1000, data + 4000, wnd - 4000);
            peer_raw(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, 1000, data, 4000);
        }
        peer_raw(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, 1000, data, wnd);
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        f->reads = true;
        flow_drive(s, f);
        CHECK_EQ(wnd, f->received);
        sim_close(s);
    }
}

/* Acceptance row 16 */
TEST(persist_timer_of_an_emptied_queue_is_harmless)
{
    /* One byte is left when the window closes; the probe carries it, and the peer takes
     * it without opening the window: the persist timer would tick on an empty queue. */
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = open_manual(s, index, 1000);
        flow *f = sim_flow(s);
        write_pattern(s, f, 1001);
        sim_pump(s);
        uint32_t start = p->irs + 1;
        CHECK_EQ(1000, peer_last(p)->seq + peer_last(p)->length - start);
        window(p, start + 1000, 0);
        for (int i = 0; i < 20 && peer_last(p)->seq + peer_last(p)->length != start + 1001; i++) {
            sim_run(s, SECONDS / 2);
        }
        CHECK_EQ(1001, peer_last(p)->seq + peer_last(p)->length - start);
        window(p, start + 1001, 0);
        sim_run(s, 20 * SECONDS);
        CHECK_EQ(0, sim_stats(s).asserts);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        sim_close(s);
    }
}
