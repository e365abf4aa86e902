/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets for the device: one queue, in order. lwIP hands over a pbuf chain;
 * its header bytes are copied, its payload is referenced where it lies in a
 * send block. Consecutive full segments of a flow grow one entry into a
 * super-packet (GSO) of up to 64 KiB: one write to the device instead of 45.
 *
 * TCP checksums are left at the pseudo-header sum (virtio NEEDS_CSUM), to be
 * completed by the device or by tf_output_copy.
 */
#include "tf_internal.h"

/* lwIP is about to write out a segment of this control block. */
u32_t *tf_note_output(const struct tcp_pcb *pcb, const struct tcp_hdr *header, u32_t *options) {
  tf.output_pcb = pcb;
  /* Only segments from the queue: probes and keep-alives repeat numbers, too. */
  if (pcb != NULL && pcb->unsent != NULL && pcb->unsent->tcphdr == header) {
    uint32_t sequence = lwip_ntohl(header->seqno);
    int repeated = TCP_SEQ_LT(sequence, pcb->snd_nxt);
    tf.stats.retransmissions += (uint64_t)repeated;
    if (pcb->ext_args[0].data != NULL) {
      tf_recovery_sent(pcb->ext_args[0].data, sequence, repeated);
    }
  }
  if (pcb != NULL && (TCPH_FLAGS(header) & TCP_SYN) != 0) {
    /* Also of a SYN-ACK sent again by a timer. MSS is the first option. */
    uint32_t mss = tf.config.mtu - (IP_IS_V6(&pcb->remote_ip) ? 60 : 40);
    tf_put32((uint8_t *)(uintptr_t)(header + 1), 0x02040000u | mss);
  }
  return options;
}

u32_t tf_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port) {
  uint8_t tuple[40] = {0};
  int v4 = IP_IS_V4(local);
  memcpy(tuple, v4 ? (const void *)&ip_2_ip4(local)->addr : ip_2_ip6(local)->addr, v4 ? 4 : 16);
  memcpy(tuple + 16, v4 ? (const void *)&ip_2_ip4(remote)->addr : ip_2_ip6(remote)->addr, v4 ? 4 : 16);
  memcpy(tuple + 32, &local_port, 2);
  memcpy(tuple + 34, &remote_port, 2);
  tuple[36] = 1; /* another use of the key than the tables' */
  /* RFC 6528: a clock of 4 microseconds plus a secret function of the tuple. */
  return (u32_t)(tf.now / 4) + (u32_t)tf_siphash(tf.key, tuple, sizeof tuple, 2, 4);
}

static void queue_entry(tf_entry *entry) {
  entry->next = NULL;
  if (tf.output_tail != NULL) {
    tf.output_tail->next = entry;
  } else {
    tf.output_head = entry;
  }
  tf.output_tail = entry;
  tf.output_entries++;
  tf.output_bytes += entry->output.length;
  atomic_store_explicit(&tf_common_budgets[tf.index].output_pending, tf.output_entries, memory_order_relaxed);
}

static tf_entry *new_entry(uint32_t header) {
  tf_entry *entry = tf_common_entry_alloc(tf.index, TF_OUTPUT_HEADROOM + header);
  if (entry == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    return NULL;
  }
  entry->output.slices[0].data = entry->bytes + TF_OUTPUT_HEADROOM;
  entry->output.slices[0].length = header;
  entry->output.slice_count = 1;
  entry->output.length = header;
  entry->output.packets = 1;
  return entry;
}

/* Room for a packet that is complete in itself (ICMP, UDP). */
uint8_t *tf_output_reserve(uint32_t length, tf_entry **entry) {
  if (tf.output_bytes + length > tf.config.output_bytes) {
    tf_drop_count(TF_DROP_OUTPUT_FULL);
    return NULL;
  }
  *entry = new_entry(length);
  return *entry != NULL ? (*entry)->output.slices[0].data : NULL;
}

void tf_output_commit(tf_entry *entry) {
  uint8_t *ip = entry->output.slices[0].data;
  entry->version = ip[0] >> 4;
  entry->protocol = entry->version == 4 ? ip[9] : ip[6];
  entry->transport = entry->version == 4 ? 20 : 40;
  queue_entry(entry);
}

void tf_output_clear(void) {
  while (tf.output_head != NULL) {
    tf_entry *entry = tf.output_head;
    tf.output_head = entry->next;
    tf_common_entry_release(entry);
  }
  tf.output_tail = NULL;
  tf.output_entries = 0;
  tf.output_bytes = 0;
  atomic_store_explicit(&tf_common_budgets[tf.index].output_pending, 0, memory_order_relaxed);
}

/* ---- TCP */

/* Adds payload to the entry's slices, extending the last one where it goes on. */
static int add_payload(tf_entry *entry, tf_block *block, uint8_t *data, uint32_t length) {
  tf_output *output = &entry->output;
  uint32_t last = output->slice_count - 1;
  if (entry->blocks[last] == block && output->slices[last].data + output->slices[last].length == data) {
    output->slices[last].length += length;
  } else {
    if (output->slice_count == TF_MAX_SLICES) {
      return 0;
    }
    tf_common_block_retain(block);
    entry->blocks[output->slice_count] = block;
    output->slices[output->slice_count++] = (tf_slice){data, length};
  }
  output->length += length;
  return 1;
}

/* Does every payload pbuf behind the header lie in a send block of the flow? */
static int payload_in_blocks(tf_flow *flow, const struct pbuf *p, tf_block **blocks) {
  uint32_t count = 0;
  for (const struct pbuf *q = p->next; q != NULL; q = q->next) {
    if (q->type_internal != (u8_t)PBUF_ROM || count == TF_MAX_SLICES - 1) {
      return 0;
    }
    blocks[count] = tf_send_block_at(flow, q->payload);
    if (blocks[count++] == NULL) {
      return 0;
    }
  }
  return count != 0;
}

/* Grows the queue's last entry by this segment, if it simply goes on there. */
static int coalesce(const tf_flow *flow, const struct pbuf *p, tf_block *const *blocks, uint32_t transport) {
  tf_entry *entry = tf.output_tail;
  const uint8_t *ip = p->payload;
  const uint8_t *tcp = ip + transport;
  uint32_t payload = (uint32_t)p->tot_len - p->len;
  if (entry == NULL || entry->flow != flow || entry->next_sequence != tf_get32(tcp + 4) ||
      payload > entry->output.offload.gso_size || entry->output.length + payload > TF_MAX_PACKET ||
      (tcp[13] & ~(TCP_ACK | TCP_PSH)) != 0 || p->len != entry->output.slices[0].length) {
    return 0;
  }
  uint32_t pieces = 0;
  for (const struct pbuf *q = p->next; q != NULL; q = q->next) {
    pieces++;
  }
  if (entry->output.slice_count + pieces > TF_MAX_SLICES) {
    return 0;
  }
  for (const struct pbuf *q = p->next; q != NULL; q = q->next, blocks++) {
    add_payload(entry, *blocks, q->payload, q->len);
  }
  uint8_t *header = entry->output.slices[0].data + transport;
  memcpy(header + 8, tcp + 8, 4);   /* acknowledgment */
  header[13] |= tcp[13];            /* PSH: the kernel leaves it on the last segment */
  memcpy(header + 14, tcp + 14, 2); /* window */
  entry->output.packets++;
  entry->next_sequence += payload;
  if (payload < entry->output.offload.gso_size) {
    entry->flow = NULL; /* a short segment ends a super-packet */
  }
  tf.output_bytes += payload;
  return 1;
}

static err_t output_tcp(struct pbuf *p, uint32_t transport) {
  const struct tcp_pcb *pcb = tf.output_pcb;
  tf_flow *flow = pcb != NULL ? pcb->ext_args[0].data : NULL;
  const uint8_t *tcp = (const uint8_t *)p->payload + transport;
  uint32_t header = transport + (uint32_t)(tcp[12] >> 4) * 4;
  uint32_t payload = p->tot_len - header;
  tf.output_pcb = NULL;
  if (tf.challenge && payload == 0 && (tcp[13] & 0x3F) == TCP_ACK && !tf_take_token(&tf.challenge_bucket, tf.config.icmp_per_second)) {
    tf_drop_count(TF_DROP_ICMP_LIMIT);
    return ERR_OK;
  }
  /* Data waits in lwIP while the queue is full; what has no payload may go a
   * little further, since acknowledgments make room at the other end. The last
   * RSTs are as many as there are flows, and nobody would send them again. */
  if (!tf.farewell && tf.output_bytes + payload > (uint64_t)tf.config.output_bytes + (payload == 0 ? tf.config.output_bytes / 4 : 0)) {
    if (payload == 0 || flow == NULL) {
      tf_drop_count(TF_DROP_OUTPUT_FULL);
      return ERR_OK;
    }
    if (!flow->blocked) {
      flow->blocked = 1;
      flow->blocked_next = tf.blocked;
      tf.blocked = flow;
    }
    return ERR_MEM;
  }
  tf_block *blocks[TF_MAX_SLICES];
  int referenced = flow != NULL && payload != 0 && p->len == header && payload_in_blocks(flow, p, blocks);
  if (referenced && (tf.config.flags & TF_STACK_COALESCE) != 0 && coalesce(flow, p, blocks, transport)) {
    return ERR_OK;
  }
  tf_entry *entry = new_entry(referenced ? header : p->tot_len);
  if (entry == NULL) {
    return ERR_MEM;
  }
  pbuf_copy_partial(p, entry->output.slices[0].data, (u16_t)entry->output.length, 0);
  if ((tcp[13] & TCP_RST) != 0 && tf.answers_ack) {
    /* RFC 9293 3.10.7.1: <SEQ=SEG.ACK><CTL=RST>; lwIP always adds an ACK. */
    uint8_t *reset = entry->output.slices[0].data + transport;
    tf_put32(reset + 8, 0);
    reset[13] &= (uint8_t)~TCP_ACK;
  }
  entry->version = transport == 20 ? 4 : 6;
  entry->protocol = 6;
  entry->transport = (uint16_t)transport;
  if (referenced) {
    uint32_t i = 0;
    for (const struct pbuf *q = p->next; q != NULL; q = q->next) {
      add_payload(entry, blocks[i++], q->payload, q->len);
    }
    if ((tcp[13] & ~(TCP_ACK | TCP_PSH)) == 0) {
      entry->flow = flow;
      entry->next_sequence = tf_get32(tcp + 4) + payload;
      entry->output.offload.gso_size = (uint16_t)payload;
    }
  }
  uint32_t most = tf.config.mtu - header;
  if (payload > most) {
    /* The MTU shrank behind this segment: the device cuts it as a super-packet. */
    entry->flow = NULL;
    entry->output.offload.gso_size = (uint16_t)most;
    entry->output.packets = (payload + most - 1) / most;
  }
  queue_entry(entry);
  return ERR_OK;
}

/* Everything else is copied: UDP, and ICMPv6 of lwIP's reassembly. */
static err_t output_plain(const struct pbuf *p) {
  const uint8_t *ip = p->payload;
  if ((ip[0] >> 4) == 6 && ip[6] == 58 && !tf_take_token(&tf.icmp_bucket, tf.config.icmp_per_second)) {
    tf_drop_count(TF_DROP_ICMP_LIMIT);
    return ERR_OK;
  }
  if (p->tot_len > tf.config.mtu) {
    return tf_output_fragments(p);
  }
  tf_entry *entry;
  uint8_t *bytes = tf_output_reserve(p->tot_len, &entry);
  if (bytes == NULL) {
    return ERR_MEM;
  }
  pbuf_copy_partial(p, bytes, p->tot_len, 0);
  tf_output_commit(entry);
  return ERR_OK;
}

err_t tf_netif_output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *destination) {
  (void)netif;
  (void)destination;
  const uint8_t *ip = p->payload;
  return ip[9] == 6 ? output_tcp(p, 20) : output_plain(p);
}

err_t tf_netif_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *destination) {
  (void)netif;
  (void)destination;
  const uint8_t *ip = p->payload;
  return ip[6] == 6 ? output_tcp(p, 40) : output_plain(p);
}

/* Flows that found the queue full go on when half of it is free. */
void tf_output_retry(void) {
  if (tf.blocked == NULL || tf.output_bytes > tf.config.output_bytes / 2) {
    return;
  }
  tf_flow *flow = tf.blocked;
  tf.blocked = NULL;
  while (flow != NULL) {
    tf_flow *next = flow->blocked_next;
    flow->blocked = 0;
    if (flow->pcb != NULL && flow->pcb->state != TIME_WAIT) {
      tf_flow_mount(flow);
      tcp_output(flow->pcb);
      tf_flow_unmount();
      tf_flow_settle(flow);
    } else {
      flow_release(flow);
    }
    flow = next;
  }
}

/* Lengths, checksums and offload fields, once no more segments can be added. */
static void finish(tf_entry *entry) {
  tf_output *output = &entry->output;
  if (entry->protocol != 6) {
    return;
  }
  uint8_t *ip = output->slices[0].data;
  uint8_t *tcp = ip + entry->transport;
  uint32_t segment = output->length - entry->transport;
  if (entry->version == 4) {
    if (output->packets > 1) {
      tf_put16(ip + 2, output->length);
      tf_put16(ip + 10, 0);
      uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, ip, 20));
      memcpy(ip + 10, &sum, 2);
    }
  } else {
    tf_put16(ip + 4, segment);
  }
  uint16_t pseudo = tf_checksum_fold(tf_checksum_pseudo(ip, 6, segment));
  memcpy(tcp + 16, &pseudo, 2);
  output->offload.checksum = TF_CHECKSUM_PARTIAL;
  output->offload.checksum_start = entry->transport;
  output->offload.checksum_offset = 16;
  output->offload.header_length = (uint16_t)(entry->transport + (tcp[12] >> 4) * 4);
  if (output->packets > 1) {
    output->offload.gso_type = entry->version == 4 ? TF_GSO_TCP4 : TF_GSO_TCP6;
  } else {
    output->offload.gso_size = 0;
  }
}

static int32_t op_output_take(uint64_t now, tf_output **entries, uint32_t max) {
  tf_advance(now);
  uint32_t count = 0;
  do {
    while (count < max && tf.output_head != NULL) {
      tf_entry *entry = tf.output_head;
      tf.output_head = entry->next;
      if (tf.output_head == NULL) {
        tf.output_tail = NULL;
      }
      tf.output_entries--;
      tf.output_bytes -= entry->output.length;
      finish(entry);
      tf.stats.packets_out++;
      tf.stats.bytes_out += entry->output.length;
      entries[count++] = &entry->output;
    }
    tf_output_retry(); /* may queue more: fewer than `max` means empty */
  } while (count < max && tf.output_head != NULL);
  atomic_store_explicit(&tf_common_budgets[tf.index].output_pending, tf.output_entries, memory_order_relaxed);
  return (int32_t)count;
}
