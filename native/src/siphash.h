/* SPDX-License-Identifier: Apache-2.0
 *
 * SipHash (Aumasson and Bernstein, 2012), the keyed hash for tables that an
 * attacker can fill and for initial sequence numbers (RFC 6528).
 */
#ifndef TF_SIPHASH_H
#define TF_SIPHASH_H

#include <stdint.h>
#include <string.h>

typedef struct tf_sip {
  uint64_t v0, v1, v2, v3;
} tf_sip;

static inline uint64_t tf_rotate(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

static inline void tf_sip_round(tf_sip *s) {
  s->v0 += s->v1; s->v1 = tf_rotate(s->v1, 13) ^ s->v0; s->v0 = tf_rotate(s->v0, 32);
  s->v2 += s->v3; s->v3 = tf_rotate(s->v3, 16) ^ s->v2;
  s->v0 += s->v3; s->v3 = tf_rotate(s->v3, 21) ^ s->v0;
  s->v2 += s->v1; s->v1 = tf_rotate(s->v1, 17) ^ s->v2; s->v2 = tf_rotate(s->v2, 32);
}

/* SipHash-c-d of `length` bytes, a multiple of 8 being the cheap case. */
static inline uint64_t tf_siphash(const uint64_t key[2], const void *data, size_t length, int c, int d) {
  tf_sip s = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
              key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};
  const uint8_t *p = data;
  uint64_t last = (uint64_t)length << 56;
  for (; length >= 8; length -= 8, p += 8) {
    uint64_t m;
    memcpy(&m, p, 8);
    s.v3 ^= m;
    for (int i = 0; i < c; i++) {
      tf_sip_round(&s);
    }
    s.v0 ^= m;
  }
  for (size_t i = 0; i < length; i++) {
    last |= (uint64_t)p[i] << (8 * i);
  }
  s.v3 ^= last;
  for (int i = 0; i < c; i++) {
    tf_sip_round(&s);
  }
  s.v0 ^= last;
  s.v2 ^= 0xff;
  for (int i = 0; i < d; i++) {
    tf_sip_round(&s);
  }
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
