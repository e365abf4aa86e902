/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads packets and demands that they are right in every checksum and length.
 */
#include "wire_internal.h"

#include <string.h>

static const char *parse_options(const uint8_t *options, uint32_t length, wire *w)
{
    w->mss = -1;
    w->window_scale = -1;
    for (uint32_t i = 0; i < length;) {
        if (options[i] == 0) {
            return NULL;
        }
        if (options[i] == 1) {
            i++;
            continue;
        }
        if (i + 1 >= length || options[i + 1] < 2 || i + options[i + 1] > length) {
            return "malformed TCP options";
        }
        if (options[i] == 2 && options[i + 1] == 4) {
            w->mss = wire_read16(options + i + 2);
        } else if (options[i] == 3 && options[i + 1] == 3) {
            w->window_scale = options[i + 2];
        }
        i += options[i + 1];
    }
    return NULL;
}

static const char *parse_tcp(const uint8_t *header, uint32_t length, wire *w)
{
    if (length < 20) {
        return "TCP header cut off";
    }
    uint32_t size = (uint32_t)(header[12] >> 4) * 4;
    if (size < 20 || size > length) {
        return "TCP data offset";
    }
    w->src.port = wire_read16(header);
    w->dst.port = wire_read16(header + 2);
    w->seq = wire_read32(header + 4);
    w->ack = wire_read32(header + 8);
    w->flags = header[13];
    w->window = wire_read16(header + 14);
    w->urgent = wire_read16(header + 18);
    w->options_length = (uint8_t)(size - 20);
    memcpy(w->options, header + 20, size - 20);
    w->payload = header + size;
    w->payload_length = length - size;
    w->header_length += size;
    return (header[12] & 15) != 0 ? "TCP reserved bits" : parse_options(header + 20, size - 20, w);
}

static const char *parse_transport(const uint8_t *header, uint32_t length, wire *w)
{
    if (w->protocol == WIRE_TCP) {
        return parse_tcp(header, length, w);
    }
    if (wire_checksum_place(w->protocol) == 0) {
        return "unknown transport protocol";
    }
    if (length < 8) {
        return "transport header cut off";
    }
    w->header_length += 8;
    w->payload = header + 8;
    w->payload_length = length - 8;
    if (w->protocol == WIRE_UDP) {
        w->src.port = wire_read16(header);
        w->dst.port = wire_read16(header + 2);
        return wire_read16(header + 4) != length ? "UDP length" : NULL;
    }
    w->icmp_type = header[0];
    w->icmp_code = header[1];
    w->icmp_rest = wire_read32(header + 4);
    return NULL;
}

static const char *parse_ip4(const uint8_t *packet, uint32_t length, wire *w)
{
    if (length < 20 || packet[0] != 0x45) {
        return "IPv4 header length";
    }
    if (wire_read16(packet + 2) != length) {
        return "IPv4 total length";
    }
    if (wire_fold(wire_sum(packet, 20, 0)) != 0xFFFF) {
        return "IPv4 header checksum";
    }
    if (packet[8] == 0) {
        return "IPv4 TTL is zero";
    }
    uint16_t fragment = wire_read16(packet + 6);
    if ((fragment & 0x8000) != 0) {
        return "IPv4 reserved flag";
    }
    w->src.family = w->dst.family = 4;
    memcpy(w->src.address, packet + 12, 4);
    memcpy(w->dst.address, packet + 16, 4);
    w->hop_limit = packet[8];
    w->protocol = packet[9];
    w->identification = wire_read16(packet + 4);
    w->fragment = (fragment & 0x3FFF) != 0;
    w->more_fragments = (fragment & 0x2000) != 0;
    w->fragment_id = w->identification;
    w->fragment_offset = (fragment & 0x1FFFu) * 8;
    w->header_length = 20;
    return NULL;
}

static const char *parse_ip6(const uint8_t *packet, uint32_t length, wire *w)
{
    if (length < 40 || packet[0] >> 4 != 6) {
        return "IPv6 header";
    }
    if (wire_read16(packet + 4) + 40u != length) {
        return "IPv6 payload length";
    }
    if (packet[7] == 0) {
        return "IPv6 hop limit is zero";
    }
    w->src.family = w->dst.family = 6;
    memcpy(w->src.address, packet + 8, 16);
    memcpy(w->dst.address, packet + 24, 16);
    w->hop_limit = packet[7];
    w->protocol = packet[6];
    w->header_length = 40;
    if (packet[6] != 44) {
        return NULL;
    }
    if (length < 48) {
        return "IPv6 fragment header cut off";
    }
    w->fragment = true;
    w->protocol = packet[40];
    w->fragment_offset = wire_read16(packet + 42) & 0xFFF8u;
    w->more_fragments = (packet[43] & 1) != 0;
    w->fragment_id = wire_read32(packet + 44);
    w->header_length = 48;
    return packet[41] != 0 || (packet[43] & 6) != 0 ? "IPv6 fragment reserved bits" : NULL;
}

static const char *parse(const uint8_t *packet, uint32_t length, wire *w, bool partial)
{
    memset(w, 0, sizeof *w);
    w->mss = w->window_scale = -1;
    if (length == 0) {
        return "empty packet";
    }
    const char *error =
        packet[0] >> 4 == 4 ? parse_ip4(packet, length, w) : parse_ip6(packet, length, w);
    if (error != NULL) {
        return error;
    }
    uint32_t start = w->header_length;
    if (w->fragment) {
        w->payload = packet + start;
        w->payload_length = length - start;
        return NULL;
    }
    error = parse_transport(packet + start, length - start, w);
    if (error != NULL) {
        return error;
    }
    if (partial) {
        uint16_t field = wire_read16(packet + start + wire_checksum_place(w->protocol));
        uint16_t pseudo = wire_fold(wire_pseudo_sum(packet, w->protocol, length - start));
        return field != pseudo ? "partial checksum is not the pseudo-header sum" : NULL;
    }
    if (w->protocol == WIRE_UDP && wire_read16(packet + start + 6) == 0) {
        return "UDP without a checksum";
    }
    return wire_transport_sum(packet, w->protocol, start, length - start) != 0xFFFF
               ? "transport checksum"
               : NULL;
}

const char *wire_parse(const uint8_t *packet, uint32_t length, wire *w)
{
    return parse(packet, length, w, false);
}

const char *wire_parse_partial(const uint8_t *packet, uint32_t length, wire *w)
{
    return parse(packet, length, w, true);
}
