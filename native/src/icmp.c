/* SPDX-License-Identifier: Apache-2.0
 *
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): echo replies and unreachable errors,
 * made here because they quote and answer for any address, within a rate; and
 * the queue of echo requests that the caller wants to answer.
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

/* A reply as long as its request, in fragments where it exceeds the MTU. */
static int send_reply(const uint8_t *request, uint32_t length) {
  if (!tf_take_token(&tf.icmp_bucket, tf.config.icmp_per_second)) {
    tf_drop_count(TF_DROP_ICMP_LIMIT);
    return 0;
  }
  uint8_t *large = NULL;
  tf_entry *entry = NULL;
  uint8_t *ip;
  if (length <= tf.config.mtu) {
    ip = tf_output_reserve(length, &entry);
  } else if ((ip = large = tf_alloc(length)) == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
  }
  if (ip == NULL) {
    return 0;
  }
  memcpy(ip, request, length);
  int v4 = (request[0] >> 4) == 4;
  uint32_t size = v4 ? 4 : 16;
  uint32_t header = v4 ? 20 : 40;
  uint8_t *source = ip + header - 2 * size;
  memcpy(source, request + header - size, size);
  memcpy(source + size, request + header - 2 * size, size);
  if (v4) {
    finish_ip4(ip, length);
  } else {
    ip[7] = TCP_TTL;
  }
  ip[header] = v4 ? 0 : 129;
  finish_icmp(ip, header, length);
  int sent = 1;
  if (entry != NULL) {
    tf_output_commit(entry);
  } else {
    struct pbuf whole = {.payload = large, .tot_len = (u16_t)length, .len = (u16_t)length};
    sent = tf_output_fragments(&whole) == ERR_OK;
    tf_release(large);
  }
  tf.stats.echo_replies += (uint32_t)sent;
  return sent;
}

/* Leaves it to the caller. Not an event for each: one until he has looked. */
static int queue_request(const tf_parsed *parsed) {
  tf_packet_datagram *request = NULL;
  if (tf.echoes >= tf.config.max_echoes) {
    tf_drop_count(TF_DROP_ECHO);
  } else if ((request = tf_alloc_payload(sizeof *request + parsed->length)) == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
  }
  if (request == NULL) {
    return 0;
  }
  request->next = NULL;
  memcpy(request->bytes, parsed->ip, parsed->length);
  tf_to_endpoint(&request->datagram.destination, parsed->key.destination, 0, parsed->key.family);
  request->datagram.length = parsed->length;
  request->datagram.data = request->bytes;
  *(tf.echo_tail != NULL ? &tf.echo_tail->next : &tf.echo_head) = request;
  tf.echo_tail = request;
  tf.echoes++;
  if (tf.echo_told == TF_ECHO_QUIET) {
    tf.echo_told = TF_ECHO_DUE;
  }
  return 1;
}

int tf_input_echo(const tf_parsed *parsed) {
  if ((tf.config.flags & TF_STACK_ECHO_QUEUE) != 0) {
    return queue_request(parsed);
  }
  if ((tf.config.flags & TF_STACK_ECHO_REPLY) == 0) {
    tf_drop_count(TF_DROP_ECHO);
    return 0;
  }
  return send_reply(parsed->ip, parsed->length);
}

static int32_t op_echo_receive(tf_datagram **requests, uint32_t max) {
  uint32_t count = 0;
  while (count < max && tf.echo_head != NULL) {
    tf_packet_datagram *request = tf.echo_head;
    tf.echo_head = request->next;
    requests[count++] = &request->datagram;
  }
  if (tf.echo_head == NULL) {
    tf.echo_tail = NULL;
    tf.echo_told = TF_ECHO_QUIET;
  }
  return (int32_t)count;
}

static int32_t op_echo_answer(uint64_t now, tf_datagram *request, uint32_t refusal) {
  tf_advance(now);
  if (refusal > TF_REFUSE_NOT) {
    return TF_E_INVALID;
  }
  int sent = refusal == TF_REFUSE_NOT ? send_reply(request->data, request->length) : tf_send_unreachable(request->data, request->length, refusal);
  tf_common_release(request);
  tf.echoes -= tf.echoes != 0; /* one of an earlier stack counts nowhere */
  return sent;
}

void tf_echo_clear(void) {
  while (tf.echo_head != NULL) {
    tf_packet_datagram *request = tf.echo_head;
    tf.echo_head = request->next;
    tf_release(request);
  }
  tf.echo_tail = NULL;
}

/* Quotes as much of the packet as the smallest MTU carries (RFC 1812 4.3.2.3:
 * 576 bytes, RFC 4443 2.4 (c): 1280 bytes). The sender is whom it was meant for. */
int tf_send_unreachable(const uint8_t *packet, uint32_t length, uint32_t refusal) {
  static const uint8_t codes4[] = {3, 1, 0, 13};
  static const uint8_t codes6[] = {4, 3, 0, 1};
  /* RFC 1122 3.2.2, RFC 4443 2.4 (e.3): no error about what went to many. */
  int many = (packet[0] >> 4) == 4 ? packet[16] >= 224 : packet[24] == 0xFF;
  if (refusal >= sizeof codes4 || many) {
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
