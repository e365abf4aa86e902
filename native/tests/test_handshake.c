/* SPDX-License-Identifier: Apache-2.0
 *
 * What may happen around a handshake besides the ordinary, and what an idle
 * connection costs.
 */
#include "peer.h"

TEST(repeated_syn_gets_its_syn_ack_again)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, index);
        p->silent = true;
        peer_connect(p);
        sim_pump(s);
        CHECK_EQ(1, p->log_count);
        /* The SYN-ACK got lost; the client repeats its SYN. */
        peer_connect(p);
        sim_run(s, 10 * MILLISECONDS);
        CHECK_EQ(2, p->log_count);
        CHECK_EQ(WIRE_SYN | WIRE_ACK, p->log[1].flags);
        CHECK_EQ(p->log[0].seq, p->log[1].seq);
        CHECK_EQ(p->log[0].ack, p->log[1].ack);
        CHECK_EQ(1, s->flow_count);
        p->silent = false;
        peer_connect(p);
        SIM_WAIT(s, SECONDS, (sim_flow(s)->seen & TF_EVENT_OPEN) != 0);
        sim_close(s);
    }
}

TEST(third_segment_may_carry_everything)
{
    /* ACK, data and FIN in one segment. */
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        s->template_.reads = true;
        peer *p = peer_new(s, index);
        p->silent = true;
        peer_connect(p);
        sim_pump(s);
        uint8_t data[500];
        pattern_fill(1, 0, data, sizeof data);
        peer_raw(p, WIRE_ACK | WIRE_FIN | WIRE_PSH, p->isn + 1, p->log[0].seq + 1, 60000, data, sizeof data);
        sim_pump(s);
        flow *f = sim_flow(s);
        CHECK((f->seen & TF_EVENT_OPEN) != 0);
        CHECK_EQ(500, f->received);
        CHECK(f->ended);
        CHECK_EQ(p->isn + 502, peer_last(p)->ack);
        sim_close(s);
    }
}

TEST(lost_third_segment_is_made_up_for_by_data)
{
    sim *s = sim_open(NULL);
    s->template_.reads = true;
    s->down.delay = MILLISECONDS;
    peer *p = peer_new(s, 0);
    peer_connect(p);
    SIM_WAIT(s, SECONDS, p->log_count == 0 && s->flow_count == 1);
    s->up.loss = 1000000;
    SIM_WAIT(s, SECONDS, p->state == PEER_ESTABLISHED);
    s->up.loss = 0;
    CHECK((sim_flow(s)->seen & TF_EVENT_OPEN) == 0);
    peer_send(p, 3000);
    SIM_WAIT(s, SECONDS, sim_flow(s)->received == 3000);
    sim_close(s);
}

/* Acceptance row 15 */
TEST(new_syn_on_an_open_tuple_is_challenged)
{
    /* RFC 5961 4.2: the client lost its memory. It resets what we still hold and tries again. */
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, index);
        flow *f = peer_open(p);
        uint32_t known = p->snd_nxt;
        p->state = PEER_CLOSED;
        wire w = peer_wire(p, WIRE_SYN, known + 5000000, 0, 0);
        w.window = 65535;
        sim_input_wire(s, &w);
        sim_pump(s);
        CHECK_EQ(WIRE_ACK, peer_last(p)->flags);
        CHECK_EQ(known, peer_last(p)->ack);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
        /* RFC 9293 3.10.7.3: an unacceptable ACK in SYN-SENT is answered by RST. */
        wire reset = peer_wire(p, WIRE_RST, peer_last(p)->ack, 0, 0);
        sim_input_wire(s, &reset);
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_CLOSED) != 0);
        CHECK_EQ(TF_E_RESET, f->status);
        sim_release_flow(s, f, 0);
        peer *again = peer_between(s, p->self, p->remote);
        again->isn = known + 5000000;
        flow *fresh = peer_open(again);
        CHECK(fresh->id != f->id);
        sim_close(s);
    }
}

TEST(reset_in_the_handshake_ends_it)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->silent = true;
    peer_connect(p);
    sim_pump(s);
    CHECK_EQ(1, sim_stats(s).flows_half_open);
    peer_raw(p, WIRE_RST, p->isn + 1, 0, 0, NULL, 0);
    sim_pump(s);
    CHECK_EQ(0, sim_stats(s).flows_half_open);
    flow *f = sim_flow(s);
    CHECK((f->seen & TF_EVENT_CLOSED) != 0);
    CHECK((f->seen & TF_EVENT_OPEN) == 0);
    CHECK_EQ(TF_E_RESET, f->status);
    sim_close(s);
}

TEST(wrong_acknowledgment_in_the_handshake_is_reset)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->silent = true;
    peer_connect(p);
    sim_pump(s);
    uint32_t isn = p->log[0].seq;
    peer_raw(p, WIRE_ACK, p->isn + 1, isn + 70000, 60000, NULL, 0);
    sim_pump(s);
    CHECK((peer_last(p)->flags & WIRE_RST) != 0);
    CHECK_EQ(isn + 70000, peer_last(p)->seq);
    CHECK((sim_flow(s)->seen & TF_EVENT_OPEN) == 0);
    peer_raw(p, WIRE_ACK, p->isn + 1, isn + 1, 60000, NULL, 0);
    sim_pump(s);
    CHECK((sim_flow(s)->seen & TF_EVENT_OPEN) != 0);
    sim_close(s);
}

TEST(idle_flows_are_small)
{
    sim *s = sim_open(NULL);
    s->template_.reads = s->template_.echoes = true;
    enum { count = 1000 };
    peer *peers[count];
    for (uint32_t i = 0; i < count; i++) {
        peers[i] = peer_between(s, wire_endpoint4(10, 0, 0, 2, (uint16_t)(1000 + i)),
                                wire_endpoint4(192, 0, 2, 1, 80));
        peers[i]->seed_in = 1;
        peer_connect(peers[i]);
        peer_send(peers[i], 3000);
    }
    for (uint32_t i = 0; i < count; i++) {
        SIM_WAIT(s, 10 * SECONDS, peers[i]->received == 3000);
    }
    sim_run(s, 2 * SECONDS);
    CHECK_EQ(count, sim_stats(s).flows);
    CHECK((sim_stats(s).native_bytes - s->base_bytes) / count <= 1024);
    for (flow *f = s->flows; f != NULL; f = f->next) {
        sim_release_flow(s, f, SECONDS);
    }
    for (uint32_t i = 0; i < count; i++) {
        peer_finish(peers[i]);
    }
    sim_run(s, 5 * SECONDS);
    CHECK_EQ(0, sim_stats(s).flows);
    CHECK_EQ(s->base_bytes, sim_stats(s).native_bytes);
    sim_close(s);
}
