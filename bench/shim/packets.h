/* IPv4 packets as the kernel on the other side of a TUN makes them. */
#ifndef TUNFLOW_SHIM_BENCH_PACKETS_H
#define TUNFLOW_SHIM_BENCH_PACKETS_H

#include <stdint.h>

#include "tunflow_lwip.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { TCP_HEADERS = 40, UDP_HEADERS = 28, SYN_OPTIONS = 12, SEGMENT_BYTES = 1460 };

typedef struct path {
    uint32_t source;      /* addresses in host order */
    uint32_t destination;
    uint16_t source_port;
    uint16_t destination_port;
} path;

typedef struct segment {
    uint32_t sequence;
    uint32_t acknowledgment;
    uint8_t flags;
    uint16_t window;
    uint32_t length; /* of the payload, which the buffer already holds behind the headers */
} segment;

/* Each returns the packet's length. The payload, if any, stands at TCP_HEADERS or UDP_HEADERS. */
uint32_t packet_tcp(uint8_t *buffer, const path *way, const segment *what);
uint32_t packet_udp(uint8_t *buffer, const path *way, uint32_t length);
/* The same as a super-packet: partial checksum, cut by the device into SEGMENT_BYTES. */
uint32_t packet_super(uint8_t *buffer, const path *way, const segment *what, tf_offload *offload);

uint32_t packet_get32(const uint8_t *at);
uint16_t packet_get16(const uint8_t *at);

#endif
