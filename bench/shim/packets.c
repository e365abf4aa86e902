#include "packets.h"

#include <string.h>

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xFFFF);
}

uint16_t packet_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t packet_get32(const uint8_t *at)
{
    return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

static uint64_t sum(const uint8_t *data, uint32_t length, uint64_t total)
{
    for (; length > 1; data += 2, length -= 2) {
        total += packet_get16(data);
    }
    return length == 0 ? total : total + ((uint64_t)*data << 8);
}

static uint32_t fold(uint64_t total)
{
    while (total > 0xFFFF) {
        total = (total & 0xFFFF) + (total >> 16);
    }
    return (uint32_t)total;
}

static void ip_header(uint8_t *ip, const path *way, uint32_t length, uint8_t protocol)
{
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, length);
    put16(ip + 6, 0x4000); /* DF */
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, way->source);
    put32(ip + 16, way->destination);
    put16(ip + 10, ~fold(sum(ip, 20, 0)) & 0xFFFF);
}

static uint64_t pseudo_header(const uint8_t *ip, uint32_t transport, uint8_t protocol)
{
    return sum(ip + 12, 8, (uint64_t)protocol + transport);
}

static uint32_t tcp(uint8_t *buffer, const path *way, const segment *what, uint64_t *pseudo)
{
    static const uint8_t options[SYN_OPTIONS] = {2, 4, SEGMENT_BYTES >> 8, SEGMENT_BYTES & 0xFF, 4, 2, 1, 1, 1, 3, 3, 7};
    uint32_t extra = (what->flags & SYN) != 0 ? SYN_OPTIONS : 0;
    uint32_t length = TCP_HEADERS + extra + what->length;
    uint8_t *head = buffer + 20;
    ip_header(buffer, way, length, 6);
    put16(head, way->source_port);
    put16(head + 2, way->destination_port);
    put32(head + 4, what->sequence);
    put32(head + 8, what->acknowledgment);
    head[12] = (uint8_t)((20 + extra) << 2);
    head[13] = what->flags;
    put16(head + 14, what->window);
    put32(head + 16, 0);
    memcpy(head + 20, options, extra);
    *pseudo = pseudo_header(buffer, length - 20, 6);
    return length;
}

uint32_t packet_tcp(uint8_t *buffer, const path *way, const segment *what)
{
    uint64_t pseudo;
    uint32_t length = tcp(buffer, way, what, &pseudo);
    put16(buffer + 36, ~fold(sum(buffer + 20, length - 20, pseudo)) & 0xFFFF);
    return length;
}

uint32_t packet_super(uint8_t *buffer, const path *way, const segment *what, tf_offload *offload)
{
    uint64_t pseudo;
    uint32_t length = tcp(buffer, way, what, &pseudo);
    put16(buffer + 36, fold(pseudo));
    *offload = (tf_offload){.checksum = TF_CHECKSUM_PARTIAL, .gso_type = TF_GSO_TCP4, .gso_size = SEGMENT_BYTES,
                            .header_length = TCP_HEADERS, .checksum_start = 20, .checksum_offset = 16};
    return length;
}

uint32_t packet_udp(uint8_t *buffer, const path *way, uint32_t payload)
{
    uint32_t length = UDP_HEADERS + payload;
    uint8_t *head = buffer + 20;
    ip_header(buffer, way, length, 17);
    put16(head, way->source_port);
    put16(head + 2, way->destination_port);
    put16(head + 4, 8 + payload);
    put16(head + 6, 0);
    uint32_t checksum = ~fold(sum(head, 8 + payload, pseudo_header(buffer, 8 + payload, 17))) & 0xFFFF;
    put16(head + 6, checksum == 0 ? 0xFFFF : checksum);
    return length;
}
