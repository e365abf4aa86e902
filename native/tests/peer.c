/* SPDX-License-Identifier: Apache-2.0
 *
 * The TCP client model: its life and its receiving half.
 */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

peer *peer_between(sim *s, tf_endpoint self, tf_endpoint remote)
{
    peer *p = calloc(1, sizeof *p);
    CHECK(p != NULL);
    p->s = s;
    p->self = self;
    p->remote = remote;
    p->isn = (uint32_t)prng_next(&s->random);
    p->mss = s->mtu - (self.family == 4 ? 40 : 60);
    p->wscale = 7;
    p->capacity = 256 * 1024;
    p->rto = 300 * MILLISECONDS;
    p->rto_at = p->delayed_ack_at = TF_NO_DEADLINE;
    p->seed_out = 1;
    p->seed_in = 2;
    /* Unknown until the SYN-ACK tells whether scaling is on. */
    p->snd_scale = 0xFF;
    p->next = s->peers;
    s->peers = p;
    return p;
}

peer *peer_new(sim *s, uint32_t index)
{
    uint8_t low = (uint8_t)(1 + index % 200);
    uint16_t port = (uint16_t)(20000 + index % 40000);
    if (index % 2 == 0) {
        return peer_between(s, wire_endpoint4(10, 0, (uint8_t)(index / 200 % 250), low, port),
                            wire_endpoint4(93, 184, 216, low, 443));
    }
    return peer_between(s, wire_endpoint6(0x10000 + index, port), wire_endpoint6(0x20000, 443));
}

flow *peer_open(peer *p)
{
    uint32_t flows = p->s->flow_count;
    peer_connect(p);
    SIM_WAIT(p->s, 20 * SECONDS,
             p->state == PEER_ESTABLISHED && p->s->flow_count > flows &&
                 (p->s->flows->seen & TF_EVENT_OPEN) != 0);
    return sim_flow_of(p->s, p);
}

void peer_send(peer *p, uint64_t length)
{
    p->to_send += length;
}

void peer_finish(peer *p)
{
    p->want_fin = true;
}

void peer_reset(peer *p)
{
    peer_raw(p, WIRE_RST | WIRE_ACK, p->snd_nxt, p->rcv_nxt, 0, NULL, 0);
    p->state = PEER_CLOSED;
    p->rto_at = p->delayed_ack_at = TF_NO_DEADLINE;
}

void peer_pause(peer *p)
{
    p->paused = true;
}

void peer_resume(peer *p)
{
    p->paused = false;
    p->unread = 0;
    peer_ack(p);
}

const peer_segment *peer_last(const peer *p)
{
    CHECK(p->log_count != 0);
    return &p->log[p->log_count - 1];
}

bool peer_all_acked(const peer *p)
{
    return p->snd_una == p->snd_max &&
           (uint32_t)(p->snd_una - p->isn - 1) == (uint32_t)(p->to_send + (p->fin_sent ? 1 : 0)) &&
           p->fin_sent == p->want_fin;
}

peer *peer_find(sim *s, const wire *w)
{
    if (w->protocol != WIRE_TCP) {
        return NULL;
    }
    for (peer *p = s->peers; p != NULL; p = p->next) {
        if (wire_same_endpoint(&p->self, &w->dst) && wire_same_endpoint(&p->remote, &w->src)) {
            return p;
        }
    }
    return NULL;
}

static void remember(peer *p, const wire *w)
{
    if (p->log_count == p->log_size) {
        p->log_size = p->log_size != 0 ? 2 * p->log_size : 64;
        p->log = realloc(p->log, p->log_size * sizeof *p->log);
        CHECK(p->log != NULL);
    }
    bool scaled = (w->flags & WIRE_SYN) == 0 && p->snd_scale != 0xFF;
    p->log[p->log_count++] = (peer_segment){
        .at = p->s->now,
        .seq = w->seq,
        .ack = w->ack,
        .length = w->payload_length,
        .window = (uint32_t)w->window << (scaled ? p->snd_scale : 0),
        .mss = w->mss,
        .window_scale = w->window_scale,
        .flags = w->flags,
    };
}

static void receive_syn_ack(peer *p, const wire *w)
{
    CHECK_EQ(p->isn + 1, w->ack);
    CHECK_EQ(0, w->payload_length);
    p->irs = w->seq;
    p->rcv_nxt = w->seq + 1;
    bool scaling = p->wscale >= 0 && w->window_scale >= 0;
    CHECK(p->wscale >= 0 || w->window_scale < 0);
    p->snd_scale = scaling ? (uint8_t)w->window_scale : 0;
    p->wscale = scaling ? p->wscale : -1;
    p->peer_mss = w->mss > 0 ? (uint32_t)w->mss : 536;
    p->snd_una = w->ack;
    p->snd_nxt = p->snd_max = w->ack;
    p->snd_wnd = w->window;
    p->ack_edge = w->ack + w->window;
    p->rcv_edge = p->rcv_nxt;
    p->state = PEER_ESTABLISHED;
    p->rto_at = TF_NO_DEADLINE;
    p->rto_backoff = 0;
    peer_ack(p);
}

/* Adds a range of received bytes; merges what touches. */
static void add_range(peer *p, uint32_t begin, uint32_t end)
{
    for (uint32_t i = 0; i < p->range_count;) {
        peer_range *one = &p->ranges[i];
        if (seq_before(one->end, begin) || seq_before(end, one->begin)) {
            i++;
            continue;
        }
        begin = seq_before(one->begin, begin) ? one->begin : begin;
        end = seq_before(end, one->end) ? one->end : end;
        *one = p->ranges[--p->range_count];
    }
    /* A full table forgets the segment: the sender will repeat it. */
    if (p->range_count < sizeof p->ranges / sizeof p->ranges[0]) {
        p->ranges[p->range_count++] = (peer_range){begin, end};
    }
}

static void advance(peer *p)
{
    for (uint32_t i = 0; i < p->range_count; i++) {
        if (!seq_before(p->rcv_nxt, p->ranges[i].begin)) {
            uint32_t end = p->ranges[i].end;
            p->ranges[i] = p->ranges[--p->range_count];
            if (seq_before(p->rcv_nxt, end)) {
                uint32_t fresh = end - p->rcv_nxt;
                p->received += fresh;
                p->unread += p->paused ? fresh : 0;
                p->rcv_nxt = end;
            }
            i = (uint32_t)-1;
        }
    }
    if (p->fin_seen && !p->fin_received && p->rcv_nxt == p->fin_seq) {
        p->fin_received = true;
        p->rcv_nxt++;
    }
}

/* A zero-window probe may carry one byte beyond the edge; nothing else may. */
static bool within_window(const peer *p, const wire *w)
{
    if (!seq_before(p->rcv_edge, w->seq + w->payload_length)) {
        return true;
    }
    CHECK_EQ(1, w->payload_length);
    CHECK_EQ(p->rcv_edge, w->seq);
    return false;
}

static void receive_data(peer *p, const wire *w)
{
    if (w->payload_length != 0) {
        uint64_t offset = (uint32_t)(w->seq - (p->irs + 1));
        CHECK(w->payload_length <= p->s->mtu);
        CHECK_EQ(w->payload_length,
                 pattern_check(p->seed_in, offset, w->payload, w->payload_length));
        CHECK(!p->fin_seen || !seq_before(p->fin_seq, w->seq + w->payload_length));
        if (!within_window(p, w)) {
            return;
        }
        uint32_t end = w->seq + w->payload_length;
        if (seq_before(w->seq, p->rcv_nxt)) {
            uint32_t old = p->rcv_nxt - w->seq;
            p->duplicate_bytes += old < w->payload_length ? old : w->payload_length;
        }
        add_range(p, w->seq, end);
    }
    if ((w->flags & WIRE_FIN) != 0) {
        uint32_t seq = w->seq + w->payload_length;
        CHECK(!p->fin_seen || p->fin_seq == seq);
        p->fin_seen = true;
        p->fin_seq = seq;
    }
    advance(p);
}

static void answer(peer *p, uint32_t before, uint32_t length, bool fin)
{
    bool in_order = before + length + (fin ? 1 : 0) == p->rcv_nxt;
    p->unacked_segments++;
    if (p->acks == PEER_ACK_NEVER) {
        return;
    }
    if (p->acks == PEER_ACK_EACH || fin || !in_order || p->unacked_segments >= 2) {
        peer_ack(p);
    } else if (p->delayed_ack_at == TF_NO_DEADLINE) {
        p->delayed_ack_at = p->s->now + 40 * MILLISECONDS;
    }
}

void peer_receive(peer *p, const wire *w)
{
    remember(p, w);
    if (p->silent || p->state == PEER_CLOSED || p->state == PEER_RESET) {
        return;
    }
    if ((w->flags & WIRE_RST) != 0) {
        p->state = PEER_RESET;
        p->rto_at = p->delayed_ack_at = TF_NO_DEADLINE;
        return;
    }
    CHECK((w->flags & WIRE_ACK) != 0);
    CHECK((w->flags & WIRE_URG) == 0);
    if ((w->flags & WIRE_SYN) != 0) {
        if (p->state == PEER_SYN_SENT) {
            receive_syn_ack(p, w);
        } else {
            peer_ack(p);
        }
        return;
    }
    if (p->state == PEER_SYN_SENT) {
        return;
    }
    peer_process_ack(p, w);
    uint32_t before = p->rcv_nxt;
    bool fin = (w->flags & WIRE_FIN) != 0;
    if (w->payload_length != 0 || fin) {
        receive_data(p, w);
        answer(p, before, w->payload_length, fin);
    } else if (seq_before(w->seq, p->rcv_nxt)) {
        /* A keep-alive, or a probe without a byte. */
        peer_ack(p);
    }
}

void peers_abort(sim *s)
{
    for (peer *p = s->peers; p != NULL; p = p->next) {
        p->rto_at = p->delayed_ack_at = TF_NO_DEADLINE;
        p->silent = true;
    }
}

void peers_free(sim *s)
{
    while (s->peers != NULL) {
        peer *p = s->peers;
        s->peers = p->next;
        free(p->log);
        free(p);
    }
}
