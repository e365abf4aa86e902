/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "peer.h"

static peer *pending(sim *s, uint32_t index)
{
    s->accepts = false;
    peer *p = peer_new(s, index);
    p->rto = 10000 * SECONDS;
    peer_connect(p);
    sim_pump(s);
    return p;
}

static void refuse(sim *s, peer *p, tf_refusal refusal)
{
    flow *f = sim_flow_of(s, p);
    CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, f->id, (uint32_t)refusal));
    f->released = true;
    sim_pump(s);
    tf_flow_details details;
    CHECK_EQ(TF_E_STALE, tf_flow_get_details(s->stack, f->id, &details));
}

/* Weakness W9 */
TEST(refused_by_reset)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = pending(s, index);
        refuse(s, p, TF_REFUSE_RESET);
        CHECK_EQ(1, p->log_count);
        /* RFC 9293 3.10.7.1: to a segment without ACK, seq 0 and ack seq + 1. */
        CHECK_EQ(WIRE_RST | WIRE_ACK, p->log[0].flags);
        CHECK_EQ(0, p->log[0].seq);
        CHECK_EQ(p->isn + 1, p->log[0].ack);
        CHECK_EQ(1, sim_stats(s).flows_refused);
        CHECK_EQ(0, sim_stats(s).flows_pending);
        sim_close(s);
    }
}

static void check_unreachable(sim *s, peer *p, tf_refusal refusal, uint8_t type, uint8_t code)
{
    refuse(s, p, refusal);
    CHECK_EQ(0, p->log_count);
    const packet *answer = sim_stray(s);
    CHECK(answer != NULL);
    const wire *w = &answer->header;
    CHECK_EQ(p->self.family == 4 ? WIRE_ICMP4 : WIRE_ICMP6, w->protocol);
    CHECK_EQ(type, w->icmp_type);
    CHECK_EQ(code, w->icmp_code);
    CHECK_EQ(0, w->icmp_rest);
    /* From the destination that the application asked for, to the application. */
    CHECK(wire_same_address(&p->remote, &w->src));
    CHECK(wire_same_address(&p->self, &w->dst));
    /* The quote: IP header and at least the first eight bytes behind it. */
    uint32_t ip = p->self.family == 4 ? 20 : 40;
    CHECK(w->payload_length >= ip + 8);
    const uint8_t *quote = w->payload;
    CHECK_EQ(p->self.family, quote[0] >> 4);
    CHECK(memcmp(quote + (ip == 20 ? 12 : 8), p->self.address, ip == 20 ? 4 : 16) == 0);
    CHECK(memcmp(quote + (ip == 20 ? 16 : 24), p->remote.address, ip == 20 ? 4 : 16) == 0);
    CHECK_EQ(WIRE_TCP, quote[ip == 20 ? 9 : 6]);
    CHECK_EQ(p->self.port, wire_read16(quote + ip));
    CHECK_EQ(p->remote.port, wire_read16(quote + ip + 2));
    CHECK_EQ(p->isn, wire_read32(quote + ip + 4));
    /* RFC 4443 3.1, RFC 1812 4.3.2.3: not longer than a minimal datagram. */
    CHECK(answer->length <= (ip == 20 ? 576 : 1280));
    CHECK(sim_stray(s) == NULL);
}

TEST(refused_by_icmp_v4)
{
    sim *s = sim_open(NULL);
    check_unreachable(s, pending(s, 0), TF_REFUSE_HOST_UNREACHABLE, 3, 1);
    check_unreachable(s, pending(s, 2), TF_REFUSE_NETWORK_UNREACHABLE, 3, 0);
    check_unreachable(s, pending(s, 4), TF_REFUSE_PROHIBITED, 3, 13);
    CHECK_EQ(3, sim_stats(s).flows_refused);
    sim_close(s);
}

TEST(refused_by_icmp_v6)
{
    sim *s = sim_open(NULL);
    check_unreachable(s, pending(s, 1), TF_REFUSE_HOST_UNREACHABLE, 1, 3);
    check_unreachable(s, pending(s, 3), TF_REFUSE_NETWORK_UNREACHABLE, 1, 0);
    check_unreachable(s, pending(s, 5), TF_REFUSE_PROHIBITED, 1, 1);
    CHECK_EQ(3, sim_stats(s).flows_refused);
    sim_close(s);
}

/* What is quoted is the header as it came, data on the SYN included in its length. */
TEST(a_refused_syn_with_data_is_quoted_truthfully)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        s->accepts = false;
        peer *p = peer_new(s, index);
        uint8_t payload[300];
        pattern_fill(1, 0, payload, sizeof payload);
        wire w = peer_wire(p, WIRE_SYN, 1000, 0, 65535);
        w.payload = payload;
        w.payload_length = sizeof payload;
        uint8_t sent[500];
        uint32_t size = wire_build(&w, sent, sizeof sent);
        CHECK_EQ(1, sim_input(s, sent, size, NULL));
        sim_pump(s);
        CHECK_EQ(TF_OK, tf_flow_refuse(s->stack, s->now, sim_flow(s)->id, TF_REFUSE_HOST_UNREACHABLE));
        sim_flow(s)->released = true;
        sim_pump(s);
        const packet *answer = sim_stray(s);
        CHECK(answer != NULL);
        uint32_t headers = index == 0 ? 40 : 60;
        CHECK_EQ(headers, answer->header.payload_length);
        CHECK(memcmp(sent, answer->header.payload, headers) == 0);
        /* Accepted, the data is not acknowledged. */
        CHECK_EQ(1, sim_input(s, sent, size, NULL));
        sim_pump(s);
        CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, sim_flow(s)->id));
        sim_pump(s);
        CHECK_EQ(1001, peer_last(p)->ack);
        CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, sim_flow(s)->id));
        sim_close(s);
    }
}

TEST(refused_silently)
{
    sim *s = sim_open(NULL);
    peer *p = pending(s, 0);
    refuse(s, p, TF_REFUSE_SILENT);
    sim_run(s, 5 * SECONDS);
    CHECK_EQ(0, p->log_count);
    CHECK(sim_stray(s) == NULL);
    /* The next SYN is a new flow. */
    peer_connect(p);
    sim_pump(s);
    CHECK_EQ(2, s->flow_count);
    sim_close(s);
}

TEST(segments_without_a_flow_get_reset)
{
    sim *s = sim_open(NULL);
    for (uint32_t index = 0; index < 2; index++) {
        peer *p = peer_new(s, index);
        p->state = PEER_SYN_SENT;
        peer_raw(p, WIRE_ACK, 1000, 2000, 0, NULL, 0);
        sim_pump(s);
        CHECK_EQ(1, p->log_count);
        CHECK((p->log[0].flags & WIRE_RST) != 0);
        CHECK_EQ(2000, p->log[0].seq);
        /* Never a RST for a RST. */
        peer_raw(p, WIRE_RST, 1000, 2000, 0, NULL, 0);
        sim_pump(s);
        CHECK_EQ(1, p->log_count);
    }
    CHECK_EQ(0, s->flow_count);
    sim_close(s);
}
