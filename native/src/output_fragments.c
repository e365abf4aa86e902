/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets that are larger than the device's MTU: UDP and echo replies.
 */
#include "tf_internal.h"

/* Cuts a packet that exceeds the MTU (RFC 791 2.3, RFC 8200 4.5). Not lwIP's own
 * way: that forgets an error on its way through the fragments, and so loses some
 * of them without a word. Here all of them are queued, or none. */
err_t tf_output_fragments(const struct pbuf *p) {
  uint8_t header[40];
  pbuf_copy_partial(p, header, sizeof header, 0);
  int v4 = header[0] >> 4 == 4;
  uint32_t own = v4 ? 20 : 40;
  uint32_t front = v4 ? 20 : 48;
  uint32_t payload = p->tot_len - own;
  uint32_t most = (tf.config.mtu - front) & ~7u;
  uint32_t count = (payload + most - 1) / most;
  if (tf.output_bytes + payload + count * front > tf.config.output_bytes) {
    tf_drop_count(TF_DROP_OUTPUT_FULL);
    return ERR_MEM;
  }
  uint32_t id = tf_random();
  tf_entry *first = NULL, **end = &first;
  for (uint32_t offset = 0; offset < payload; offset += most) {
    uint32_t part = LWIP_MIN(payload - offset, most);
    uint32_t more = offset + part < payload;
    tf_entry *entry = NULL;
    uint8_t *ip = tf_output_reserve(front + part, &entry);
    *end = entry;
    if (ip == NULL) {
      while (first != NULL) {
        entry = first;
        first = entry->next;
        tf_common_entry_release(entry);
      }
      return ERR_MEM;
    }
    end = &entry->next;
    memcpy(ip, header, own);
    if (v4) {
      tf_put16(ip + 2, front + part);
      tf_put16(ip + 4, id & 0xFFFF);
      tf_put16(ip + 6, more << 13 | offset / 8);
      tf_put16(ip + 10, 0);
      uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, ip, 20));
      memcpy(ip + 10, &sum, 2);
    } else {
      tf_put16(ip + 4, 8 + part);
      ip[6] = IP6_NEXTH_FRAGMENT;
      ip[40] = header[6];
      ip[41] = 0;
      tf_put16(ip + 42, offset | more);
      tf_put32(ip + 44, id);
    }
    pbuf_copy_partial(p, ip + front, (u16_t)part, (u16_t)(own + offset));
  }
  while (first != NULL) {
    tf_entry *next = first->next;
    tf_output_commit(first);
    first = next;
  }
  return ERR_OK;
}
