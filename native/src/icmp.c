/* SPDX-License-Identifier: Apache-2.0
 *
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): echo replies and unreachable errors,
 * made here because they quote and answer for any address, within a rate.
 */
#include "tf_internal.h"

static void finish_ip4(uint8_t *ip, uint32_t length) {
  ip[0] = 0x45;
  ip[1] = 0;
  tf_put16(ip + 2, length);
  tf_put16(ip + 4, tf_random() & 0xFFFF);
  tf_put16(ip + 6, 0);
  ip[8] = TCP_TTL;
  ip[9] = 1;
  tf_put16(ip + 10, 0);
  uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, ip, 20));
  memcpy(ip + 10, &sum, 2);
}

static void finish_icmp(uint8_t *ip, uint32_t header, uint32_t length) {
  uint8_t *icmp = ip + header;
  tf_put16(icmp + 2, 0);
  uint64_t sum = header == 20 ? 0 : tf_checksum_pseudo(ip, 58, length - header);
  uint16_t folded = (uint16_t)~tf_checksum_fold(tf_checksum_add(sum, icmp, length - header));
  memcpy(icmp + 2, &folded, 2);
}

int tf_input_echo(const tf_parsed *parsed) {
  /* A reply as long as a request that exceeds the MTU could not be delivered. */
  if ((tf.config.flags & TF_STACK_ECHO_REPLY) == 0 || parsed->length > tf.config.mtu) {
    tf_drop_count(TF_DROP_ECHO);
    return 0;
  }
  if (!tf_take_token(&tf.icmp_bucket, tf.config.icmp_per_second)) {
    tf_drop_count(TF_DROP_ICMP_LIMIT);
    return 0;
  }
  tf_entry *entry;
  uint8_t *ip = tf_output_reserve(parsed->length, &entry);
  if (ip == NULL) {
    return 0;
  }
  memcpy(ip, parsed->ip, parsed->length);
  uint32_t size = parsed->version == 4 ? 4 : 16;
  uint8_t *source = ip + (parsed->version == 4 ? 12 : 8);
  memcpy(source, parsed->key.destination, size);
  memcpy(source + size, parsed->key.source, size);
  if (parsed->version == 4) {
    finish_ip4(ip, parsed->length);
  } else {
    ip[7] = TCP_TTL;
  }
  ip[parsed->transport] = parsed->version == 4 ? 0 : 129;
  finish_icmp(ip, parsed->transport, parsed->length);
  tf_output_commit(entry);
  return 1;
}

/* Quotes as much of the packet as the smallest MTU carries (RFC 1812 4.3.2.3:
 * 576 bytes, RFC 4443 2.4 (c): 1280 bytes). The sender is whom it was meant for. */
int tf_send_unreachable(const uint8_t *packet, uint32_t length, uint32_t refusal) {
  static const uint8_t codes4[] = {3, 1, 0, 13};
  static const uint8_t codes6[] = {4, 3, 0, 1};
  if (refusal >= sizeof codes4) {
    return 0;
  }
  if (!tf_take_token(&tf.icmp_bucket, tf.config.icmp_per_second)) {
    tf_drop_count(TF_DROP_ICMP_LIMIT);
    return 0;
  }
  int v4 = (packet[0] >> 4) == 4;
  uint32_t header = v4 ? 20 : 40;
  uint32_t most = (v4 ? 576u : 1280u) - header - 8;
  uint32_t quoted = length < most ? length : most;
  uint32_t whole = header + 8 + quoted;
  tf_entry *entry;
  uint8_t *ip = tf_output_reserve(whole, &entry);
  if (ip == NULL) {
    return 0;
  }
  memset(ip, 0, header + 8);
  memcpy(ip + header + 8, packet, quoted);
  if (v4) {
    memcpy(ip + 12, packet + 16, 4);
    memcpy(ip + 16, packet + 12, 4);
    finish_ip4(ip, whole);
    ip[20] = 3;
    ip[21] = codes4[refusal];
  } else {
    ip[0] = 0x60;
    tf_put16(ip + 4, whole - 40);
    ip[6] = 58;
    ip[7] = TCP_TTL;
    memcpy(ip + 8, packet + 24, 16);
    memcpy(ip + 24, packet + 8, 16);
    ip[40] = 1;
    ip[41] = codes6[refusal];
  }
  finish_icmp(ip, header, whole);
  tf_output_commit(entry);
  return 1;
}
