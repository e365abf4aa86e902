/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_internal.h"

#include <string.h>

uint16_t wire_read16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t wire_read32(const uint8_t *bytes)
{
    return (uint32_t)wire_read16(bytes) << 16 | wire_read16(bytes + 2);
}

void wire_write16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

void wire_write32(uint8_t *bytes, uint32_t value)
{
    wire_write16(bytes, (uint16_t)(value >> 16));
    wire_write16(bytes + 2, (uint16_t)value);
}

tf_endpoint wire_endpoint4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    tf_endpoint endpoint = {.address = {a, b, c, d}, .port = port, .family = 4};
    return endpoint;
}

tf_endpoint wire_endpoint6(uint32_t last, uint16_t port)
{
    tf_endpoint endpoint = {.address = {0x20, 0x01, 0x0d, 0xb8}, .port = port, .family = 6};
    wire_write32(endpoint.address + 12, last);
    return endpoint;
}

bool wire_same_address(const tf_endpoint *left, const tf_endpoint *right)
{
    return left->family == right->family &&
           memcmp(left->address, right->address, left->family == 4 ? 4 : 16) == 0;
}

bool wire_same_endpoint(const tf_endpoint *left, const tf_endpoint *right)
{
    return left->port == right->port && wire_same_address(left, right);
}

uint64_t wire_sum(const uint8_t *bytes, uint32_t length, uint64_t sum)
{
    for (; length > 1; bytes += 2, length -= 2) {
        sum += wire_read16(bytes);
    }
    return length != 0 ? sum + (uint64_t)(bytes[0] << 8) : sum;
}

uint16_t wire_fold(uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)sum;
}

uint64_t wire_pseudo_sum(const uint8_t *packet, uint8_t protocol, uint32_t length)
{
    bool v4 = packet[0] >> 4 == 4;
    uint64_t sum = v4 ? wire_sum(packet + 12, 8, 0) : wire_sum(packet + 8, 32, 0);
    return sum + protocol + (length >> 16) + (length & 0xFFFF);
}

uint32_t wire_checksum_place(uint8_t protocol)
{
    switch (protocol) {
    case WIRE_TCP:
        return 16;
    case WIRE_UDP:
        return 6;
    case WIRE_ICMP4:
    case WIRE_ICMP6:
        return 2;
    default:
        return 0;
    }
}

uint16_t wire_transport_sum(const uint8_t *packet, uint8_t protocol, uint32_t start,
                              uint32_t length)
{
    uint64_t sum = protocol == WIRE_ICMP4 ? 0 : wire_pseudo_sum(packet, protocol, length);
    return wire_fold(wire_sum(packet + start, length, sum));
}

uint32_t wire_ip_length(const wire *w)
{
    return w->src.family == 4 ? 20 : w->fragment ? 48 : 40;
}

static void build_ip(const wire *w, uint8_t *packet, uint32_t length)
{
    uint8_t hop_limit = w->hop_limit != 0 ? w->hop_limit : 64;
    if (w->src.family == 4) {
        memset(packet, 0, 20);
        packet[0] = 0x45;
        wire_write16(packet + 2, (uint16_t)length);
        wire_write16(packet + 4, w->fragment ? (uint16_t)w->fragment_id : w->identification);
        if (w->fragment) {
            uint16_t offset = (uint16_t)(w->fragment_offset / 8);
            wire_write16(packet + 6, w->more_fragments ? offset | 0x2000 : offset);
        }
        packet[8] = hop_limit;
        packet[9] = w->protocol;
        memcpy(packet + 12, w->src.address, 4);
        memcpy(packet + 16, w->dst.address, 4);
        wire_write16(packet + 10, (uint16_t)~wire_fold(wire_sum(packet, 20, 0)));
        return;
    }
    memset(packet, 0, wire_ip_length(w));
    packet[0] = 0x60;
    wire_write16(packet + 4, (uint16_t)(length - 40));
    packet[6] = w->fragment ? 44 : w->protocol;
    packet[7] = hop_limit;
    memcpy(packet + 8, w->src.address, 16);
    memcpy(packet + 24, w->dst.address, 16);
    if (w->fragment) {
        packet[40] = w->protocol;
        wire_write16(packet + 42, (uint16_t)(w->fragment_offset | (w->more_fragments ? 1 : 0)));
        wire_write32(packet + 44, w->fragment_id);
    }
}

static uint32_t transport_length(const wire *w)
{
    if (w->fragment) {
        return 0;
    }
    switch (w->protocol) {
    case WIRE_TCP:
        return 20 + ((w->options_length + 3u) & ~3u);
    case WIRE_UDP:
    case WIRE_ICMP4:
    case WIRE_ICMP6:
        return 8;
    default:
        return 0;
    }
}

static void build_transport(const wire *w, uint8_t *header, uint32_t header_length)
{
    memset(header, 0, header_length);
    if (w->protocol == WIRE_TCP) {
        wire_write16(header, w->src.port);
        wire_write16(header + 2, w->dst.port);
        wire_write32(header + 4, w->seq);
        wire_write32(header + 8, w->ack);
        header[12] = (uint8_t)(header_length / 4 << 4);
        header[13] = w->flags;
        wire_write16(header + 14, w->window);
        wire_write16(header + 18, w->urgent);
        memset(header + 20, 1, header_length - 20);
        memcpy(header + 20, w->options, w->options_length);
    } else if (w->protocol == WIRE_UDP) {
        wire_write16(header, w->src.port);
        wire_write16(header + 2, w->dst.port);
        wire_write16(header + 4, (uint16_t)(8 + w->payload_length));
    } else if (header_length == 8) {
        header[0] = w->icmp_type;
        header[1] = w->icmp_code;
        wire_write32(header + 4, w->icmp_rest);
    }
}

uint32_t wire_build(const wire *w, uint8_t *buffer, uint32_t capacity)
{
    uint32_t ip = wire_ip_length(w);
    uint32_t transport = transport_length(w);
    uint32_t length = ip + transport + w->payload_length;
    if (length > capacity || length > WIRE_MAX) {
        return 0;
    }
    build_ip(w, buffer, length);
    if (transport != 0) {
        build_transport(w, buffer + ip, transport);
    }
    if (w->payload_length != 0) {
        memcpy(buffer + ip + transport, w->payload, w->payload_length);
    }
    wire_fix_checksums(buffer, length);
    return length;
}

/* Finds the transport header. False where there is none that can be followed. */
static bool locate(const uint8_t *packet, uint32_t length, uint8_t *protocol, uint32_t *start)
{
    if (length >= 20 && packet[0] >> 4 == 4) {
        *start = (uint32_t)(packet[0] & 15) * 4;
        *protocol = packet[9];
        return *start >= 20 && *start <= length && (wire_read16(packet + 6) & 0x3FFF) == 0;
    }
    if (length >= 40 && packet[0] >> 4 == 6) {
        *start = 40;
        *protocol = packet[6];
        return true;
    }
    return false;
}

void wire_fix_ip_checksum(uint8_t *packet, uint32_t length)
{
    if (length >= 20 && packet[0] >> 4 == 4) {
        uint32_t ip = (uint32_t)(packet[0] & 15) * 4;
        if (ip >= 20 && ip <= length) {
            wire_write16(packet + 10, 0);
            wire_write16(packet + 10, (uint16_t)~wire_fold(wire_sum(packet, ip, 0)));
        }
    }
}

void wire_fix_checksums(uint8_t *packet, uint32_t length)
{
    wire_fix_ip_checksum(packet, length);
    uint8_t protocol;
    uint32_t start;
    if (!locate(packet, length, &protocol, &start)) {
        return;
    }
    uint32_t place = wire_checksum_place(protocol);
    if (place == 0 || start + place + 2 > length) {
        return;
    }
    wire_write16(packet + start + place, 0);
    uint16_t sum = (uint16_t)~wire_transport_sum(packet, protocol, start, length - start);
    /* RFC 768: zero means "no checksum", so a zero sum is sent as its complement. */
    wire_write16(packet + start + place, protocol == WIRE_UDP && sum == 0 ? 0xFFFF : sum);
}

void wire_make_partial(uint8_t *packet, uint32_t length)
{
    uint8_t protocol;
    uint32_t start;
    if (!locate(packet, length, &protocol, &start)) {
        return;
    }
    uint32_t place = wire_checksum_place(protocol);
    if (place != 0 && start + place + 2 <= length) {
        wire_write16(packet + start + place, wire_fold(wire_pseudo_sum(packet, protocol, length - start)));
    }
}

uint32_t wire_fragment(const uint8_t *packet, uint32_t length, uint32_t mtu, uint32_t id,
                       uint32_t index, uint8_t *buffer, uint32_t capacity)
{
    wire w = {0};
    bool v4 = packet[0] >> 4 == 4;
    uint32_t start = v4 ? 20 : 40;
    w.src.family = w.dst.family = v4 ? 4 : 6;
    memcpy(w.src.address, packet + (v4 ? 12 : 8), v4 ? 4 : 16);
    memcpy(w.dst.address, packet + (v4 ? 16 : 24), v4 ? 4 : 16);
    w.protocol = packet[v4 ? 9 : 6];
    w.fragment = true;
    w.fragment_id = id;
    uint32_t step = (mtu - wire_ip_length(&w)) & ~7u;
    uint32_t total = length - start;
    w.fragment_offset = step * index;
    if (w.fragment_offset >= total) {
        return 0;
    }
    uint32_t rest = total - w.fragment_offset;
    w.more_fragments = rest > step;
    w.payload = packet + start + w.fragment_offset;
    w.payload_length = w.more_fragments ? step : rest;
    return wire_build(&w, buffer, capacity);
}

uint32_t wire_segment(const uint8_t *packet, uint32_t length, const tf_offload *offload,
                      uint32_t index, uint8_t *buffer, uint32_t capacity)
{
    uint32_t headers = offload->header_length;
    uint32_t start = offload->checksum_start;
    uint32_t offset = (uint32_t)offload->gso_size * index;
    uint32_t payload = length - headers;
    if (offset >= payload) {
        return 0;
    }
    bool last = payload - offset <= offload->gso_size;
    uint32_t size = last ? payload - offset : offload->gso_size;
    if (headers + size > capacity) {
        return 0;
    }
    memcpy(buffer, packet, headers);
    memcpy(buffer + headers, packet + headers + offset, size);
    if (packet[0] >> 4 == 4) {
        wire_write16(buffer + 2, (uint16_t)(headers + size));
        wire_write16(buffer + 4, (uint16_t)(wire_read16(packet + 4) + index));
    } else {
        wire_write16(buffer + 4, (uint16_t)(headers + size - 40));
    }
    wire_write32(buffer + start + 4, wire_read32(packet + start + 4) + offset);
    if (!last) {
        buffer[start + 13] &= (uint8_t)~(WIRE_FIN | WIRE_PSH);
    }
    wire_fix_checksums(buffer, headers + size);
    return headers + size;
}
