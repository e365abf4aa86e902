/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at the packets of a batch before their turn. With tens of thousands of
 * flows each packet's flow has to come from memory, line after line; asked for
 * a few packets early, most of it is there in time. Nothing here decides
 * anything: a packet that is not what it seems costs a prefetch.
 */
#include "tf_internal.h"

/* Below this everything stays in the caches. The tests' build takes every packet through here. */
#if TF_TEST_HOOKS
#define LEAST_FLOWS 1u
#else
#define LEAST_FLOWS 512u
#endif
#define LINE 64u

typedef struct ahead_entry {
  tf_flow **flow;       /* where the chain of its bucket starts; NULL = not TCP */
  tf_session **session; /* the same for UDP */
} ahead_entry;

static void prefetch(const void *memory, size_t size) {
  for (size_t at = 0; at < size; at += LINE) {
    __builtin_prefetch((const uint8_t *)memory + at, 1);
  }
}

/* The key as the filter will make it, for what has no options in front of its ports. */
static ahead_entry look_up(const tf_packet *packet) {
  ahead_entry entry = {NULL, NULL};
  const uint8_t *ip = packet->data;
  uint32_t header = packet->length >= 28 && ip[0] == 0x45 ? 20 : packet->length >= 48 && (ip[0] >> 4) == 6 ? 40 : 0;
  if (header == 0) {
    return entry;
  }
  uint8_t protocol = header == 20 ? ip[9] : ip[6];
  uint32_t size = header == 20 ? 4 : 16;
  const uint8_t *source = ip + header - 2 * size;
  if (protocol == IP_PROTO_TCP) {
    tf_key key;
    memset(&key, 0, sizeof key);
    memcpy(key.source, source, size);
    memcpy(key.destination, source + size, size);
    memcpy(&key.source_port, ip + header, 2);
    memcpy(&key.destination_port, ip + header + 2, 2);
    key.family = ip[0] >> 4;
    entry.flow = tf_flow_bucket(&key);
    __builtin_prefetch(entry.flow);
  } else if (protocol == IP_PROTO_UDP) {
    uint8_t address[16] = {0};
    uint16_t port;
    tf_endpoint endpoint;
    memcpy(address, source, size);
    memcpy(&port, ip + header, 2);
    tf_to_endpoint(&endpoint, address, port, ip[0] >> 4);
    entry.session = tf_session_bucket(&endpoint);
    __builtin_prefetch(entry.session);
  }
  return entry;
}

static void fetch_first(const ahead_entry *entry) {
  if (entry->flow != NULL && *entry->flow != NULL) {
    prefetch(*entry->flow, sizeof **entry->flow);
  } else if (entry->session != NULL && *entry->session != NULL) {
    prefetch(*entry->session, sizeof **entry->session);
  }
}

static void fetch_second(const ahead_entry *entry) {
  if (entry->flow != NULL && *entry->flow != NULL && (*entry->flow)->pcb != NULL) {
    prefetch((*entry->flow)->pcb, sizeof(struct tcp_pcb));
  } else if (entry->session != NULL && *entry->session != NULL) {
    /* Its neighbours in the order of use, which it leaves. */
    tf_session *session = *entry->session;
    if (session->older != NULL) {
      __builtin_prefetch(&session->older->newer, 1);
    }
    if (session->newer != NULL) {
      __builtin_prefetch(&session->newer->older, 1);
    }
  }
}

void tf_ahead_begin(tf_ahead *ahead, const tf_packet *packets, uint32_t count) {
  ahead->packets = packets;
  ahead->count = count > 1 && tf.flows.count + tf.sessions_alive >= LEAST_FLOWS ? count : 0;
  ahead->next = 0;
}

/* Called before packet `index` is handled: three steps, each some packets ahead of the next. */
void tf_ahead_step(tf_ahead *ahead, uint32_t index) {
  if (ahead->count == 0) {
    return;
  }
  static const uint32_t steps = TF_AHEAD / 3;
  /* The first call fills the pipe. */
  for (uint32_t stop = index + TF_AHEAD; ahead->next <= stop; ahead->next++) {
    uint32_t at = ahead->next;
    if (at < ahead->count) {
      ahead_entry found = look_up(&ahead->packets[at]);
      ahead->flows[at % TF_AHEAD] = found.flow;
      ahead->sessions[at % TF_AHEAD] = found.session;
    }
    if (at >= steps && at - steps < ahead->count) {
      uint32_t ring = (at - steps) % TF_AHEAD;
      fetch_first(&(ahead_entry){ahead->flows[ring], ahead->sessions[ring]});
    }
    if (at >= 2 * steps && at - 2 * steps < ahead->count) {
      uint32_t ring = (at - 2 * steps) % TF_AHEAD;
      fetch_second(&(ahead_entry){ahead->flows[ring], ahead->sessions[ring]});
    }
  }
}
