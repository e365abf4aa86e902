/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows one side of which has ended: bytes keep them alive, silence ends them.
 */
#include "peer.h"

static bool ended(const flow *f) { return (f->seen & TF_EVENT_CLOSED) != 0; }

/* Half-closed by the application (0) or by this side (1). */
static flow *half_close(sim *s, peer *p, uint32_t who)
{
    flow *f = peer_open(p);
    f->reads = true;
    if (who == 0) {
        peer_finish(p);
        SIM_WAIT(s, SECONDS, f->ended);
    } else {
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_DRAINED) != 0);
    }
    return f;
}

static void expect_end(sim *s, peer *p, flow *f, uint64_t after)
{
    uint64_t resets = sim_stats(s).flows_reset_out;
    uint64_t counted = sim_stats(s).flows_half_closed;
    sim_run(s, after - 1);
    CHECK(!ended(f));
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    sim_run(s, 1);
    CHECK(ended(f));
    CHECK_EQ(TF_E_TIMEOUT, f->status);
    CHECK_EQ(PEER_RESET, p->state);
    CHECK_EQ(resets + 1, sim_stats(s).flows_reset_out);
    CHECK_EQ(counted + 1, sim_stats(s).flows_half_closed);
}

/* Weakness W13 */
TEST(silence_ends_a_half_closed_flow)
{
    for (uint32_t who = 0; who < 2; who++) {
        for (uint32_t family = 0; family < 2; family++) {
            sim *s = sim_open(NULL);
            peer *p = peer_new(s, family);
            flow *f = half_close(s, p, who);
            expect_end(s, p, f, s->config.half_closed_timeout);
            sim_close(s);
        }
    }
}

TEST(silence_before_the_half_close_does_not_count)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    sim_run(s, 10 * s->config.half_closed_timeout);
    CHECK(!ended(f));
    f->reads = true;
    peer_finish(p);
    SIM_WAIT(s, SECONDS, f->ended);
    expect_end(s, p, f, s->config.half_closed_timeout);
    sim_close(s);
}

TEST(bytes_towards_the_application_keep_a_half_closed_flow)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = half_close(s, p, 0);
    for (uint32_t i = 1; i <= 20; i++) {
        sim_run(s, s->config.half_closed_timeout - SECONDS);
        f->to_write = i;
        flow_drive(s, f);
        SIM_WAIT(s, 500 * MILLISECONDS, p->received == i);
    }
    CHECK(!ended(f));
    expect_end(s, p, f, s->config.half_closed_timeout);
    sim_close(s);
}

TEST(bytes_from_the_application_keep_a_half_closed_flow)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 1);
    flow *f = half_close(s, p, 1);
    for (uint32_t i = 1; i <= 20; i++) {
        sim_run(s, s->config.half_closed_timeout - SECONDS);
        peer_send(p, 1);
        SIM_WAIT(s, 500 * MILLISECONDS, f->received == i);
    }
    CHECK(!ended(f));
    expect_end(s, p, f, s->config.half_closed_timeout);
    sim_close(s);
}

TEST(an_upstream_that_takes_bytes_keeps_a_half_closed_flow)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    peer_send(p, 100);
    peer_finish(p);
    SIM_WAIT(s, SECONDS, peer_all_acked(p));
    for (uint32_t i = 0; i < 100; i++) {
        sim_run(s, s->config.half_closed_timeout - SECONDS);
        CHECK(!ended(f));
        CHECK_EQ(TF_OK, tf_flow_consume(s->stack, s->now, f->id, 1));
    }
    expect_end(s, p, f, s->config.half_closed_timeout);
    sim_close(s);
}

TEST(mere_acknowledgments_do_not_keep_a_half_closed_flow)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = half_close(s, p, 0);
    uint64_t until = s->now + s->config.half_closed_timeout;
    while (s->now < until - SECONDS) {
        sim_run(s, SECONDS);
        peer_raw(p, WIRE_ACK, p->snd_nxt - 1, p->rcv_nxt, peer_window(p), NULL, 0); /* a keep-alive probe */
    }
    expect_end(s, p, f, until - s->now);
    sim_close(s);
}

/* The application has half-closed and reads nothing for an hour: it answers
 * window probes, so it is alive, and bytes wait for it. */
TEST(a_reader_that_pauses_is_spared)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->capacity = 8192;
    flow *f = half_close(s, p, 0);
    peer_pause(p);
    f->to_write = 100000;
    flow_drive(s, f);
    sim_run(s, 3600 * SECONDS);
    CHECK(!ended(f));
    CHECK(p->received < 100000);
    peer_resume(p);
    SIM_WAIT(s, 120 * SECONDS, p->received == 100000);
    CHECK(!ended(f));
    sim_close(s);
}

static void never(tf_config *config)
{
    config->half_closed_timeout = TF_NO_DEADLINE;
}

TEST(a_half_closed_flow_may_live_for_ever)
{
    sim *s = sim_open(never);
    peer *p = peer_new(s, 0);
    flow *f = half_close(s, p, 0);
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
    sim_advance(s, 365ull * 24 * 3600 * SECONDS);
    CHECK_EQ(TF_OK, tf_stack_tick(s->stack, s->now));
    CHECK(!ended(f));
    peer_reset(p);
    sim_pump(s);
    s->config.half_closed_timeout = 0;
    sim_close(s);
}

static void shorter_idle(tf_config *config)
{
    config->idle_timeout = 100 * SECONDS;
}

TEST(the_idle_time_holds_beside_the_half_closed_one)
{
    sim *s = sim_open(shorter_idle);
    peer *p = peer_new(s, 0);
    flow *f = half_close(s, p, 0);
    sim_run(s, 100 * SECONDS - 1);
    CHECK(!ended(f));
    sim_run(s, 1);
    CHECK(ended(f));
    CHECK_EQ(0, sim_stats(s).flows_half_closed);
    sim_close(s);
}

TEST(an_orphan_whose_peer_never_ends_is_counted)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    sim_release_flow(s, f, 10 * SECONDS);
    SIM_WAIT(s, SECONDS, p->fin_received);
    sim_run(s, s->config.half_closed_timeout - SECONDS);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    sim_run(s, 2 * SECONDS);
    CHECK_EQ(PEER_RESET, p->state);
    CHECK_EQ(1, sim_stats(s).flows_half_closed);
    CHECK_EQ(0, sim_stats(s).flows);
    sim_close(s);
}

TEST(written_bytes_count_among_a_flows_memory)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->acks = PEER_ACK_NEVER;
    flow *f = peer_open(p);
    tf_flow_details before, after;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &before));
    f->to_write = 200000;
    flow_drive(s, f);
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &after));
    CHECK_EQ(200000, after.send_queue);
    CHECK(after.native_bytes >= before.native_bytes + 200000);
    CHECK(after.native_bytes <= before.native_bytes + 2 * 200000);
    CHECK(after.native_bytes <= sim_stats(s).native_bytes);
    p->acks = PEER_ACK_EACH;
    SIM_WAIT(s, 20 * SECONDS, p->received == 200000);
    sim_run(s, SECONDS);
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &after));
    CHECK_EQ(before.native_bytes, after.native_bytes);
    sim_close(s);
}
