/* SPDX-License-Identifier: Apache-2.0
 *
 * The Internet checksum (RFC 1071). Sums are kept in 64 bits and folded once;
 * summing native-endian words gives the sum in memory order, so results are
 * stored as they are, without a byte swap (RFC 1071 2.B).
 */
#ifndef TF_CHECKSUM_H
#define TF_CHECKSUM_H

#include <stdint.h>
#include <string.h>

static inline uint16_t tf_checksum_fold(uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xFFFFFFFFu);
  sum = (sum >> 32) + (sum & 0xFFFFFFFFu);
  sum = (sum >> 16) + (sum & 0xFFFFu);
  sum = (sum >> 16) + (sum & 0xFFFFu);
  return (uint16_t)((sum >> 16) + (sum & 0xFFFFu));
}

/* Adds `length` bytes that start at an even offset of the checksummed whole. */
static inline uint64_t tf_checksum_add(uint64_t sum, const void *data, size_t length) {
  const uint8_t *p = data;
  uint64_t low = 0, high = 0;
  /* Two 32-bit lanes in 64-bit sums: no carries before 2^32 additions, and
   * compilers vectorise it. */
  while (length >= 32) {
    uint32_t w[8];
    memcpy(w, p, 32);
    low += (uint64_t)w[0] + w[2] + w[4] + w[6];
    high += (uint64_t)w[1] + w[3] + w[5] + w[7];
    p += 32;
    length -= 32;
  }
  while (length >= 4) {
    uint32_t w;
    memcpy(&w, p, 4);
    low += w;
    p += 4;
    length -= 4;
  }
  if (length >= 2) {
    uint16_t w;
    memcpy(&w, p, 2);
    low += w;
    p += 2;
    length -= 2;
  }
  if (length != 0) {
    uint16_t w = 0;
    memcpy(&w, p, 1);
    high += w;
  }
  /* Fold before joining, so that callers may add many pieces. */
  return sum + tf_checksum_fold(low) + tf_checksum_fold(high);
}

/* As above for bytes that start at an odd offset (RFC 1071 2.B). */
static inline uint64_t tf_checksum_add_odd(uint64_t sum, const void *data, size_t length) {
  uint16_t part = tf_checksum_fold(tf_checksum_add(0, data, length));
  return sum + (uint16_t)((part << 8) | (part >> 8));
}

/* The pseudo header of TCP and UDP over IPv4 (RFC 793 3.1) or IPv6 (RFC 8200
 * 8.1), unfolded; addresses as they lie in the IP header at `ip`. */
static inline uint64_t tf_checksum_pseudo(const uint8_t *ip, uint8_t protocol, uint32_t length) {
  uint8_t tail[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, protocol};
  int v4 = (ip[0] >> 4) == 4;
  uint64_t sum = tf_checksum_add(0, tail, sizeof tail);
  return tf_checksum_add(sum, ip + (v4 ? 12 : 8), v4 ? 8 : 32);
}

#endif
