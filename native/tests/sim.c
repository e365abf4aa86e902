/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

enum { batch = 64, livelock = 2000000 };

sim *sim_open(sim_configure configure)
{
    sim *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    tf_config_default(&s->config);
    CHECK_EQ(sizeof s->config, s->config.size);
    for (uint32_t i = 0; i < sizeof s->config.secret; i++) {
        s->config.secret[i] = (uint8_t)(17 * i + 5);
    }
    if (configure != NULL) {
        configure(&s->config);
    }
    if (test_last_instance()) {
        for (uint32_t i = 1; i < tf_stack_limit(); i++) {
            CHECK_EQ(TF_OK, tf_stack_create(&s->config, 0, &s->dummies[s->dummy_count++]));
        }
    }
    s->now = 5000 * SECONDS;
    s->random = 88172645463325252ull;
    s->mtu = s->config.mtu;
    s->accepts = true;
    s->template_.seed_in = 1;
    s->template_.seed_out = 2;
    CHECK_EQ(TF_OK, tf_stack_create(&s->config, s->now, &s->stack));
    CHECK_EQ(test_last_instance() ? tf_stack_limit() - 1 : 0, s->stack);
    s->base_bytes = sim_stats(s).native_bytes;
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
    return s;
}

static bool take_outputs(sim *s)
{
    if (s->hold_output) {
        return false;
    }
    tf_output *entries[batch];
    int32_t count = tf_output_take(s->stack, s->now, entries, batch);
    CHECK(count >= 0 && count <= batch);
    for (int32_t i = 0; i < count; i++) {
        packet_queue packets = {0};
        sim_check_output(s, entries[i], &packets);
        for (packet *one = packet_pop(&packets); one != NULL; one = packet_pop(&packets)) {
            sim_print(s, "<", one);
            sim_impair(s, &s->down, &s->to_peers, one);
        }
    }
    tf_output_free(entries, (uint32_t)count);
    return count > 0;
}

/* Puts a fragment beside the ones it belongs to; returns the whole datagram
 * once the last one is there. */
static packet *reassemble(sim *s, packet *fragment)
{
    packet_push(&s->fragments, fragment);
    uint32_t total = 0;
    uint32_t have = 0;
    for (packet *one = s->fragments.first; one != NULL; one = one->next) {
        const wire *w = &one->header;
        if (w->fragment_id == fragment->header.fragment_id &&
            wire_same_address(&w->src, &fragment->header.src)) {
            have += w->payload_length;
            total = w->more_fragments ? total : w->fragment_offset + w->payload_length;
        }
    }
    if (total == 0 || have < total) {
        return NULL;
    }
    static uint8_t buffer[WIRE_MAX + 64];
    uint32_t id = fragment->header.fragment_id;
    wire of = fragment->header;
    uint32_t ip = of.src.family == 4 ? 20 : 40;
    CHECK(ip + total <= sizeof buffer);
    memcpy(buffer, fragment->data, ip);
    packet_queue rest = {0};
    for (packet *one = packet_pop(&s->fragments); one != NULL; one = packet_pop(&s->fragments)) {
        if (one->header.fragment_id == id && wire_same_address(&one->header.src, &of.src)) {
            CHECK(one->header.fragment_offset + one->header.payload_length <= total);
            CHECK_EQ(of.protocol, one->header.protocol);
            memcpy(buffer + ip + one->header.fragment_offset, one->header.payload,
                   one->header.payload_length);
            packet_free(one);
        } else {
            packet_push(&rest, one);
        }
    }
    s->fragments = rest;
    uint32_t length = ip + total;
    if (of.src.family == 4) {
        wire_write16(buffer + 2, (uint16_t)length);
        wire_write16(buffer + 6, 0);
        wire_fix_ip_checksum(buffer, length);
    } else {
        wire_write16(buffer + 4, (uint16_t)total);
        buffer[6] = of.protocol;
    }
    packet *one = packet_new(buffer, length, NULL);
    const char *error = wire_parse(one->data, one->length, &one->header);
    if (error != NULL) {
        test_fail(__FILE__, __LINE__, "reassembled output: %s", error);
    }
    return one;
}

static bool deliver_to_peers(sim *s)
{
    bool moved = false;
    while (s->to_peers.first != NULL && s->to_peers.first->due <= s->now) {
        packet *one = packet_pop(&s->to_peers);
        moved = true;
        if (one->header.fragment) {
            one = reassemble(s, one);
            if (one == NULL) {
                continue;
            }
        }
        peer *receiver = peer_find(s, &one->header);
        if (receiver != NULL) {
            peer_receive(receiver, &one->header);
            packet_free(one);
        } else {
            packet_push(&s->stray, one);
        }
    }
    return moved;
}

/* Input memory is returned, and overwritten, as soon as the stack allows it. */
static int32_t input_batch(sim *s, packet **packets, uint32_t count)
{
    tf_packet in[batch];
    uint8_t *blocks[batch] = {0};
    memset(in, 0, sizeof in);
    for (uint32_t i = 0; i < count; i++) {
        sim_print(s, ">", packets[i]);
        in[i].data = packets[i]->data;
        in[i].length = packets[i]->length;
        in[i].offload = packets[i]->offload;
        if (s->blocks && packets[i]->length != 0) {
            blocks[i] = tf_block_alloc(s->stack, packets[i]->length);
            CHECK(blocks[i] != NULL);
            CHECK_EQ(0, tf_block_shared(blocks[i]));
            memcpy(blocks[i], packets[i]->data, packets[i]->length);
            in[i].data = blocks[i];
            in[i].block = blocks[i];
        }
    }
    int32_t accepted = tf_input(s->stack, s->now, in, count);
    for (uint32_t i = 0; i < count; i++) {
        if (blocks[i] != NULL && tf_block_shared(blocks[i]) == 0) {
            memset(blocks[i], 0xDD, packets[i]->length);
        }
        tf_block_free(blocks[i]);
        packet_free(packets[i]);
    }
    CHECK(accepted >= 0 && accepted <= (int32_t)count);
    return accepted;
}

static bool deliver_to_stack(sim *s)
{
    packet *packets[batch];
    uint32_t count = 0;
    while (count < batch && s->to_stack.first != NULL && s->to_stack.first->due <= s->now) {
        packets[count++] = packet_pop(&s->to_stack);
    }
    if (count != 0) {
        input_batch(s, packets, count);
    }
    return count != 0;
}

static bool take_events(sim *s)
{
    tf_event events[batch];
    int32_t count = tf_events(s->stack, events, batch);
    CHECK(count >= 0 && count <= batch);
    for (int32_t i = 0; i < count; i++) {
        flow_event(s, &events[i]);
    }
    return count > 0;
}

void sim_pump(sim *s)
{
    for (uint32_t round = 0; round < livelock; round++) {
        bool moved = take_events(s);
        moved = take_outputs(s) || moved;
        moved = deliver_to_peers(s) || moved;
        moved = peers_output(s) || moved;
        moved = deliver_to_stack(s) || moved;
        if (moved) {
            continue;
        }
        uint64_t deadline = tf_stack_deadline(s->stack);
        if (deadline > s->now) {
            return;
        }
        s->ticks++;
        CHECK_EQ(TF_OK, tf_stack_tick(s->stack, s->now));
    }
    test_fail(__FILE__, __LINE__, "the simulation doesn't come to rest at %llu us",
              (unsigned long long)s->now);
}

static uint64_t earlier(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

bool sim_step(sim *s, uint64_t limit)
{
    uint64_t next = earlier(tf_stack_deadline(s->stack), peers_deadline(s));
    next = s->to_stack.first != NULL ? earlier(next, s->to_stack.first->due) : next;
    next = s->to_peers.first != NULL ? earlier(next, s->to_peers.first->due) : next;
    bool reached = next > limit;
    next = earlier(next, limit);
    s->now = next > s->now ? next : s->now;
    peers_timers(s);
    sim_pump(s);
    return !reached;
}

void sim_run(sim *s, uint64_t duration)
{
    uint64_t limit = s->now + duration;
    sim_pump(s);
    while (sim_step(s, limit)) {
    }
}

void sim_advance(sim *s, uint64_t duration)
{
    s->now += duration;
}

void sim_send(sim *s, const uint8_t *data, uint32_t length, const tf_offload *offload)
{
    sim_impair(s, &s->up, &s->to_stack, packet_new(data, length, offload));
}

static uint32_t build(const wire *w, uint8_t **buffer)
{
    *buffer = malloc(WIRE_MAX);
    CHECK(*buffer != NULL);
    uint32_t length = wire_build(w, *buffer, WIRE_MAX);
    CHECK(length != 0);
    return length;
}

void sim_send_wire(sim *s, const wire *w)
{
    uint8_t *buffer;
    uint32_t length = build(w, &buffer);
    sim_send(s, buffer, length, NULL);
    free(buffer);
}

int32_t sim_input(sim *s, const uint8_t *data, uint32_t length, const tf_offload *offload)
{
    packet *one = packet_new(data, length, offload);
    return input_batch(s, &one, 1);
}

int32_t sim_input_wire(sim *s, const wire *w)
{
    uint8_t *buffer;
    uint32_t length = build(w, &buffer);
    int32_t result = sim_input(s, buffer, length, NULL);
    free(buffer);
    return result;
}

const packet *sim_stray(sim *s)
{
    /* The one handed out before stays alive until now, at the queue's head. */
    static packet *previous;
    packet_free(previous);
    previous = packet_pop(&s->stray);
    return previous;
}

tf_stats sim_stats(sim *s)
{
    tf_stats stats;
    memset(&stats, 0xFF, sizeof stats);
    CHECK_EQ(TF_OK, tf_stack_get_stats(s->stack, &stats));
    return stats;
}

uint64_t sim_drops(sim *s, tf_drop reason)
{
    return sim_stats(s).drops[reason];
}

flow *sim_flow_of(sim *s, const peer *p)
{
    for (flow *f = s->flows; f != NULL; f = f->next) {
        if (wire_same_endpoint(&f->details.source, &p->self) &&
            wire_same_endpoint(&f->details.destination, &p->remote)) {
            return f;
        }
    }
    test_fail(__FILE__, __LINE__, "no flow for the peer");
}
