/* SPDX-License-Identifier: Apache-2.0
 *
 * UDP sessions: one per source endpoint of an application, any number of
 * remotes (endpoint-independent mapping, RFC 4787 4.1). lwIP has one control
 * block for all of them: of any address, its port written before each use.
 */
#include "tf_internal.h"

/* Where the chain of a source's bucket starts. */
tf_session **tf_session_bucket(const tf_endpoint *source) {
  return &tf.session_hash[(uint32_t)tf_siphash(tf.key, source, sizeof *source, 1, 3) & tf.session_hash_mask];
}

static tf_session *session_find(const tf_endpoint *source) {
  tf_session *session = *tf_session_bucket(source);
  while (session != NULL && memcmp(&session->source, source, sizeof *source) != 0) {
    session = session->hash_next;
  }
  return session;
}

static tf_session *session_by_id(uint64_t id) {
  tf_session *session = (id & TF_SESSION_BIT) == 0 ? NULL : tf_table_find(&tf.sessions, id);
  return session != NULL && session->owned ? session : NULL;
}

static void session_signal(tf_session *session, uint32_t events) {
  if (!session->owned) {
    return;
  }
  session->events |= events;
  if (session->in_ready) {
    return;
  }
  session->in_ready = 1;
  session->ready_next = NULL;
  if (tf.ready_session_tail != NULL) {
    tf.ready_session_tail->ready_next = session;
  } else {
    tf.ready_session_head = session;
  }
  tf.ready_session_tail = session;
}

static void unlink_use(tf_session *session) {
  *(session->older != NULL ? &session->older->newer : &tf.oldest) = session->newer;
  *(session->newer != NULL ? &session->newer->older : &tf.newest) = session->older;
}

static void link_newest(tf_session *session) {
  session->older = tf.newest;
  session->newer = NULL;
  *(tf.newest != NULL ? &tf.newest->newer : &tf.oldest) = session;
  tf.newest = session;
}

static void session_used(tf_session *session) {
  session->last_active = tf.now;
  if (tf.newest != session) {
    unlink_use(session);
    link_newest(session);
  }
}

static void session_schedule(tf_session *session) {
  if (session->idle == 0) {
    tf_timer_disarm(&session->timer);
  } else {
    tf_timer_arm(&session->timer, tf_after(session->last_active, session->idle));
  }
}

/* Activity does not move the timer, see timers.c; only a shorter idle time has to. */
static void set_idle(tf_session *session, uint64_t idle) {
  int sooner = session->idle == 0 || (idle != 0 && idle < session->idle);
  session->idle = idle;
  if (!session->dead && (sooner || idle == 0)) {
    session_schedule(session);
  }
}

#define DNS_PORT 53

/* A session that only asks name servers needs its port until they answered, and
 * for stragglers a little longer. */
static void note_port(tf_session *session, uint16_t port, int answer) {
  if (session->fixed_idle) {
    return;
  }
  if (port != DNS_PORT) {
    session->other_ports |= !answer; /* anybody may send something */
  } else if (answer) {
    session->unanswered -= session->unanswered != 0;
  } else {
    session->unanswered++;
  }
  set_idle(session, session->other_ports || session->unanswered != 0 ? tf.config.session_idle : tf.config.session_dns_idle);
}

static void free_queue(tf_session *session) {
  while (session->head != NULL) {
    tf_packet_datagram *datagram = session->head;
    session->head = datagram->next;
    tf_release(datagram);
  }
  session->tail = NULL;
  session->queued = session->queued_bytes = 0;
}

static void session_release(tf_session *session) {
  free_queue(session);
  tf_table_remove(&tf.sessions, session->slot);
  if (!session->in_ready) {
    tf_release(session);
  }
}

/* The session serves nobody any more; its source may start a new one. */
void tf_session_end(tf_session *session, int32_t status) {
  if (session->dead) {
    return;
  }
  session->dead = 1;
  session->status = status;
  tf_session **link = tf_session_bucket(&session->source);
  while (*link != session) {
    link = &(*link)->hash_next;
  }
  *link = session->hash_next;
  unlink_use(session);
  tf.sessions_alive--;
  tf_timer_disarm(&session->timer);
  if (session->owned) {
    session_signal(session, TF_EVENT_CLOSED);
  } else {
    session_release(session);
  }
}

void tf_session_expire(tf_session *session) {
  if (tf.now - session->last_active >= session->idle) {
    tf_session_end(session, TF_E_TIMEOUT);
  } else {
    session_schedule(session);
  }
}

static tf_session *session_new(const tf_endpoint *source) {
  tf_session *session = tf_alloc_payload(sizeof *session);
  if (session == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    return NULL;
  }
  memset(session, 0, sizeof *session);
  /* First, so that nobody makes room for one that doesn't come. */
  if (!tf_table_insert(&tf.sessions, session, &session->slot, &session->generation)) {
    tf_release(session);
    tf_drop_count(TF_DROP_SESSION_QUEUE);
    return NULL;
  }
  if (tf.sessions_alive >= tf.config.max_sessions && tf.oldest != NULL) {
    tf.stats.sessions_evicted++;
    tf_session_end(tf.oldest, TF_E_LIMIT);
  }
  session->source = *source;
  session->owned = 1;
  session->timer.is_session = 1;
  session->idle = tf.config.session_idle;
  session->last_active = tf.now;
  tf_session **bucket = tf_session_bucket(source);
  session->hash_next = *bucket;
  *bucket = session;
  link_newest(session);
  tf.sessions_alive++;
  session_schedule(session);
  tf.stats.sessions_opened++;
  session_signal(session, TF_EVENT_SESSION);
  return session;
}

/* lwIP's receive callback: queues a copy of the whole packet, so that an ICMP
 * error can quote it later. */
void tf_on_datagram(void *argument, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *address, u16_t port) {
  (void)argument;
  (void)pcb;
  (void)address;
  (void)port;
  const tf_parsed *parsed = tf.datagram;
  if (parsed == NULL) {
    pbuf_free(p);
    return;
  }
  tf_endpoint source;
  tf_to_endpoint(&source, parsed->key.source, parsed->key.source_port, parsed->key.family);
  tf_session *session = session_find(&source);
  if (session == NULL) {
    session = session_new(&source);
  }
  if (session != NULL) {
    session_used(session);
    uint32_t whole = parsed->length;
    uint32_t cost = (uint32_t)sizeof(tf_packet_datagram) + whole;
    tf_packet_datagram *datagram = NULL;
    if (session->queued >= tf.config.session_datagrams || session->queued_bytes + cost > tf.config.session_bytes) {
      tf_drop_count(TF_DROP_SESSION_QUEUE);
    } else if ((datagram = tf_alloc_payload(cost)) == NULL) {
      tf_drop_count(TF_DROP_MEMORY);
    } else {
      datagram->next = NULL;
      datagram->header = parsed->payload;
      datagram->allocated = cost;
      memcpy(datagram->bytes, parsed->ip, parsed->payload);
      pbuf_copy_partial(p, datagram->bytes + parsed->payload, p->tot_len, 0);
      tf_to_endpoint(&datagram->datagram.destination, parsed->key.destination, parsed->key.destination_port, parsed->key.family);
      datagram->datagram.length = p->tot_len;
      datagram->datagram.data = datagram->bytes + parsed->payload;
      *(session->tail != NULL ? &session->tail->next : &session->head) = datagram;
      session->tail = datagram;
      session->queued++;
      session->queued_bytes += cost;
      note_port(session, datagram->datagram.destination.port, 0);
      session_signal(session, TF_EVENT_READABLE);
    }
  }
  pbuf_free(p);
}

static void keep(struct pbuf *p) { (void)p; }

/* The pbuf lies on the stack: udp_input passes it on or frees it, and keeps nothing. */
int tf_input_datagram(const tf_parsed *parsed) {
  struct pbuf_custom custom;
  memset(&custom, 0, sizeof custom);
  custom.custom_free_function = keep;
  u16_t length = (u16_t)(parsed->length - parsed->transport);
  struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &custom, parsed->ip + parsed->transport, length);
  uint64_t dropped = tf.stats.drops[TF_DROP_SESSION_QUEUE] + tf.stats.drops[TF_DROP_MEMORY];
  tf.datagram = parsed;
  tf.udp->local_port = lwip_ntohs(parsed->key.destination_port);
  tf_set_ip_data(parsed->ip);
  udp_input(p, &tf.netif);
  tf.datagram = NULL;
  return dropped == tf.stats.drops[TF_DROP_SESSION_QUEUE] + tf.stats.drops[TF_DROP_MEMORY];
}

static int32_t op_session_get_source(uint64_t id, tf_endpoint *source) {
  tf_session *session = session_by_id(id);
  if (session == NULL) {
    return TF_E_STALE;
  }
  *source = session->source;
  return TF_OK;
}

static int32_t op_session_receive(uint64_t id, tf_datagram **datagrams, uint32_t max) {
  tf_session *session = session_by_id(id);
  if (session == NULL) {
    return TF_E_STALE;
  }
  uint32_t count = 0;
  while (count < max && session->head != NULL) {
    tf_packet_datagram *datagram = session->head;
    session->head = datagram->next;
    session->queued--;
    session->queued_bytes -= datagram->allocated;
    datagrams[count++] = &datagram->datagram;
  }
  if (session->head == NULL) {
    session->tail = NULL;
  }
  return (int32_t)count;
}

static void to_address(ip_addr_t *address, const tf_endpoint *endpoint) {
  memset(address, 0, sizeof *address);
  if (endpoint->family == 4) {
    memcpy(&ip_2_ip4(address)->addr, endpoint->address, 4);
    IP_SET_TYPE(address, IPADDR_TYPE_V4);
  } else {
    memcpy(ip_2_ip6(address)->addr, endpoint->address, 16);
    IP_SET_TYPE(address, IPADDR_TYPE_V6);
  }
}

static int32_t op_session_send(uint64_t now, uint64_t id, const tf_endpoint *source, const uint8_t *data, uint32_t length) {
  tf_advance(now);
  tf_session *session = session_by_id(id);
  if (session == NULL || session->dead) {
    return TF_E_STALE;
  }
  if (source->family != session->source.family || source->port == 0 || !tf_source_allowed(source->family, source->address)) {
    return TF_E_INVALID;
  }
  /* lwIP counts a packet in 16 bits, its IP header included. */
  if (length > (source->family == 4 ? TF_MAX_DATAGRAM : 65535u - 40 - 8)) {
    return TF_E_TOO_BIG;
  }
  if (tf.output_bytes + length > tf.config.output_bytes) {
    tf_drop_count(TF_DROP_OUTPUT_FULL);
    return TF_E_MEMORY;
  }
  session_used(session);
  note_port(session, source->port, 1);
  ip_addr_t from, to;
  to_address(&from, source);
  to_address(&to, &session->source);
  struct pbuf_custom custom;
  memset(&custom, 0, sizeof custom);
  custom.custom_free_function = keep;
  u16_t size = (u16_t)length;
  struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &custom, (void *)(uintptr_t)data, size);
  tf.udp->local_port = source->port;
  uint64_t dropped = tf.stats.drops[TF_DROP_OUTPUT_FULL] + tf.stats.drops[TF_DROP_MEMORY];
  err_t error = udp_sendto_if_src(tf.udp, p, &to, session->source.port, &tf.netif, &from);
  tf.assert_failed = 0;
  if (error == ERR_OK) {
    return TF_OK;
  }
  if (dropped == tf.stats.drops[TF_DROP_OUTPUT_FULL] + tf.stats.drops[TF_DROP_MEMORY]) {
    tf_drop_count(TF_DROP_MEMORY); /* lwIP's own, for its headers */
  }
  return TF_E_MEMORY;
}

static int32_t op_session_refuse(uint64_t now, uint64_t id, const tf_datagram *datagram, uint32_t refusal) {
  tf_advance(now);
  if (session_by_id(id) == NULL) {
    return TF_E_STALE;
  }
  if (refusal > TF_REFUSE_SILENT) {
    return TF_E_INVALID;
  }
  const tf_packet_datagram *packet = (const tf_packet_datagram *)datagram;
  return tf_send_unreachable(packet->bytes, packet->header + datagram->length, refusal);
}

static int32_t op_session_refuse_remote(uint64_t now, uint64_t id, const tf_endpoint *destination, uint32_t refusal) {
  tf_advance(now);
  tf_session *session = session_by_id(id);
  if (session == NULL) {
    return TF_E_STALE;
  }
  if (refusal > TF_REFUSE_SILENT || destination->family != session->source.family ||
      !tf_source_allowed(destination->family, destination->address)) {
    return TF_E_INVALID;
  }
  uint8_t packet[48] = {0};
  uint32_t header = destination->family == 4 ? 20 : 40;
  uint32_t size = destination->family == 4 ? 4 : 16;
  uint8_t *addresses = packet + (destination->family == 4 ? 12 : 8);
  memcpy(addresses, session->source.address, size);
  memcpy(addresses + size, destination->address, size);
  if (destination->family == 4) {
    packet[0] = 0x45;
    tf_put16(packet + 2, header + 8);
    packet[8] = UDP_TTL;
    packet[9] = IP_PROTO_UDP;
    uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, packet, header));
    memcpy(packet + 10, &sum, 2);
  } else {
    packet[0] = 0x60;
    tf_put16(packet + 4, 8);
    packet[6] = IP_PROTO_UDP;
    packet[7] = UDP_TTL;
  }
  tf_put16(packet + header, session->source.port);
  tf_put16(packet + header + 2, destination->port);
  tf_put16(packet + header + 4, 8);
  return tf_send_unreachable(packet, header + 8, refusal);
}

static int32_t op_session_set_idle(uint64_t now, uint64_t id, uint64_t idle) {
  tf_advance(now);
  tf_session *session = session_by_id(id);
  if (session == NULL) {
    return TF_E_STALE;
  }
  session->fixed_idle = 1;
  set_idle(session, idle);
  return TF_OK;
}

static int32_t op_session_close(uint64_t id) {
  tf_session *session = session_by_id(id);
  if (session == NULL) {
    return TF_E_STALE;
  }
  session->owned = 0;
  session->events = 0;
  if (session->dead) {
    session_release(session);
  } else {
    tf_session_end(session, TF_OK);
  }
  return TF_OK;
}
