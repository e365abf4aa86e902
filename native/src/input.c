/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets from the device. Segments go straight to tcp_input and datagrams to
 * udp_input, with the IP header already checked and lwIP's notion of "the
 * packet in hand" filled in; so destinations need no tricks and the IP layer
 * costs nothing. Only fragments take the way through lwIP's IP input.
 */
#include "tf_internal.h"

static void free_rx(struct pbuf *p) {
  tf_rx_pbuf *rx = (tf_rx_pbuf *)p;
  if (rx->block != NULL) {
    tf_common_block_release(rx->block);
  }
  if (rx->flow != NULL) {
    rx->flow->receive_bytes -= rx->charged;
  }
  if (rx->fragment) {
    tf.reassembly_bytes -= rx->charged;
  }
  tf_release(rx);
}

/* A pbuf that lwIP may keep: over a reference to `block`, or a copy. Bytes are
 * charged to `flow` as long as it lives. */
struct pbuf *tf_rx_alloc(uint8_t *data, uint32_t length, tf_block *block, tf_flow *flow) {
  tf.payload = flow != NULL;
  tf_rx_pbuf *rx = tf_alloc(sizeof *rx + (block != NULL ? 0 : length));
  tf.payload = 0;
  if (rx == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    return NULL;
  }
  memset(rx, 0, sizeof *rx);
  rx->custom.custom_free_function = free_rx;
  rx->charged = (uint32_t)tf_common_size(rx);
  if (block != NULL) {
    tf_common_block_retain(block);
    rx->block = block;
    rx->charged += block->capacity;
  } else {
    memcpy(rx + 1, data, length);
    data = (uint8_t *)(rx + 1);
  }
  rx->flow = flow;
  if (flow != NULL) {
    flow->receive_bytes += rx->charged;
  }
  return pbuf_alloced_custom(PBUF_RAW, (u16_t)length, PBUF_REF, &rx->custom, data, (u16_t)length);
}

void tf_set_ip_data(uint8_t *ip) {
  ip_data.current_netif = &tf.netif;
  ip_data.current_input_netif = &tf.netif;
  if ((ip[0] >> 4) == 4) {
    ip4_addr_t source, destination;
    memcpy(&source.addr, ip + 12, 4);
    memcpy(&destination.addr, ip + 16, 4);
    ip_data.current_ip4_header = (const struct ip_hdr *)ip;
    ip_data.current_ip6_header = NULL;
    ip_data.current_ip_header_tot_len = 20;
    ip_addr_copy_from_ip4(ip_data.current_iphdr_src, source);
    ip_addr_copy_from_ip4(ip_data.current_iphdr_dest, destination);
  } else {
    ip_data.current_ip4_header = NULL;
    ip_data.current_ip6_header = (struct ip6_hdr *)ip;
    ip_data.current_ip_header_tot_len = 40;
    memset(&ip_data.current_iphdr_src, 0, sizeof ip_data.current_iphdr_src);
    memset(&ip_data.current_iphdr_dest, 0, sizeof ip_data.current_iphdr_dest);
    memcpy(ip_2_ip6(&ip_data.current_iphdr_src)->addr, ip + 8, 16);
    memcpy(ip_2_ip6(&ip_data.current_iphdr_dest)->addr, ip + 24, 16);
    IP_SET_TYPE_VAL(ip_data.current_iphdr_src, IPADDR_TYPE_V6);
    IP_SET_TYPE_VAL(ip_data.current_iphdr_dest, IPADDR_TYPE_V6);
  }
}

/* lwIP takes an MSS option from any segment and would shrink a running
 * connection's segments to it, or grow them past the MTU. */
static void neutralise_mss(uint8_t *tcp) {
  uint32_t length = (uint32_t)(tcp[12] >> 4) * 4 - 20;
  uint8_t *option = tcp + 20;
  while (length > 1 && option[0] != 0) {
    uint32_t size = option[0] == 1 ? 1 : option[1];
    if (size == 0 || size > length) {
      return;
    }
    if (option[0] >= 2 && option[0] <= 4) { /* window scale and SACK, too: agreed once */
      memset(option, 1, size);
    }
    option += size;
    length -= size;
  }
}

static void keep_borrowed(struct pbuf *p) { (void)p; }

/* A segment that covers a queued FIN inherits it, at its own end. If it fills
 * the window, the FIN then lies outside, and an assertion fails. No honest peer
 * sends bytes behind its FIN; what is forgotten it sends again. */
static int fin_waits(const struct tcp_pcb *pcb) {
  for (const struct tcp_seg *segment = pcb->ooseq; segment != NULL; segment = segment->next) {
    if ((TCPH_FLAGS(segment->tcphdr) & TCP_FIN) != 0) {
      return 1;
    }
  }
  return 0;
}

/* Gives an established flow's segment to lwIP. Returns 0 if it was dropped. */
static int segment_for(tf_flow *flow, const tf_parsed *parsed, tf_block *block) {
  struct tcp_pcb *pcb = flow->pcb;
  uint8_t *tcp = parsed->ip + parsed->transport;
  uint32_t payload = parsed->length - parsed->payload;
  if (!tf_segment_acceptable(flow, parsed)) {
    return 0;
  }
  /* Over the flow's budget only the next expected bytes get through: these the
   * window already bounds, and without them nothing could ever be consumed. */
  if (payload != 0 && flow->receive_bytes + payload > tf.config.flow_bytes && tf_get32(tcp + 4) != pcb->rcv_nxt) {
    tf_drop_count(TF_DROP_FLOW_BYTES);
    return 0;
  }
  /* lwIP queues the first out-of-order segment without a look at the window's
   * right edge, and asserts when it comes into order. */
  uint32_t sequence = tf_get32(tcp + 4);
  uint32_t span = payload + ((parsed->tcp_flags & TCP_FIN) != 0);
#if !TF_UNCURE_WINDOW_EDGE
  if (span != 0 && (parsed->tcp_flags & TCP_RST) == 0 && TCP_SEQ_GT(sequence, pcb->rcv_nxt) && TCP_SEQ_GT(sequence + span, pcb->rcv_nxt + pcb->rcv_wnd)) {
    tf_flow_mount(flow);
    tcp_send_empty_ack(pcb);
    tf_flow_unmount();
    return 1;
  }
#endif
#if !TF_UNCURE_STRAY_FIN
  if (span != 0 && pcb->ooseq != NULL && TCP_SEQ_GEQ(sequence + span, pcb->rcv_nxt + pcb->rcv_wnd) && fin_waits(pcb)) {
    tcp_free_ooseq(pcb);
  }
#endif
  /* A reference to the whole block is worth it for large segments only. */
  if (block != NULL && payload < block->capacity / 4) {
    block = NULL;
  }
  /* What occupies no sequence space lwIP never keeps. So acknowledgments, which
   * give memory back, are taken even when there is no memory left. */
  struct pbuf_custom borrowed = {.custom_free_function = keep_borrowed};
  uint32_t whole = parsed->length - parsed->transport;
  struct pbuf *segment = span == 0 && (parsed->tcp_flags & TCP_SYN) == 0
                             ? pbuf_alloced_custom(PBUF_RAW, (u16_t)whole, PBUF_REF, &borrowed, tcp, (u16_t)whole)
                             : tf_rx_alloc(tcp, whole, block, flow);
  if (segment == NULL) {
    return 0;
  }
#if !TF_UNCURE_LATE_MSS
  if (parsed->payload - parsed->transport > 20) {
    neutralise_mss(segment->payload);
  }
#endif
  /* While the window is closed lwIP answers empty segments, too: two such ends would do so for ever. */
  tf.challenge = span == 0 && pcb->rcv_wnd == 0;
  tf.answers_ack = (parsed->tcp_flags & TCP_ACK) != 0;
  flow->last_active = tf.now;
  flow->keepalives = 0;
  int was_open = flow->state == TF_OPEN;
  if (was_open) {
    tf_recovery_before(flow, tcp, parsed->payload - parsed->transport);
  }
  tf_flow_mount(flow);
  tf_inject_tcp(parsed->ip, parsed->transport, segment);
  if (was_open) {
    tf_recovery_after(flow);
  } else {
    tf_recovery_opened(flow);
  }
  tf_flow_unmount();
  tf.challenge = 0;
  tf.answers_ack = 0;
  tf_flow_settle(flow);
  return 1;
}

static int input_segment(const tf_parsed *parsed, tf_block *block) {
  tf_flow *flow = tf_flow_find(&parsed->key);
  int opens = (parsed->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
#if !TF_UNCURE_TIME_WAIT_SYN
  if (flow != NULL && flow->state == TF_WAITING && opens && (int32_t)(tf_get32(parsed->ip + parsed->transport + 4) - flow->pcb->rcv_nxt) > 0) {
    /* The application reuses its port: RFC 9293 3.6.1 allows a SYN beyond the
     * sequence numbers of the old connection. */
    tf_flow_reset(flow, TF_OK);
    flow = NULL;
  }
#endif
  if (flow != NULL) {
    if (flow->state == TF_PENDING) {
      tf_pending_arrival(flow, parsed);
      return 1;
    }
    return segment_for(flow, parsed, block);
  }
  if (opens) {
    return tf_pending_open(parsed);
  }
  if ((parsed->tcp_flags & TCP_RST) != 0) {
    return 1;
  }
  /* Nobody's: lwIP, with nothing mounted, answers RST, whose numbers depend on the length. */
  struct pbuf *segment = tf_rx_alloc(parsed->ip + parsed->transport, parsed->length - parsed->transport, NULL, NULL);
  if (segment == NULL) {
    return 0;
  }
  tf.answers_ack = (parsed->tcp_flags & TCP_ACK) != 0;
  tf_inject_tcp(parsed->ip, parsed->transport, segment);
  tf.answers_ack = 0;
  return 1;
}

int tf_input_one(const tf_packet *packet, tf_block *block) {
  tf_parsed parsed;
  int reason = tf_filter(packet->data, packet->length, &packet->offload, &parsed);
  if (reason >= 0) {
    tf_drop_count((uint32_t)reason);
    return 0;
  }
  if (parsed.fragment && parsed.version == 6 && (tf_get16(parsed.ip + 42) & 0xFFF9) == 0) {
    /* An atomic fragment is a whole packet (RFC 6946 4). lwIP would pass it on
     * with its fragment header, behind the raw control blocks. */
    uint8_t *ip = parsed.ip + 8;
    memmove(ip, parsed.ip, 40);
    tf_put16(ip + 4, parsed.length - 48);
    ip[6] = parsed.protocol;
    tf_packet whole = {.data = ip, .block = packet->block, .length = parsed.length - 8, .offload = packet->offload};
    return tf_input_one(&whole, block);
  }
  if (parsed.fragment) {
    return tf_input_fragment(&parsed);
  }
  if (!tf_verify_checksum(&parsed, &packet->offload)) {
    tf_drop_count(TF_DROP_CHECKSUM);
    return 0;
  }
  switch (parsed.protocol) {
    case 6:
      return input_segment(&parsed, block);
    case 17:
      return tf_input_datagram(&parsed);
    default:
      return tf_input_echo(&parsed);
  }
}

/* The block a packet lies in; a packet that is not inside it is borrowed memory. */
static tf_block *block_of(const tf_packet *packet) {
  if (packet->block == NULL) {
    return NULL;
  }
  tf_block *block = tf_block_of(packet->block);
  int inside = packet->data >= packet->block && (uint64_t)(packet->data - packet->block) + packet->length <= block->capacity;
  return inside ? block : NULL;
}

static int32_t op_input(uint64_t now, const tf_packet *packets, uint32_t count) {
  tf_advance(now);
  int32_t taken = 0;
  tf_ahead ahead;
  tf_ahead_begin(&ahead, packets, count);
  for (uint32_t i = 0; i < count; i++) {
    tf_ahead_step(&ahead, i);
    tf.stats.packets_in++;
    tf.stats.bytes_in += packets[i].length;
    taken += tf_input_one(&packets[i], block_of(&packets[i]));
    tf.assert_failed = 0;
    if (tf.reassembled != NULL) {
      tf_packet whole = {.data = tf.reassembled, .length = tf.reassembled_length};
      tf.reassembled = NULL;
      tf_input_one(&whole, NULL);
      tf_release(whole.data);
    }
  }
  tf_acknowledge_batch();
  return taken;
}
