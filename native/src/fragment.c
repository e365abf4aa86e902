/* SPDX-License-Identifier: Apache-2.0
 *
 * Fragments: lwIP puts them together. It does so only for packets addressed to
 * its netif, so the input hook gives the netif the packet's destination. The
 * whole packet is caught by a raw control block before lwIP's TCP or UDP sees
 * it, and goes through the filter again like any other.
 */
#include "tf_internal.h"

int tf_adopt_destination4(struct pbuf *packet, struct netif *netif) {
  ip4_addr_t destination;
  memcpy(&destination.addr, (const uint8_t *)packet->payload + 16, 4);
  ip_addr_copy_from_ip4(netif->ip_addr, destination);
  return 0;
}

int tf_adopt_destination6(struct pbuf *packet, struct netif *netif) {
  memcpy(ip_2_ip6(&netif->ip6_addr[0])->addr, (const uint8_t *)packet->payload + 24, 16);
  return 0;
}

/* Neither empty, nor cut where no fragment may be cut, nor past the end of the
 * largest packet (the ping of death). */
static int fragment_possible(const tf_parsed *parsed) {
  int v4 = parsed->version == 4;
  uint32_t field = tf_get16(parsed->ip + (v4 ? 6 : 42));
  uint32_t offset = v4 ? (field & 0x1FFF) * 8 : field & 0xFFF8;
  uint32_t more = v4 ? field & 0x2000 : field & 1;
  uint32_t bytes = parsed->length - (v4 ? 20 : 48);
  return bytes != 0 && (!more || bytes % 8 == 0) && offset + bytes <= TF_MAX_PACKET - (v4 ? 20u : 40u);
}

/* How a fragment lies to one that waits. */
enum { APART, REPEATED, OVERLAPPING };

static int compare(uint32_t start, uint32_t end, uint32_t waiting_start, uint32_t waiting_end) {
  if (start == waiting_start && end == waiting_end) {
    return REPEATED;
  }
  return start < waiting_end && waiting_start < end ? OVERLAPPING : APART;
}

/* lwIP drops a fragment that overlaps and keeps the rest. RFC 5722 3: the whole
 * datagram goes, without a word; an exact repetition alone is just one too many
 * (RFC 8200 4.5). The lists are lwIP's own, which this file shares a unit with. */
static int check_overlap4(const uint8_t *ip, uint32_t start, uint32_t end) {
  struct ip_reassdata *previous = NULL;
  for (struct ip_reassdata *datagram = reassdatagrams; datagram != NULL; previous = datagram, datagram = datagram->next) {
    if (!(IP_ADDRESSES_AND_ID_MATCH(&datagram->iphdr, (const struct ip_hdr *)ip))) {
      continue;
    }
    for (const struct pbuf *p = datagram->p; p != NULL; p = ((const struct ip_reass_helper *)p->payload)->next_pbuf) {
      const struct ip_reass_helper *waiting = p->payload;
      int how = compare(start, end, waiting->start, waiting->end);
      if (how == OVERLAPPING) {
        ip_reass_free_complete_datagram(datagram, previous);
      }
      if (how != APART) {
        return how;
      }
    }
    break;
  }
  return APART;
}

static int check_overlap6(const uint8_t *ip, uint32_t start, uint32_t end) {
  for (struct ip6_reassdata *datagram = reassdatagrams6; datagram != NULL; datagram = datagram->next) {
    if (memcmp(&datagram->identification, ip + 44, 4) != 0 || memcmp(IPV6_FRAG_SRC(datagram).addr, ip + 8, 16) != 0 ||
        memcmp(IPV6_FRAG_DEST(datagram).addr, ip + 24, 16) != 0) {
      continue;
    }
    for (const struct pbuf *p = datagram->p; p != NULL; p = ((const struct ip6_reass_helper *)p->payload)->next_pbuf) {
      const struct ip6_reass_helper *waiting = p->payload;
      int how = compare(start, end, waiting->start, waiting->end);
      if (how == OVERLAPPING) {
        ((struct ip6_reass_helper *)datagram->p->payload)->start = 1; /* only of a first fragment lwIP says "time exceeded" */
        ip6_reass_free_complete_datagram(datagram);
      }
      if (how != APART) {
        return how;
      }
    }
    break;
  }
  return APART;
}

static int overlaps(const tf_parsed *parsed) {
  int v4 = parsed->version == 4;
  uint32_t field = tf_get16(parsed->ip + (v4 ? 6 : 42));
  uint32_t start = v4 ? (field & 0x1FFF) * 8 : field & 0xFFF8;
  uint32_t end = start + parsed->length - (v4 ? 20 : 48);
#if !TF_UNCURE_OVERLAP
  return (v4 ? check_overlap4 : check_overlap6)(parsed->ip, start, end) != APART;
#else
  (void)check_overlap4;
  (void)check_overlap6;
  return end < start;
#endif
}

int tf_input_fragment(const tf_parsed *parsed) {
  if (!fragment_possible(parsed)) {
    tf_drop_count(TF_DROP_FRAGMENT);
    return 0;
  }
  if (overlaps(parsed)) {
    tf_drop_count(TF_DROP_REASSEMBLY);
    return 0;
  }
#if !TF_UNCURE_REASSEMBLY_LIMIT
  if (tf.reassembly_bytes + parsed->length + sizeof(tf_rx_pbuf) > tf.config.reassembly_bytes) {
    tf_drop_count(TF_DROP_REASSEMBLY);
    return 0;
  }
#endif
  struct pbuf *p = tf_rx_alloc(parsed->ip, parsed->length, NULL, NULL);
  if (p == NULL) {
    return 0;
  }
  tf_rx_pbuf *rx = (tf_rx_pbuf *)p;
  rx->fragment = 1;
  uint32_t before = tf.reassembly_bytes;
  tf.reassembly_bytes += rx->charged;
  if (tf.next_reassembly == TF_NO_DEADLINE) {
    tf.next_reassembly = tf.now + TF_REASSEMBLY_TICK;
  }
  if (parsed->version == 4) {
    ip4_input(p, &tf.netif);
  } else {
    ip6_input(p, &tf.netif);
  }
  if (tf.reassembled == NULL && tf.reassembly_bytes <= before) {
    /* Overlapping or repeated: lwIP let it go. */
    tf_drop_count(TF_DROP_REASSEMBLY);
    return 0;
  }
  return 1;
}

/* Takes the whole packet out; it is processed after lwIP has returned. */
u8_t tf_on_raw(void *argument, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *source) {
  (void)argument;
  (void)pcb;
  (void)source;
  uint8_t *ip = tf.reassembled == NULL ? tf_alloc(p->tot_len) : NULL;
  if (ip == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    pbuf_free(p);
    return 1;
  }
  tf.reassembled_length = pbuf_copy_partial(p, ip, p->tot_len, 0);
  pbuf_free(p);
  if ((ip[0] >> 4) == 4) {
    /* lwIP cleared the fragment fields; the header checksum follows. */
    tf_put16(ip + 10, 0);
    uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, ip, 20));
    memcpy(ip + 10, &sum, 2);
  } else {
    tf_put16(ip + 4, tf.reassembled_length - 40);
  }
  tf.reassembled = ip;
  return 1;
}

void tf_reassembly_tick(uint64_t now) {
  uint32_t before = tf.reassembly_bytes;
  ip_reass_tmr();
  ip6_reass_tmr();
  if (tf.reassembly_bytes < before) {
    tf_drop_count(TF_DROP_REASSEMBLY);
  }
  tf.next_reassembly = tf.reassembly_bytes != 0 ? now + TF_REASSEMBLY_TICK : TF_NO_DEADLINE;
}

/* Ages everything away. */
void tf_reassembly_flush(void) {
  for (int i = 0; i <= IP_REASS_MAXAGE + 1; i++) {
    ip_reass_tmr();
    ip6_reass_tmr();
  }
}
