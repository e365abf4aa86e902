/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksum arithmetic shared by the packet builder and the packet checker.
 */
#ifndef TUNFLOW_TESTS_WIRE_INTERNAL_H
#define TUNFLOW_TESTS_WIRE_INTERNAL_H

#include "wire.h"

/* RFC 1071: the sum of big-endian 16-bit words, an odd byte padded with zero. */
uint64_t wire_sum(const uint8_t *bytes, uint32_t length, uint64_t sum);
uint16_t wire_fold(uint64_t sum);
/* Sum of the pseudo-header of a packet's transport part of `length` bytes. */
uint64_t wire_pseudo_sum(const uint8_t *packet, uint8_t protocol, uint32_t length);
/* Folded sum over the transport part; 0xFFFF if its checksum is right. */
uint16_t wire_transport_sum(const uint8_t *packet, uint8_t protocol, uint32_t start, uint32_t length);
/* Where a transport protocol keeps its checksum, or 0 for an unknown one. */
uint32_t wire_checksum_place(uint8_t protocol);

#endif
