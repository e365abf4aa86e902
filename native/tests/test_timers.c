/* SPDX-License-Identifier: Apache-2.0
 *
 * TIME_WAIT, keep-alive, idle and retransmission timers.
 */
#include "peer.h"

/* Brings a flow to TIME_WAIT: this side closes first. */
static flow *reach_time_wait(sim *s, peer *p)
{
    flow *f = peer_open(p);
    f->reads = true;
    CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
    SIM_WAIT(s, SECONDS, p->fin_received);
    peer_finish(p);
    SIM_WAIT(s, SECONDS, peer_all_acked(p) && (f->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(1, sim_stats(s).flows_time_wait);
    return f;
}

TEST(time_wait_lasts_two_seconds)
{
    for (uint32_t released = 0; released < 2; released++) {
        sim *s = sim_open(NULL);
        CHECK_EQ(2 * SECONDS, s->config.time_wait);
        peer *p = peer_new(s, released);
        flow *f = reach_time_wait(s, p);
        if (released == 1) {
            sim_release_flow(s, f, 0);
        }
        sim_run(s, 1900 * MILLISECONDS);
        CHECK_EQ(1, sim_stats(s).flows_time_wait);
        uint32_t before = p->log_count;
        sim_run(s, 200 * MILLISECONDS);
        CHECK_EQ(0, sim_stats(s).flows_time_wait);
        /* It ends silently. */
        CHECK_EQ(before, p->log_count);
        CHECK_EQ(released == 1 ? 0 : 1, sim_stats(s).flows);
        sim_close(s);
    }
}

TEST(time_wait_answers_a_repeated_fin)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    reach_time_wait(s, p);
    uint32_t before = p->log_count;
    peer_raw(p, WIRE_FIN | WIRE_ACK, p->snd_nxt - 1, p->rcv_nxt, peer_window(p), NULL, 0);
    sim_pump(s);
    CHECK_EQ(before + 1, p->log_count);
    CHECK_EQ(WIRE_ACK, peer_last(p)->flags);
    CHECK_EQ(p->snd_nxt, peer_last(p)->ack);
    sim_close(s);
}

TEST(syn_on_a_time_wait_tuple_opens_anew)
{
    for (uint32_t released = 0; released < 2; released++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, released);
        flow *old = reach_time_wait(s, p);
        if (released == 1) {
            sim_release_flow(s, old, 0);
        }
        uint64_t old_id = old->id;
        p->state = PEER_CLOSED;
        peer *again = peer_between(s, p->self, p->remote);
        again->isn = p->snd_max + 1000;
        uint64_t start = s->now;
        flow *f = peer_open(again);
        /* At once: not when TIME_WAIT has run out. */
        CHECK(s->now - start < 500 * MILLISECONDS);
        CHECK(f->id != old_id);
        f->reads = f->echoes = true;
        again->seed_in = 1;
        peer_send(again, 20000);
        SIM_WAIT(s, 5 * SECONDS, again->received == 20000);
        CHECK_EQ(0, sim_stats(s).flows_time_wait);
        sim_close(s);
    }
}

TEST(old_syn_opens_nothing_on_a_time_wait_tuple)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    reach_time_wait(s, p);
    p->state = PEER_CLOSED;
    uint32_t flows = s->flow_count;
    peer *again = peer_between(s, p->self, p->remote);
    again->isn = p->snd_max - 1000;
    again->rto = 10000 * SECONDS;
    peer_connect(again);
    sim_pump(s);
    CHECK_EQ(flows, s->flow_count);
    CHECK_EQ(1, sim_stats(s).flows_time_wait);
    sim_run(s, s->config.time_wait + SECONDS);
    CHECK_EQ(0, sim_stats(s).flows_time_wait);
    sim_close(s);
}

TEST(silent_frees_leave_no_dangling_flow)
{
    /* lwIP frees a control block without err() when TIME_WAIT is reaped; the caller holds on. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = reach_time_wait(s, p);
    sim_run(s, 200 * SECONDS);
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK_EQ(0, details.mss);
    tf_slice slice;
    uint32_t count;
    uint32_t end;
    CHECK_EQ(0, tf_flow_receive(s->stack, f->id, &slice, 1, &count, &end));
    CHECK_EQ(1, end);
    uint8_t byte = 0;
    CHECK(tf_flow_write(s->stack, s->now, f->id, &byte, 1) < 0);
    CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
    sim_release_flow(s, f, 0);
    CHECK_EQ(0, sim_stats(s).flows);
    sim_close(s);
}

TEST(abort_in_time_wait_is_silent)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = reach_time_wait(s, p);
    uint32_t before = p->log_count;
    CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
    sim_pump(s);
    CHECK_EQ(before, p->log_count);
    /* The control block is gone; the flow says so. */
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK_EQ(0, details.mss);
    sim_release_flow(s, f, 0);
    sim_close(s);
}

TEST(closed_reader_and_fin_free_the_flow)
{
    /* The delayed close of lwIP: the reading side is shut, and the last segment of the
     * connection comes; lwIP then frees the control block and tells nobody. */
    for (uint32_t variant = 0; variant < 4; variant++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, 0);
        flow *f = peer_open(p);
        bool peer_first = (variant & 1) != 0;
        uint32_t bytes = (variant & 2) != 0 ? 3000 : 0;
        if (peer_first) {
            f->reads = true;
            peer_finish(p);
            SIM_WAIT(s, SECONDS, f->ended);
        }
        f->to_write = bytes;
        flow_drive(s, f);
        s->down.loss = 1000000;
        sim_release_flow(s, f, 60 * SECONDS);
        peer_finish(p);
        sim_run(s, 3 * SECONDS);
        s->down.loss = 0;
        SIM_WAIT(s, 20 * SECONDS, p->fin_received && peer_all_acked(p));
        CHECK_EQ(bytes, p->received);
        sim_run(s, s->config.time_wait + SECONDS);
        CHECK_EQ(0, sim_stats(s).flows);
        sim_close(s);
    }
}

static void keepalive(tf_config *config)
{
    config->keepalive_interval = 30 * SECONDS;
    config->idle_timeout = 0;
}

TEST(keepalive_finds_a_living_peer)
{
    sim *s = sim_open(keepalive);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    uint32_t before = p->log_count;
    sim_run(s, 29 * SECONDS);
    CHECK_EQ(before, p->log_count);
    sim_run(s, 302 * SECONDS);
    CHECK_RANGE(before + 9, before + 12, p->log_count);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    f->reads = true;
    peer_send(p, 100);
    SIM_WAIT(s, SECONDS, f->received == 100);
    sim_close(s);
}

TEST(keepalive_finds_a_dead_peer)
{
    sim *s = sim_open(keepalive);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    p->silent = true;
    sim_run(s, 600 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, f->status);
    sim_close(s);
}

/* Acceptance row 36 */
TEST(keepalive_leaves_time_to_answer_after_a_suspend)
{
    sim *s = sim_open(keepalive);
    s->up.delay = s->down.delay = 50 * MILLISECONDS;
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    sim_advance(s, 3600 * SECONDS);
    sim_run(s, 10 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    f->reads = true;
    peer_send(p, 100);
    SIM_WAIT(s, SECONDS, f->received == 100);
    sim_close(s);
}

static void idle(tf_config *config)
{
    config->keepalive_interval = 0;
    config->idle_timeout = 120 * SECONDS;
}

TEST(idle_timeout_ends_a_flow)
{
    sim *s = sim_open(idle);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    sim_run(s, 100 * SECONDS);
    peer_send(p, 10);
    sim_run(s, 100 * SECONDS);
    f->to_write = 10;
    flow_drive(s, f);
    sim_run(s, 119 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    sim_run(s, 2 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, f->status);
    CHECK_EQ(PEER_RESET, p->state);
    sim_close(s);
}

TEST(flow_lives_without_timeouts)
{
    sim *s = sim_open(keepalive);
    sim_destroy(s);
    s = sim_open(NULL);
    if (s->config.idle_timeout != 0 || s->config.keepalive_interval != 0) {
        uint64_t least = 2 * 3600 * SECONDS;
        CHECK(s->config.idle_timeout == 0 || s->config.idle_timeout >= least);
    }
    sim_close(s);
}

TEST(unanswered_data_times_out)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    p->silent = true;
    f->to_write = 1000;
    flow_drive(s, f);
    sim_run(s, 4000 * SECONDS);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, f->status);
    CHECK_RANGE(4, 30, sim_stats(s).retransmissions);
    sim_close(s);
}

TEST(last_ack_survives_loss)
{
    /* The peer closed first; our data and FIN get lost for longer than a short 2 MSL. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    peer_finish(p);
    SIM_WAIT(s, SECONDS, f->ended);
    s->down.loss = 1000000;
    f->to_write = 10000;
    flow_drive(s, f);
    sim_release_flow(s, f, 60 * SECONDS);
    sim_run(s, 8 * SECONDS);
    s->down.loss = 0;
    SIM_WAIT(s, 40 * SECONDS, p->fin_received);
    CHECK_EQ(10000, p->received);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    sim_close(s);
}

TEST(linger_outlives_the_limit_of_last_ack)
{
    /* The peer closed first; our data and FIN get lost for longer than 2 MSL, but not
     * for longer than the caller is willing to wait. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    peer_finish(p);
    SIM_WAIT(s, SECONDS, f->ended);
    s->down.loss = 1000000;
    f->to_write = 10000;
    flow_drive(s, f);
    sim_release_flow(s, f, 300 * SECONDS);
    sim_run(s, 90 * SECONDS);
    s->down.loss = 0;
    SIM_WAIT(s, 150 * SECONDS, p->fin_received);
    CHECK_EQ(10000, p->received);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    sim_close(s);
}
