/* SPDX-License-Identifier: Apache-2.0
 *
 * The sending half of the TCP client model.
 */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

enum { super_payload = 65000, max_backoff = 6, gso_least = 2 };

uint32_t peer_window(const peer *p)
{
    uint64_t window = p->unread < p->capacity ? p->capacity - p->unread : 0;
    uint32_t scale = p->wscale > 0 && p->snd_scale != 0xFF ? (uint32_t)p->wscale : 0;
    uint64_t field = window >> scale;
    return (uint32_t)(field < 65535 ? field : 65535) << scale;
}

wire peer_wire(const peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t window)
{
    uint32_t scale = p->wscale > 0 && (flags & WIRE_SYN) == 0 && p->snd_scale != 0xFF
                         ? (uint32_t)p->wscale
                         : 0;
    wire w = {.src = p->self,
              .dst = p->remote,
              .protocol = WIRE_TCP,
              .seq = seq,
              .ack = ack,
              .flags = flags,
              .window = (uint16_t)(window >> scale)};
    return w;
}

static void transmit(peer *p, wire *w)
{
    if ((w->flags & WIRE_ACK) != 0) {
        uint32_t scale = p->wscale > 0 && p->snd_scale != 0xFF ? (uint32_t)p->wscale : 0;
        uint32_t edge = w->ack + ((uint32_t)w->window << scale);
        p->rcv_edge = seq_before(p->rcv_edge, edge) ? edge : p->rcv_edge;
        p->unacked_segments = 0;
        p->delayed_ack_at = TF_NO_DEADLINE;
    }
    uint8_t *buffer = malloc(WIRE_MAX);
    CHECK(buffer != NULL);
    uint32_t length = wire_build(w, buffer, WIRE_MAX);
    CHECK(length != 0);
    tf_offload offload = {0};
    uint32_t headers = length - w->payload_length;
    if (p->super_packets && w->payload_length != 0 && w->payload_length >= gso_least * p->peer_mss) {
        offload.checksum = TF_CHECKSUM_PARTIAL;
        offload.gso_type = p->self.family == 4 ? TF_GSO_TCP4 : TF_GSO_TCP6;
        offload.gso_size = (uint16_t)p->peer_mss;
        offload.header_length = (uint16_t)headers;
        offload.checksum_start = p->self.family == 4 ? 20 : 40;
        offload.checksum_offset = 16;
        wire_make_partial(buffer, length);
    }
    sim_send(p->s, buffer, length, &offload);
    free(buffer);
}

void peer_raw(peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t window,
              const uint8_t *data, uint32_t length)
{
    wire w = peer_wire(p, flags, seq, ack, window);
    w.payload = data;
    w.payload_length = length;
    transmit(p, &w);
}

void peer_ack(peer *p)
{
    if (!p->sack || p->range_count == 0) {
        peer_raw(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, peer_window(p), NULL, 0);
        return;
    }
    wire w = peer_wire(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, peer_window(p));
    /* The youngest first (RFC 2018 4): it stands at the end. */
    uint32_t blocks = p->range_count < 4 ? p->range_count : 4;
    w.options[0] = 5;
    w.options[1] = (uint8_t)(2 + 8 * blocks);
    for (uint32_t i = 0; i < blocks; i++) {
        wire_write32(w.options + 2 + 8 * i, p->ranges[p->range_count - 1 - i].begin);
        wire_write32(w.options + 6 + 8 * i, p->ranges[p->range_count - 1 - i].end);
    }
    w.options_length = w.options[1];
    transmit(p, &w);
}

void peer_connect(peer *p)
{
    wire w = peer_wire(p, WIRE_SYN, p->isn, 0, 0);
    w.window = (uint16_t)(p->capacity < 65535 ? p->capacity : 65535);
    if (p->mss != 0) {
        w.options[0] = 2;
        w.options[1] = 4;
        wire_write16(w.options + 2, (uint16_t)p->mss);
        w.options_length = 4;
    }
    if (p->wscale >= 0) {
        uint8_t *option = w.options + w.options_length;
        option[0] = 3;
        option[1] = 3;
        option[2] = (uint8_t)p->wscale;
        w.options_length = (uint8_t)(w.options_length + 3);
    }
    /* SACK permitted; what the stack reports by it is not used. */
    w.options[w.options_length] = 4;
    w.options[w.options_length + 1] = 2;
    w.options_length = (uint8_t)(w.options_length + 2);
    p->state = PEER_SYN_SENT;
    p->snd_una = p->isn;
    p->snd_nxt = p->snd_max = p->isn + 1;
    p->rto_at = p->s->now + (p->rto << p->rto_backoff);
    transmit(p, &w);
}

/* Position of a sequence number in the outgoing stream. */
static uint64_t stream_offset(const peer *p, uint32_t seq)
{
    return (uint32_t)(seq - (p->isn + 1));
}

static uint32_t wanted_size(peer *p)
{
    if (p->super_packets) {
        return super_payload;
    }
    uint32_t high = p->segment_max != 0 ? p->segment_max : p->peer_mss;
    uint32_t low = p->segment_min != 0 ? p->segment_min : high;
    return low + prng_below(&p->s->random, high - low + 1);
}

static void send_data(peer *p, uint32_t seq, uint32_t length, bool fin)
{
    uint8_t *data = malloc(length != 0 ? length : 1);
    CHECK(data != NULL);
    pattern_fill(p->seed_out, stream_offset(p, seq), data, length);
    uint8_t flags = WIRE_ACK | (length != 0 ? WIRE_PSH : 0) | (fin ? WIRE_FIN : 0);
    peer_raw(p, flags, seq, p->rcv_nxt, peer_window(p), data, length);
    free(data);
    p->sent_at = p->s->now;
    if (p->rto_at == TF_NO_DEADLINE) {
        p->rto_at = p->s->now + (p->rto << p->rto_backoff);
    }
}

/* Sends one segment if the window and the policy allow. */
static bool send_one(peer *p)
{
    uint64_t offset = stream_offset(p, p->snd_nxt);
    uint64_t rest = offset < p->to_send ? p->to_send - offset : 0;
    uint32_t flight = p->snd_nxt - p->snd_una;
    uint32_t room = p->snd_wnd > flight ? p->snd_wnd - flight : 0;
    bool fin_next = p->want_fin && offset <= p->to_send;
    if (rest == 0) {
        /* A FIN takes one byte of the window, too. */
        if (!fin_next || room == 0) {
            return false;
        }
        send_data(p, p->snd_nxt, 0, true);
        p->snd_nxt++;
        p->fin_sent = true;
        return true;
    }
    if (p->burst != 0 && flight >= p->burst * p->peer_mss) {
        return false;
    }
    uint32_t wanted = wanted_size(p);
    wanted = rest < wanted ? (uint32_t)rest : wanted;
    uint32_t length = wanted < room ? wanted : room;
    /* Sender's silly window avoidance, RFC 9293 3.8.6.2.1. */
    if (length == 0 || (length < wanted && length < p->peer_mss && flight != 0)) {
        return false;
    }
    bool fin = fin_next && length == rest && length < room;
    send_data(p, p->snd_nxt, length, fin);
    p->snd_nxt += length + (fin ? 1 : 0);
    p->fin_sent = p->fin_sent || fin;
    return true;
}

bool peer_output(peer *p)
{
    if (p->state != PEER_ESTABLISHED || p->silent) {
        return false;
    }
    bool sent = false;
    while (send_one(p)) {
        sent = true;
    }
    if (seq_before(p->snd_max, p->snd_nxt)) {
        p->snd_max = p->snd_nxt;
    }
    /* Something to send, no window, nothing in flight: the probe timer. */
    uint64_t offset = stream_offset(p, p->snd_nxt);
    bool more = offset < p->to_send || (p->want_fin && offset == p->to_send);
    bool blocked = more && p->snd_nxt == p->snd_una;
    if (!sent && blocked && !p->no_probes && p->rto_at == TF_NO_DEADLINE) {
        p->rto_at = p->s->now + (p->rto << p->rto_backoff);
    }
    return sent;
}

void peer_process_ack(peer *p, const wire *w)
{
    CHECK(!seq_before(p->snd_max, w->ack));
    uint32_t edge = w->ack + ((uint32_t)w->window << p->snd_scale);
    bool advances = seq_before(p->snd_una, w->ack);
    bool duplicate = w->ack == p->snd_una && w->payload_length == 0 &&
                     (w->flags & WIRE_FIN) == 0 && p->snd_nxt != p->snd_una &&
                     edge == p->ack_edge;
    if (seq_before(w->ack, p->snd_una)) {
        return;
    }
    /* The window must not shrink (RFC 9293 3.8.6), the rounding of its scale
     * aside. On a link that reorders, an old ACK may look as if it did. */
    uint32_t rounding = (1u << p->snd_scale) - 1;
    if (seq_before(edge + rounding, p->ack_edge)) {
        CHECK(p->s->down.reorder != 0 || p->s->down.duplicate != 0);
        edge = p->ack_edge;
    }
    p->ack_edge = edge;
    p->snd_wnd = edge - w->ack;
    p->snd_una = w->ack;
    if (seq_before(p->snd_nxt, p->snd_una)) {
        p->snd_nxt = p->snd_una;
    }
    p->duplicate_acks = duplicate ? p->duplicate_acks + 1 : 0;
    if (advances) {
        p->rto_backoff = 0;
        p->rto_at = p->snd_una == p->snd_max ? TF_NO_DEADLINE : p->s->now + p->rto;
        p->fin_acked = p->fin_acked || (p->fin_sent && stream_offset(p, w->ack) > p->to_send);
    } else if (p->snd_wnd != 0 && p->snd_una == p->snd_nxt) {
        p->rto_at = TF_NO_DEADLINE;
    }
    if (p->duplicate_acks == 3 && !p->silent) {
        uint64_t rest = p->to_send - stream_offset(p, p->snd_una);
        uint32_t length = rest < p->peer_mss ? (uint32_t)rest : p->peer_mss;
        if (length != 0 || p->fin_sent) {
            p->retransmissions++;
            send_data(p, p->snd_una, length, length == 0);
        }
    }
}

static void retransmit(peer *p)
{
    p->rto_at = TF_NO_DEADLINE;
    p->rto_backoff += p->rto_backoff < max_backoff;
    if (p->silent) {
        return;
    }
    if (p->state == PEER_SYN_SENT) {
        p->retransmissions++;
        peer_connect(p);
        return;
    }
    if (p->state != PEER_ESTABLISHED) {
        return;
    }
    if (p->snd_wnd == 0 && p->snd_una == p->snd_max && stream_offset(p, p->snd_una) == p->to_send) {
        if (p->want_fin) {
            p->probes++;
            send_data(p, p->snd_una, 0, true);
            p->snd_nxt = p->snd_max = p->snd_una + 1;
            p->fin_sent = true;
        }
        return;
    }
    if (p->snd_wnd == 0 && stream_offset(p, p->snd_una) < p->to_send) {
        p->probes++;
        p->snd_nxt = p->snd_una;
        send_data(p, p->snd_una, 1, false);
        if (seq_before(p->snd_max, p->snd_una + 1)) {
            p->snd_max = p->snd_una + 1;
        }
        return;
    }
    if (p->snd_una != p->snd_max) {
        p->retransmissions++;
        p->snd_nxt = p->snd_una;
        peer_output(p);
    }
}

void peers_timers(sim *s)
{
    for (peer *p = s->peers; p != NULL; p = p->next) {
        if (p->rto_at <= s->now) {
            retransmit(p);
        }
        if (p->delayed_ack_at <= s->now) {
            peer_ack(p);
        }
    }
}

uint64_t peers_deadline(sim *s)
{
    uint64_t next = TF_NO_DEADLINE;
    for (peer *p = s->peers; p != NULL; p = p->next) {
        next = p->rto_at < next ? p->rto_at : next;
        next = p->delayed_ack_at < next ? p->delayed_ack_at : next;
    }
    return next;
}

bool peers_output(sim *s)
{
    bool sent = false;
    for (peer *p = s->peers; p != NULL; p = p->next) {
        sent = peer_output(p) || sent;
    }
    return sent;
}
