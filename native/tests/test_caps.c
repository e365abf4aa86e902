/* SPDX-License-Identifier: Apache-2.0
 *
 * How many connections may be pending, half-open and open, whose they may be,
 * and who makes room.
 */
#include "peer.h"
#include "tf_test_hooks.h"

static void small_caps(tf_config *config)
{
    config->max_pending = 20;
    config->max_pending_source = 5;
    config->max_half_open = 3;
    config->max_flows = 24;
}

static peer *knock(sim *s, uint8_t host, uint16_t port)
{
    peer *p = peer_between(s, wire_endpoint4(10, 1, 1, host, port), wire_endpoint4(8, 8, 4, 4, 80));
    p->rto = 10000 * SECONDS;
    peer_connect(p);
    sim_pump(s);
    return p;
}

TEST(pending_caps_hold)
{
    sim *s = sim_open(small_caps);
    s->accepts = false;
    for (uint16_t port = 1; port <= 9; port++) {
        knock(s, 1, port);
    }
    CHECK_EQ(5, s->flow_count);
    CHECK_EQ(4, sim_drops(s, TF_DROP_PENDING_LIMIT));
    /* Retransmissions of a stored SYN are no new flows. */
    CHECK_EQ(5, sim_stats(s).flows_pending);
    for (uint8_t host = 2; host <= 30; host++) {
        knock(s, host, 1000);
    }
    /* None of them is known: they share half of the places. */
    CHECK_EQ(10, s->flow_count);
    CHECK_EQ(10, sim_stats(s).flows_pending);
    CHECK_EQ(4 + 24, sim_drops(s, TF_DROP_PENDING_LIMIT));
    /* A refusal makes room, also for the source that was at its own cap. */
    for (flow *f = s->flows; f != NULL; f = f->next) {
        CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_SILENT));
        f->released = true;
    }
    CHECK_EQ(0, sim_stats(s).flows_pending);
    knock(s, 1, 500);
    CHECK_EQ(11, s->flow_count);
    sim_close(s);
}

TEST(proven_sources_have_places_of_their_own)
{
    sim *s = sim_open(small_caps);
    for (uint8_t host = 100; host < 104; host++) {
        knock(s, host, 1);
    }
    CHECK_EQ(4, sim_stats(s).flows_opened);
    s->accepts = false;
    for (uint8_t host = 1; host <= 30; host++) {
        knock(s, host, 1000);
    }
    CHECK_EQ(10, sim_stats(s).flows_pending);
    for (uint16_t port = 2; port <= 6; port++) {
        knock(s, 100, port);
        knock(s, 101, port);
    }
    CHECK_EQ(20, sim_stats(s).flows_pending);
    CHECK_EQ(20, sim_drops(s, TF_DROP_PENDING_LIMIT));
    /* All places are taken now, also for them. */
    knock(s, 102, 2);
    CHECK_EQ(20, sim_stats(s).flows_pending);
    CHECK_EQ(21, sim_drops(s, TF_DROP_PENDING_LIMIT));
    sim_close(s);
}

TEST(unproven_sources_are_dialled_for_at_a_rate)
{
    sim *s = sim_open(small_caps);
    s->accepts = false;
    uint32_t admitted = 0;
    /* 500 connections within a second, each refused at once: a full bucket of 100, and a quarter of it for the second. */
    for (uint32_t i = 0; i < 500; i++) {
        knock(s, (uint8_t)(1 + i % 250), (uint16_t)(1000 + i));
        for (flow *f = s->flows; f != NULL; f = f->next) {
            if (!f->released) {
                admitted++;
                CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_SILENT));
                f->released = true;
            }
        }
        sim_advance(s, 2 * MILLISECONDS);
    }
    CHECK(admitted >= 123 && admitted <= 127);
    sim_close(s);
}

TEST(half_open_cap_holds)
{
    sim *s = sim_open(small_caps);
    s->accepts = false;
    s->down.loss = 1000000;
    peer *peers[4];
    for (uint32_t i = 0; i < 4; i++) {
        peers[i] = knock(s, (uint8_t)(i + 1), 1000);
    }
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, sim_flow_of(s, peers[i])->id));
    }
    s->down.loss = 0;
    flow *last = sim_flow_of(s, peers[3]);
    CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, last->id));
    /* The oldest made room, and was not told. */
    flow *gone = sim_flow_of(s, peers[0]);
    SIM_WAIT(s, SECONDS, (gone->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, gone->status);
    CHECK_EQ(1, sim_drops(s, TF_DROP_HALF_OPEN_LIMIT));
    SIM_WAIT(s, SECONDS, (last->seen & TF_EVENT_OPEN) != 0);
    CHECK_EQ(0, sim_stats(s).flows_reset_out);
    sim_close(s);
}

/* NULL where the SYN was dropped. */
static flow *flow_or_none(sim *s, const peer *p)
{
    flow *f = s->flows;
    while (f != NULL && (f->released || !wire_same_endpoint(&p->self, &f->details.source))) {
        f = f->next;
    }
    return f;
}

static void leave_every_way(uint32_t per_mille)
{
    sim *s = sim_open(small_caps);
    s->accepts = false;
    s->tolerant = true;
    s->template_.auto_close = true;
    for (uint32_t i = 0; i < 1400; i++) {
        uint32_t fate = i % 7;
        /* Nobody but the one that is to complete it hears of his handshake. */
        s->down.loss = fate == 5 ? 0 : 1000000;
        tf_test_fail_allocation(s->stack, 0, per_mille);
        peer *p = knock(s, (uint8_t)(1 + i % 100), (uint16_t)(1000 + i));
        flow *f = flow_or_none(s, p);
        if (f != NULL) {
            if (fate > 1) {
                int32_t accepted = tf_flow_accept(s->stack, s->now, f->id);
                CHECK(accepted == TF_OK || accepted == TF_E_MEMORY);
            }
            if (fate == 1) {
                CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_RESET));
                f->released = true;
            } else if (fate == 3) {
                CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
            } else if (fate == 4) {
                sim_release_flow(s, f, 0);
            } else if (fate == 6) {
                wire reset = {.src = p->self, .dst = p->remote, .protocol = WIRE_TCP, .flags = WIRE_RST, .seq = p->isn + 1};
                sim_input_wire(s, &reset);
            }
        }
        sim_pump(s);
        CHECK(sim_stats(s).flows_half_open <= 3);
        sim_advance(s, 20 * MILLISECONDS);
        if (i % 101 == 100) {
            CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
            sim_pump(s);
            CHECK_EQ(0, sim_stats(s).flows_half_open);
            CHECK_EQ(0, sim_stats(s).flows_pending);
        } else if (i % 149 == 148) {
            sim_run(s, s->config.half_open_timeout + SECONDS);
            CHECK_EQ(0, sim_stats(s).flows_half_open);
        }
    }
    tf_test_fail_allocation(s->stack, 0, 0);
    CHECK(sim_drops(s, TF_DROP_HALF_OPEN_LIMIT) > 0);
    CHECK(sim_stats(s).flows_opened > 0);
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    sim_pump(s);
    /* No place is lost: those that nobody knows get their half, and not one more. */
    s->down.loss = 0;
    for (uint8_t host = 150; host < 170; host++) {
        knock(s, host, 1);
    }
    CHECK_EQ(10, sim_stats(s).flows_pending);
    if (per_mille == 0) {
        sim_close(s);
    } else {
        sim_destroy(s);
    }
}

TEST(handshakes_leave_their_queue_every_way)
{
    leave_every_way(0);
    leave_every_way(100);
}

TEST(flow_cap_holds)
{
    sim *s = sim_open(small_caps);
    for (uint32_t i = 0; i < 24; i++) {
        peer_open(peer_new(s, i));
    }
    CHECK_EQ(24, sim_stats(s).flows);
    peer *extra = peer_new(s, 100);
    extra->rto = 10000 * SECONDS;
    peer_connect(extra);
    sim_pump(s);
    CHECK_EQ(24, s->flow_count);
    CHECK_EQ(1, sim_drops(s, TF_DROP_FLOW_LIMIT));
    CHECK_EQ(PEER_SYN_SENT, extra->state);
    flow *one = sim_flow(s);
    tf_flow_abort(s->stack, s->now, one->id);
    sim_pump(s);
    sim_release_flow(s, one, 0);
    peer_open(extra);
    sim_close(s);
}
