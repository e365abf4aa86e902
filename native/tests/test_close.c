/* SPDX-License-Identifier: Apache-2.0
 *
 * The ends of a connection: half-closes, resets, aborts, close(2).
 */
#include <string.h>

#include "peer.h"

TEST(peer_closes_first_then_download)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = peer_open(p);
        f->reads = true;
        peer_send(p, 10000);
        peer_finish(p);
        SIM_WAIT(s, SECONDS, f->ended);
        CHECK_EQ(10000, f->received);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        /* Half-closed: the other direction goes on for as long as it likes. */
        sim_run(s, 30 * SECONDS);
        f->to_write = 1000000;
        flow_drive(s, f);
        SIM_WAIT(s, 10 * SECONDS, p->received == 1000000);
        CHECK(!p->fin_received);
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        SIM_WAIT(s, SECONDS, p->fin_received && (f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_OK, f->status);
        CHECK((f->seen & TF_EVENT_DRAINED) != 0);
        /* The application closed first: no TIME_WAIT on this side. */
        CHECK_EQ(0, sim_stats(s).flows_time_wait);
        sim_release_flow(s, f, 0);
        CHECK_EQ(0, sim_stats(s).flows);
        sim_close(s);
    }
}

TEST(stack_closes_first_then_upload)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = peer_open(p);
        f->reads = true;
        f->to_write = 5000;
        flow_drive(s, f);
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        SIM_WAIT(s, SECONDS, p->fin_received);
        CHECK_EQ(5000, p->received);
        SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_DRAINED) != 0);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        sim_run(s, s->config.half_closed_timeout - 10 * SECONDS);
        peer_send(p, 1000000);
        SIM_WAIT(s, 10 * SECONDS, f->received == 1000000);
        peer_finish(p);
        SIM_WAIT(s, SECONDS, f->ended && (f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_OK, f->status);
        CHECK_EQ(1, sim_stats(s).flows_time_wait);
        sim_run(s, s->config.time_wait + SECONDS);
        CHECK_EQ(0, sim_stats(s).flows_time_wait);
        sim_close(s);
    }
}

TEST(closed_is_reported_once)
{
    /* sim checks that no event follows CLOSED; here TIME_WAIT ends under a held flow. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
    peer_finish(p);
    SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_CLOSED) != 0);
    sim_run(s, 100 * SECONDS);
    CHECK_EQ(TF_OK, f->status);
    sim_close(s);
}

TEST(both_close_at_once)
{
    sim *s = sim_open(NULL);
    s->up.delay = s->down.delay = 10 * MILLISECONDS;
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
    peer_finish(p);
    SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_CLOSED) != 0 && p->fin_received && peer_all_acked(p));
    CHECK_EQ(TF_OK, f->status);
    sim_close(s);
}

TEST(reset_by_the_peer)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = peer_open(p);
        peer_send(p, 3000);
        sim_pump(s);
        peer_reset(p);
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_E_RESET, f->status);
        CHECK_EQ(1, sim_stats(s).flows_reset_in);
        /* What came before the reset can still be read, then comes the error. */
        f->reads = true;
        flow_drive(s, f);
        CHECK_EQ(3000, f->received);
        CHECK_EQ(TF_E_RESET, f->receive_error);
        uint8_t byte = 0;
        CHECK_EQ(TF_E_RESET, tf_flow_write(s->stack, s->now, f->id, &byte, 1));
        sim_release_flow(s, f, 0);
        sim_close(s);
    }
}

/* Acceptance row 15 */
TEST(reset_outside_the_window_is_ignored)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    peer_raw(p, WIRE_RST, p->snd_nxt - 1, p->rcv_nxt, 0, NULL, 0);
    peer_raw(p, WIRE_RST, p->snd_nxt + 100000000, p->rcv_nxt, 0, NULL, 0);
    sim_pump(s);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    /* RFC 5961 3.2: in the window, but not exactly next: a challenge ACK. */
    uint32_t before = p->log_count;
    peer_raw(p, WIRE_RST, p->snd_nxt + 10, p->rcv_nxt, 0, NULL, 0);
    sim_pump(s);
    CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    CHECK_EQ(before + 1, p->log_count);
    CHECK_EQ(WIRE_ACK, peer_last(p)->flags);
    peer_send(p, 100);
    SIM_WAIT(s, SECONDS, f->received == 100);
    sim_close(s);
}

TEST(abort_resets_the_peer)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = peer_open(p);
        f->to_write = 100000;
        peer_pause(p);
        flow_drive(s, f);
        sim_pump(s);
        CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
        sim_pump(s);
        CHECK_EQ(PEER_RESET, p->state);
        CHECK((f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_E_ABORTED, f->status);
        CHECK_EQ(1, sim_stats(s).flows_reset_out);
        CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
        tf_slice slice;
        uint32_t count;
        uint32_t end;
        CHECK_EQ(TF_E_ABORTED, tf_flow_receive(s->stack, f->id, &slice, 1, &count, &end));
        sim_release_flow(s, f, 0);
        sim_close(s);
    }
}

TEST(close_sends_what_was_written_then_fin)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        s->down.delay = s->up.delay = 5 * MILLISECONDS;
        peer *p = peer_new(s, family);
        p->capacity = 20000;
        flow *f = peer_open(p);
        f->to_write = 60000;
        flow_drive(s, f);
        CHECK(f->written == 60000);
        sim_release_flow(s, f, 60 * SECONDS);
        SIM_WAIT(s, 5 * SECONDS, p->fin_received);
        CHECK_EQ(60000, p->received);
        CHECK_EQ(PEER_ESTABLISHED, p->state);
        peer_finish(p);
        SIM_WAIT(s, SECONDS, peer_all_acked(p));
        sim_run(s, s->config.time_wait + SECONDS);
        CHECK_EQ(0, sim_stats(s).flows);
        sim_close(s);
    }
}

TEST(close_sends_fin_after_everything_was_read)
{
    /* lwIP's tcp_close() would reset: the window is below its compile-time size. */
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        flow *f = peer_open(p);
        f->reads = true;
        peer_send(p, 5000);
        SIM_WAIT(s, SECONDS, f->received == 5000);
        sim_release_flow(s, f, SECONDS);
        sim_pump(s);
        CHECK(p->fin_received);
        CHECK_EQ(PEER_ESTABLISHED, p->state);
        peer_finish(p);
        SIM_WAIT(s, SECONDS, peer_all_acked(p));
        CHECK_EQ(0, sim_stats(s).flows_reset_out);
        sim_close(s);
    }
}

TEST(close_with_unread_data_resets)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    peer_send(p, 5000);
    sim_pump(s);
    sim_release_flow(s, f, 60 * SECONDS);
    sim_pump(s);
    CHECK_EQ(PEER_RESET, p->state);
    CHECK_EQ(0, sim_stats(s).flows);
    sim_close(s);
}

TEST(close_resets_after_linger)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->capacity = 10000;
    flow *f = peer_open(p);
    peer_pause(p);
    f->to_write = 50000;
    flow_drive(s, f);
    sim_release_flow(s, f, 3 * SECONDS);
    sim_run(s, 2 * SECONDS);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    CHECK_EQ(1, sim_stats(s).flows);
    sim_run(s, 2 * SECONDS);
    CHECK_EQ(PEER_RESET, p->state);
    CHECK_EQ(0, sim_stats(s).flows);
    sim_close(s);
}

TEST(close_without_linger_resets_unsent_data)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->capacity = 10000;
    flow *f = peer_open(p);
    peer_pause(p);
    f->to_write = 50000;
    flow_drive(s, f);
    sim_release_flow(s, f, 0);
    sim_run(s, 10 * MILLISECONDS);
    CHECK_EQ(PEER_RESET, p->state);
    sim_close(s);
}

TEST(data_after_close_is_answered)
{
    /* RFC 1122 4.2.2.13: data that arrives after close(2) gets a RST. */
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    sim_release_flow(s, f, 10 * SECONDS);
    sim_pump(s);
    CHECK(p->fin_received);
    peer_send(p, 1000);
    sim_run(s, 5 * SECONDS);
    CHECK_EQ(PEER_RESET, p->state);
    sim_close(s);
}

TEST(half_closed_orphan_times_out)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    sim_release_flow(s, f, SECONDS);
    SIM_WAIT(s, SECONDS, p->fin_received);
    sim_run(s, s->config.half_closed_timeout - 2 * SECONDS);
    CHECK_EQ(1, sim_stats(s).flows);
    sim_run(s, 4 * SECONDS);
    CHECK_EQ(0, sim_stats(s).flows);
    sim_close(s);
}

TEST(discard_keeps_the_peer_sending)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    peer_send(p, 50000);
    sim_pump(s);
    CHECK_EQ(TF_OK, tf_flow_discard(s->stack, s->now, f->id));
    peer_send(p, 1000000);
    SIM_WAIT(s, 10 * SECONDS, peer_all_acked(p));
    CHECK_EQ(0, p->probes);
    tf_flow_details details;
    CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
    CHECK_EQ(0, details.receive_queue);
    CHECK(sim_drops(s, TF_DROP_CLOSED_FLOW) > 0);
    /* The other direction works, and close() is an orderly one. */
    f->to_write = 1000;
    flow_drive(s, f);
    SIM_WAIT(s, SECONDS, p->received == 1000);
    sim_release_flow(s, f, SECONDS);
    SIM_WAIT(s, SECONDS, p->fin_received);
    CHECK_EQ(PEER_ESTABLISHED, p->state);
    sim_close(s);
}

TEST(shown_bytes_outlive_the_flow)
{
    sim *s = sim_open(NULL);
    s->blocks = true;
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    peer_send(p, 4000);
    sim_pump(s);
    tf_slice slices[TF_MAX_SLICES];
    uint32_t count;
    uint32_t end;
    CHECK_EQ(4000, tf_flow_receive(s->stack, f->id, slices, TF_MAX_SLICES, &count, &end));
    peer_reset(p);
    sim_pump(s);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(slices[i].length, pattern_check(1, offset, slices[i].data, slices[i].length));
        offset += slices[i].length;
    }
    CHECK_EQ(TF_OK, tf_flow_consume(s->stack, s->now, f->id, 3999));
    CHECK_EQ(1, tf_flow_receive(s->stack, f->id, slices, 1, &count, &end));
    sim_close(s);
}

TEST(lost_fins_are_repeated)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, 0);
        flow *f = peer_open(p);
        f->reads = true;
        if (index == 0) {
            peer_finish(p);
            SIM_WAIT(s, SECONDS, f->ended);
        }
        s->down.loss = 1000000;
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        sim_run(s, 4 * SECONDS);
        s->down.loss = 0;
        SIM_WAIT(s, 30 * SECONDS, p->fin_received);
        SIM_WAIT(s, SECONDS, (f->seen & TF_EVENT_DRAINED) != 0);
        sim_close(s);
    }
}
