/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets into the stack.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "counters.h"

static uint8_t scratch[WIRE_MAX + 1];

/* Up to three bytes of the packet are replaced; then the checksums are corrected, or not. */
static void bend(program *p, uint8_t *packet, uint32_t length)
{
    uint8_t how = next8(p);
    uint32_t changes = how & 0xC0 ? 0 : how & 3;
    for (uint32_t i = 0; i < changes && length != 0; i++) {
        uint32_t place = next8(p);
        packet[place < length ? place : place % length] = next8(p);
    }
    if (changes != 0 && (how & 4) == 0) {
        wire_fix_checksums(packet, length);
    }
}

/* Queues a packet; memory as long as the packet, so that over-reads are seen. */
static void queue(world *w, const uint8_t *packet, uint32_t length, const tf_offload *offload, uint8_t how)
{
    if (w->batch_count == BATCH) {
        packets_flush(w);
    }
    queued_packet *one = &w->batch[w->batch_count];
    memset(one, 0, sizeof *one);
    if ((how & 1) != 0 && length != 0) {
        one->block = tf_block_alloc(w->stack, length + (how & 2 ? 1000 : 0));
    }
    one->data = one->block != NULL ? one->block : malloc(length != 0 ? length : 1);
    if (one->data == NULL) {
        return;
    }
    memcpy(one->data, packet, length);
    one->length = length;
    if (offload != NULL) {
        one->offload = *offload;
    }
    w->batch_count++;
    if ((how & 4) == 0) {
        packets_flush(w);
    }
}

void packets_flush(world *w)
{
    tf_packet in[BATCH];
    memset(in, 0, sizeof in);
    for (uint32_t i = 0; i < w->batch_count; i++) {
        in[i].data = w->batch[i].data;
        in[i].block = w->batch[i].block;
        in[i].length = w->batch[i].length;
        in[i].offload = w->batch[i].offload;
        capture_packet(in[i].data, in[i].length);
    }
    count->packets += w->batch_count;
    int32_t taken = tf_input(w->stack, w->now, in, w->batch_count);
    if (taken < 0 || (uint32_t)taken > w->batch_count) {
        finding("tf_input");
    }
    for (uint32_t i = 0; i < w->batch_count; i++) {
        if (w->batch[i].block == NULL) {
            free(w->batch[i].data);
        } else {
            if (tf_block_shared(w->batch[i].block) == 0) {
                memset(w->batch[i].block, 0xDD, w->batch[i].length);
            }
            tf_block_free(w->batch[i].block);
        }
    }
    w->batch_count = 0;
}

static tuple *pick(world *w, program *p)
{
    return &w->tuples[next8(p) % TUPLES];
}

static wire packet_of(const tuple *one, uint8_t protocol)
{
    wire packet = {.src = one->self, .dst = one->remote, .protocol = protocol};
    return packet;
}

static void options(program *p, wire *packet)
{
    static const uint8_t sack[] = {4, 2, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9};
    uint8_t kind = next8(p);
    uint8_t *o = packet->options;
    if ((kind & 1) != 0) {
        uint16_t mss = next16(p);
        o[0] = 2;
        o[1] = 4;
        wire_write16(o + 2, mss);
        o += 4;
    }
    if ((kind & 2) != 0) {
        o[0] = 3;
        o[1] = 3;
        o[2] = next8(p);
        o += 3;
    }
    if ((kind & 4) != 0) {
        memcpy(o, sack, sizeof sack);
        o += sizeof sack;
    }
    if ((kind & 8) != 0) {
        for (int i = 0; i < 6; i++) {
            *o++ = next8(p);
        }
    }
    packet->options_length = (uint8_t)(o - packet->options);
}

void packet_syn(world *w, program *p)
{
    tuple *one = pick(w, p);
    wire packet = packet_of(one, WIRE_TCP);
    uint8_t how = next8(p);
    if ((how & 8) != 0) {
        one->next += 100000; /* a new attempt */
    }
    packet.seq = one->next - ((how & 16) != 0 ? 1 : 0);
    packet.flags = WIRE_SYN;
    packet.window = next16(p);
    options(p, &packet);
    uint32_t length = wire_build(&packet, scratch, sizeof scratch);
    bend(p, scratch, length);
    one->next = packet.seq + 1;
    one->acked = one->next;
    queue(w, scratch, length, NULL, how);
}

static uint32_t offset_of(program *p)
{
    uint8_t kind = next8(p);
    if (kind < 0xA0) {
        return 0;
    }
    if (kind < 0xC0) {
        return (uint32_t)(int32_t)(int8_t)next8(p);
    }
    if (kind < 0xE0) {
        return (uint32_t)(int32_t)(int16_t)next16(p);
    }
    return next32(p);
}

void packet_segment(world *w, program *p)
{
    tuple *one = pick(w, p);
    uint8_t how = next8(p);
    wire packet = packet_of(one, WIRE_TCP);
    packet.flags = next8(p) & 0x3F;
    if ((how & 8) == 0) {
        packet.flags = WIRE_ACK | (packet.flags & (WIRE_FIN | WIRE_PSH));
    }
    packet.seq = one->next + offset_of(p);
    packet.ack = one->expected + offset_of(p);
    packet.window = next16(p);
    packet.payload_length = next_size(p);
    bool super = (how & 16) != 0;
    if (super) {
        packet.payload_length = packet.payload_length * 7 % 65000;
    }
    if ((how & 32) != 0) {
        options(p, &packet);
    }
    static uint8_t payload[WIRE_MAX];
    packet.payload = payload;
    uint32_t length = wire_build(&packet, scratch, sizeof scratch);
    if (length == 0) {
        return;
    }
    tf_offload offload = {0};
    if (super) {
        uint32_t start = one->self.family == 4 ? 20 : 40;
        offload.checksum = TF_CHECKSUM_PARTIAL;
        offload.gso_type = one->self.family == 4 ? TF_GSO_TCP4 : TF_GSO_TCP6;
        offload.gso_size = (uint16_t)one->mss;
        offload.checksum_start = (uint16_t)start;
        offload.checksum_offset = 16;
        offload.header_length = (uint16_t)(length - packet.payload_length);
        wire_make_partial(scratch, length);
    } else {
        bend(p, scratch, length);
    }
    if ((how & 64) != 0) {
        uint8_t *bytes = (uint8_t *)&offload;
        bytes[next8(p) % sizeof offload] = next8(p);
    }
    /* In order and complete: the client goes on from there. */
    if (packet.seq == one->next && (how & 128) == 0) {
        one->next += packet.payload_length + ((packet.flags & WIRE_FIN) != 0 ? 1 : 0);
    }
    queue(w, scratch, length, &offload, how);
}

void packet_datagram(world *w, program *p)
{
    tuple *one = pick(w, p);
    uint8_t how = next8(p);
    wire packet = packet_of(one, WIRE_UDP);
    packet.src.port = (uint16_t)(packet.src.port + (how >> 4));
    static uint8_t payload[WIRE_MAX];
    packet.payload = payload;
    packet.payload_length = next_size(p);
    uint32_t length = wire_build(&packet, scratch, sizeof scratch);
    if (length != 0) {
        bend(p, scratch, length);
        queue(w, scratch, length, NULL, how);
    }
}

/* A piece of a datagram or segment; which one, the operands say. */
void packet_fragment(world *w, program *p)
{
    static uint8_t fragment[WIRE_MAX];
    tuple *one = pick(w, p);
    uint8_t how = next8(p);
    wire packet = packet_of(one, (how & 8) != 0 ? WIRE_TCP : WIRE_UDP);
    packet.flags = WIRE_ACK;
    packet.seq = one->next;
    packet.ack = one->expected;
    packet.window = 60000;
    static uint8_t payload[WIRE_MAX];
    packet.payload = payload;
    packet.payload_length = next_size(p);
    uint32_t length = wire_build(&packet, scratch, sizeof scratch);
    uint32_t id = next8(p) & 3;
    uint32_t index = next8(p);
    uint32_t mtu = 64 + next8(p) * 8u;
    if (length == 0) {
        return;
    }
    uint32_t first = (how & 16) != 0 ? 0 : index;
    uint32_t last = (how & 16) != 0 ? 40 : index;
    for (uint32_t i = first; i <= last; i++) {
        uint32_t size = wire_fragment(scratch, length, mtu, id, i, fragment, sizeof fragment);
        if (size == 0) {
            break;
        }
        if ((how & 32) != 0 && i == index) {
            bend(p, fragment, size);
        }
        queue(w, fragment, size, NULL, how);
    }
}

void packet_echo(world *w, program *p)
{
    tuple *one = pick(w, p);
    uint8_t how = next8(p);
    wire packet = packet_of(one, one->self.family == 4 ? WIRE_ICMP4 : WIRE_ICMP6);
    packet.icmp_type = (how & 8) != 0 ? next8(p) : one->self.family == 4 ? 8 : 128;
    static uint8_t payload[WIRE_MAX];
    packet.payload = payload;
    packet.payload_length = next_size(p);
    uint32_t length = wire_build(&packet, scratch, sizeof scratch);
    if (length != 0) {
        bend(p, scratch, length);
        queue(w, scratch, length, NULL, how);
    }
}

/* Many small segments, one as far from the next as the operands say: holes, floods, queues that fill up. */
void packet_burst(world *w, program *p)
{
    static const uint8_t payload[256];
    tuple *one = pick(w, p);
    uint8_t segments = next8(p);
    int16_t stride = (int16_t)next16(p);
    uint8_t size = next8(p);
    for (uint32_t i = 1; i <= segments; i++) {
        wire packet = packet_of(one, WIRE_TCP);
        packet.flags = WIRE_ACK;
        packet.seq = one->next + (uint32_t)(stride * (int32_t)i);
        packet.ack = one->expected;
        packet.window = 60000;
        packet.payload = payload;
        packet.payload_length = size;
        queue(w, scratch, wire_build(&packet, scratch, sizeof scratch), NULL, 4);
    }
    packets_flush(w);
}

/* Bytes as they come. */
void packet_raw(world *w, program *p)
{
    uint8_t how = next8(p);
    uint32_t length = next8(p);
    for (uint32_t i = 0; i < length; i++) {
        scratch[i] = next8(p);
    }
    if ((how & 8) != 0) {
        wire_fix_checksums(scratch, length);
    }
    queue(w, scratch, length, NULL, how);
}
