/* SPDX-License-Identifier: Apache-2.0
 *
 * Deferred accept: the SYN waits for the caller.
 */
#include "peer.h"

static sim *open_deferred(void)
{
    sim *s = sim_open(NULL);
    s->accepts = false;
    return s;
}

static void dial_for(uint32_t index, uint64_t duration)
{
    sim *s = open_deferred();
    peer *p = peer_new(s, index);
    peer_connect(p);
    sim_run(s, duration);
    /* However often the SYN was repeated, the caller dials once and nothing was answered. */
    CHECK_EQ(1, s->flow_count);
    flow *f = sim_flow(s);
    CHECK_EQ(1, f->connects);
    CHECK_EQ(TF_EVENT_CONNECT, f->seen);
    CHECK_EQ(0, p->log_count);
    CHECK(duration < 300 * MILLISECONDS || p->retransmissions > 0);
    CHECK(wire_same_endpoint(&p->self, &f->details.source));
    CHECK(wire_same_endpoint(&p->remote, &f->details.destination));
    CHECK_EQ(0, f->details.mss);
    CHECK_EQ(1, sim_stats(s).flows_pending);
    CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, f->id));
    CHECK_EQ(0, sim_stats(s).flows_pending);
    CHECK_EQ(1, sim_stats(s).flows_half_open);
    uint64_t accepted = s->now;
    SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_OPEN) != 0 && p->state == PEER_ESTABLISHED);
    CHECK(s->now - accepted < MILLISECONDS);
    CHECK_EQ(0, sim_stats(s).flows_half_open);
    CHECK_EQ(1, sim_stats(s).flows_opened);
    f->reads = f->echoes = true;
    p->seed_in = p->seed_out;
    peer_send(p, 3000);
    SIM_WAIT(s, SECONDS, p->received == 3000);
    CHECK_EQ(1, f->connects);
    sim_close(s);
}

TEST(accept_after_200_ms)
{
    dial_for(0, 200 * MILLISECONDS);
    dial_for(1, 200 * MILLISECONDS);
}

TEST(accept_after_2600_ms)
{
    dial_for(0, 2600 * MILLISECONDS);
    dial_for(1, 2600 * MILLISECONDS);
}

TEST(accept_at_once)
{
    dial_for(0, 0);
    dial_for(1, 0);
}

/* Weakness W9 */
TEST(new_isn_replaces_the_stored_syn)
{
    sim *s = open_deferred();
    peer *first = peer_new(s, 0);
    first->rto = 1000 * SECONDS;
    peer_connect(first);
    sim_pump(s);
    uint64_t id = sim_flow(s)->id;
    /* The application gave up and connects again from the same port. */
    first->isn += 1000000;
    peer_connect(first);
    sim_pump(s);
    CHECK_EQ(1, s->flow_count);
    CHECK_EQ(1, sim_flow(s)->connects);
    CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, id));
    SIM_WAIT(s, SECONDS, first->state == PEER_ESTABLISHED);
    CHECK_EQ(first->isn + 1, first->log[0].ack);
    sim_close(s);
}

TEST(reset_cancels_a_pending_flow)
{
    sim *s = open_deferred();
    for (uint32_t i = 0; i < 2; i++) {
        peer *p = peer_new(s, i);
        p->rto = 1000 * SECONDS;
        peer_connect(p);
        sim_pump(s);
        flow *f = sim_flow_of(s, p);
        /* A RST with a wrong sequence number is somebody else's. */
        peer_raw(p, WIRE_RST, p->isn + 77777777, 0, 0, NULL, 0);
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        peer_raw(p, WIRE_RST, p->isn + 1, 0, 0, NULL, 0);
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_E_RESET, f->status);
        CHECK_EQ(0, sim_stats(s).flows_pending);
        CHECK(tf_flow_accept(s->stack, s->now, f->id) < 0);
        CHECK_EQ(0, p->log_count);
        sim_release_flow(s, f, 0);
    }
    sim_close(s);
}

TEST(pending_flow_times_out)
{
    sim *s = open_deferred();
    peer *p = peer_new(s, 0);
    p->rto = 10000 * SECONDS;
    peer_connect(p);
    sim_pump(s);
    flow *f = sim_flow(s);
    sim_run(s, s->config.pending_timeout - SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    sim_run(s, 2 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, f->status);
    CHECK_EQ(0, sim_stats(s).flows_pending);
    sim_close(s);
}

TEST(closing_a_pending_flow_resets_it)
{
    sim *s = open_deferred();
    peer *p = peer_new(s, 0);
    peer_connect(p);
    sim_pump(s);
    sim_release_flow(s, sim_flow(s), 0);
    sim_pump(s);
    CHECK_EQ(PEER_RESET, p->state);
    sim_close(s);
}

TEST(pending_syn_is_charged_little)
{
    sim *s = open_deferred();
    uint64_t before = sim_stats(s).native_bytes;
    for (uint32_t i = 0; i < 100; i++) {
        peer *p = peer_new(s, i);
        p->rto = 10000 * SECONDS;
        peer_connect(p);
    }
    sim_pump(s);
    CHECK_EQ(100, sim_stats(s).flows_pending);
    CHECK((sim_stats(s).native_bytes - before) / 100 < 1024);
    sim_close(s);
}

TEST(syn_ack_is_repeated_until_answered)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->silent = true;
    peer_connect(p);
    sim_run(s, 5 * SECONDS);
    CHECK_RANGE(2, 6, p->log_count);
    for (uint32_t i = 0; i < p->log_count; i++) {
        CHECK_EQ(WIRE_SYN | WIRE_ACK, p->log[i].flags);
        CHECK_EQ(p->log[0].seq, p->log[i].seq);
    }
    /* A half-open flow isn't open: nothing may be written before the third segment. */
    CHECK_EQ(TF_EVENT_CONNECT, sim_flow(s)->seen);
    p->silent = false;
    SIM_WAIT(s, 20 * SECONDS, (sim_flow(s)->seen & TF_EVENT_OPEN) != 0);
    sim_close(s);
}

TEST(syn_options_are_answered)
{
    sim *s = sim_open(NULL);
    peer *plain = peer_new(s, 0);
    plain->wscale = -1;
    plain->mss = 0;
    peer_open(plain);
    CHECK_EQ(-1, plain->log[0].window_scale);
    CHECK_RANGE(16384, 65535, plain->log[0].window);
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, sim_flow_of(s, plain)->id, &details));
    CHECK_EQ(536, details.mss);
    peer *scaled = peer_new(s, 1);
    scaled->mss = 1000;
    peer_open(scaled);
    CHECK_RANGE(1, 14, scaled->log[0].window_scale);
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, sim_flow_of(s, scaled)->id, &details));
    CHECK_EQ(1000, details.mss);
    sim_close(s);
}

TEST(data_on_a_syn_is_sent_again)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    uint8_t early[100];
    pattern_fill(1, 0, early, sizeof early);
    wire w = peer_wire(p, WIRE_SYN, p->isn, 0, 0);
    w.window = 65535;
    w.payload = early;
    w.payload_length = sizeof early;
    sim_input_wire(s, &w);
    p->wscale = -1;
    flow *f = peer_open(p);
    f->reads = true;
    peer_send(p, 500);
    SIM_WAIT(s, 5 * SECONDS, f->received == 500);
    sim_close(s);
}
