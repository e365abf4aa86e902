/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets as bytes: builds and checks IPv4 and IPv6 packets with TCP, UDP, ICMP
 * and fragments. Shared by the tests and the fuzz target; written from the RFCs
 * and independent of lwIP, so that neither can hide the other's mistakes.
 */
#ifndef TUNFLOW_TESTS_WIRE_H
#define TUNFLOW_TESTS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "tunflow_lwip.h"

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_RST = 4, WIRE_PSH = 8, WIRE_ACK = 16, WIRE_URG = 32 };
enum { WIRE_ICMP4 = 1, WIRE_TCP = 6, WIRE_UDP = 17, WIRE_ICMP6 = 58 };
enum { WIRE_MAX = 65535 };

typedef struct wire {
    tf_endpoint src;
    tf_endpoint dst;
    uint8_t protocol;
    uint8_t hop_limit; /* 0 builds 64 */
    uint16_t identification;

    /* Of a fragment: `payload` is then the IP payload. */
    bool fragment;
    bool more_fragments;
    uint32_t fragment_id;
    uint32_t fragment_offset;

    uint32_t seq;
    uint32_t ack;
    uint8_t flags;
    uint16_t window;
    uint16_t urgent;
    uint8_t options[40];
    uint8_t options_length; /* built padded with NOP to a multiple of 4 */
    int mss;                /* parsed; -1: no such option */
    int window_scale;

    uint8_t icmp_type;
    uint8_t icmp_code;
    uint32_t icmp_rest; /* bytes 4..7, big-endian */

    const uint8_t *payload;
    uint32_t payload_length;

    uint32_t header_length; /* parsed: IP and transport headers */
} wire;

tf_endpoint wire_endpoint4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);
/* 2001:db8::/32 with `last` in the last four bytes. */
tf_endpoint wire_endpoint6(uint32_t last, uint16_t port);
bool wire_same_address(const tf_endpoint *left, const tf_endpoint *right);
bool wire_same_endpoint(const tf_endpoint *left, const tf_endpoint *right);

/* Bytes of IP header for a packet of w's family, fragment header included. */
uint32_t wire_ip_length(const wire *w);
/* Writes the packet with correct checksums; returns its length, 0 if it does not fit. */
uint32_t wire_build(const wire *w, uint8_t *buffer, uint32_t capacity);
/* Reads a packet that must be complete and correct in every checksum, length
 * and reserved bit. Returns NULL, or what is wrong with it. Of a fragment only
 * the IP part is read. */
const char *wire_parse(const uint8_t *packet, uint32_t length, wire *w);
/* The same without verification of the transport checksum, which in a partial
 * packet must hold the folded pseudo-header sum. */
const char *wire_parse_partial(const uint8_t *packet, uint32_t length, wire *w);

/* Makes every checksum of a packet right, as far as its headers can be followed. */
void wire_fix_checksums(uint8_t *packet, uint32_t length);
/* The same for the IPv4 header alone; nothing for IPv6. */
void wire_fix_ip_checksum(uint8_t *packet, uint32_t length);
/* Replaces the transport checksum by the folded pseudo-header sum. */
void wire_make_partial(uint8_t *packet, uint32_t length);

/* Cuts a packet into fragments of at most `mtu` bytes each. Returns fragment
 * `index`'s length, 0 beyond the last one. */
uint32_t wire_fragment(const uint8_t *packet, uint32_t length, uint32_t mtu, uint32_t id,
                       uint32_t index, uint8_t *buffer, uint32_t capacity);

/* One segment of a GSO packet, the way a kernel cuts it (net/ipv4/tcp_offload.c):
 * from the flat super-packet, headers adapted, checksum complete. */
uint32_t wire_segment(const uint8_t *packet, uint32_t length, const tf_offload *offload,
                      uint32_t index, uint8_t *buffer, uint32_t capacity);

uint32_t wire_read32(const uint8_t *bytes);
uint16_t wire_read16(const uint8_t *bytes);
void wire_write32(uint8_t *bytes, uint32_t value);
void wire_write16(uint8_t *bytes, uint16_t value);

/* The byte stream that every test transfers: position-dependent, so that lost,
 * doubled or swapped bytes show at once. */
void pattern_fill(uint64_t seed, uint64_t offset, uint8_t *buffer, uint64_t length);
/* Index of the first wrong byte, or length. */
uint64_t pattern_check(uint64_t seed, uint64_t offset, const uint8_t *buffer, uint64_t length);

/* xorshift64*: the tests' only source of randomness. */
uint64_t prng_next(uint64_t *state);
uint32_t prng_below(uint64_t *state, uint32_t bound);

#endif
