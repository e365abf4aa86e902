/* SPDX-License-Identifier: Apache-2.0
 *
 * One stack: its birth, its clock and its end. lwIP itself is initialised once
 * per process and copy; what a stack adds is taken away again when it ends.
 */
#include "tf_internal.h"

struct tf_globals tf;

static err_t init_netif(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'f';
  netif->mtu = 65535; /* nothing is ever cut by lwIP (see output.c); op_flow_accept lowers it */
  netif->output = tf_netif_output4;
  netif->output_ip6 = tf_netif_output6;
  netif->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP; /* no broadcast: see the filter */
  return ERR_OK;
}

static void init_lwip(void) {
  if (tf.lwip_ready) {
    return;
  }
  lwip_init();
  tcp_ext_arg_alloc_id(); /* 0 */
  ip4_addr_t address, mask, gateway;
  IP4_ADDR(&address, 192, 0, 2, 1);
  IP4_ADDR(&mask, 255, 255, 255, 255);
  IP4_ADDR(&gateway, 0, 0, 0, 0);
  netif_add(&tf.netif, &address, &mask, &gateway, NULL, init_netif, ip_input);
  netif_set_default(&tf.netif);
  /* Preferred by decree: duplicate detection would have to send. */
  tf.netif.ip6_addr_state[0] = IP6_ADDR_PREFERRED;
  tf.lwip_ready = 1;
}

static int setup_pcbs(void) {
  tf_tcp_setup();
  tf.udp = udp_new_ip_type(IPADDR_TYPE_ANY);
  if (tf.listener == NULL || tf.udp == NULL) {
    return 0;
  }
  udp_bind(tf.udp, IP_ANY_TYPE, 1);
  udp_recv(tf.udp, tf_on_datagram, NULL);
  static const u8_t protocols[] = {IP_PROTO_TCP, IP_PROTO_UDP, IP_PROTO_ICMP, IP6_NEXTH_ICMP6};
  for (uint32_t i = 0; i < sizeof protocols; i++) {
    tf.raw[i] = raw_new_ip_type(IPADDR_TYPE_ANY, protocols[i]);
    if (tf.raw[i] == NULL) {
      return 0;
    }
    raw_recv(tf.raw[i], tf_on_raw, NULL);
  }
  return 1;
}

static uint32_t power_of_two(uint32_t least) {
  uint32_t size = 16;
  while (size < least) {
    size *= 2;
  }
  return size;
}

static int setup_tables(void) {
  uint32_t flows = power_of_two(tf.config.max_flows);
  uint32_t sessions = power_of_two(tf.config.max_sessions);
  /* Dead but not yet closed sessions hold slots beside the living. */
  uint32_t session_slots = tf.config.max_sessions * 2 + 64;
  tf.flow_hash = tf_alloc_zero(sizeof(tf_flow *) * flows);
  tf.session_hash = tf_alloc_zero(sizeof(tf_session *) * sessions);
  tf.source_counts = tf_alloc_zero(sizeof(uint16_t) * 4096);
  tf.heap = tf_alloc_zero(sizeof(tf_timer *) * ((size_t)tf.config.max_flows + session_slots));
  tf.flow_hash_mask = flows - 1;
  tf.session_hash_mask = sessions - 1;
  return tf.flow_hash != NULL && tf.session_hash != NULL && tf.source_counts != NULL && tf.heap != NULL && tf_syn_guard_setup() &&
         tf_table_init(&tf.flows, tf.config.max_flows) && tf_table_init(&tf.sessions, session_slots);
}

static void destroy_flows(void) {
  for (uint32_t i = 0; i < tf.flows.high; i++) {
    tf_flow *flow = tf.flows.slots[i].item;
    if (flow == NULL) {
      continue;
    }
    flow->in_ready = flow->in_acks = flow->blocked = 0;
    flow->owned = 0;
    if (flow->state == TF_DEAD) {
      flow_free(flow);
    } else {
      tf_flow_reset(flow, TF_E_ABORTED);
    }
  }
  /* Freed ones may still stand on the ready list. */
}

static void drop_ready_lists(void) {
  while (tf.ready_flow_head != NULL) {
    tf_flow *flow = tf.ready_flow_head;
    tf.ready_flow_head = flow->ready_next;
    flow->in_ready = 0;
    flow_release(flow);
  }
  tf.ready_flow_tail = NULL;
  while (tf.ready_session_head != NULL) {
    tf_session *session = tf.ready_session_head;
    tf.ready_session_head = session->ready_next;
    session->in_ready = 0;
    if (!session->owned) {
      tf_release(session);
    }
  }
  tf.ready_session_tail = NULL;
}

static int32_t op_destroy(void) {
  drop_ready_lists();
  while (tf.blocked != NULL) {
    tf_flow *flow = tf.blocked;
    tf.blocked = flow->blocked_next;
    flow->blocked = 0;
    flow_release(flow);
  }
  if (tf.flows.slots != NULL) {
    destroy_flows();
  }
  for (uint32_t i = 0; tf.sessions.slots != NULL && i < tf.sessions.high; i++) {
    tf_session *session = tf.sessions.slots[i].item;
    if (session != NULL) {
      session->owned = 0;
      if (session->dead) {
        session_release(session);
      } else {
        tf_session_end(session, TF_E_ABORTED);
      }
    }
  }
  tf_reassembly_flush();
  tf_tcp_teardown();
  if (tf.udp != NULL) {
    udp_remove(tf.udp);
  }
  for (uint32_t i = 0; i < sizeof tf.raw / sizeof tf.raw[0]; i++) {
    if (tf.raw[i] != NULL) {
      raw_remove(tf.raw[i]);
    }
  }
  tf_echo_clear();
  tf_output_clear();
  tf_table_free(&tf.flows);
  tf_table_free(&tf.sessions);
  tf_release(tf.flow_hash);
  tf_release(tf.session_hash);
  tf_release(tf.source_counts);
  tf_release(tf.proven);
  tf_release(tf.heap);
  int ready = tf.lwip_ready;
  struct netif netif = tf.netif;
  memset(&tf, 0, sizeof tf);
  tf.lwip_ready = ready;
  tf.netif = netif; /* the same place: lwIP keeps a pointer to it */
  return TF_OK;
}

static int32_t op_create(uint32_t index, const tf_config *config, uint64_t now) {
  tf.index = index;
  tf.config = *config;
  tf.now = now;
  memcpy(tf.key, config->secret, sizeof tf.key);
  tf_timers_reset();
  init_lwip();
  if (!setup_tables() || !setup_pcbs()) {
    op_destroy();
    return TF_E_MEMORY;
  }
  tf.icmp_bucket.tokens = tf.challenge_bucket.tokens = (uint64_t)config->icmp_per_second * 1000000u;
  tf.icmp_bucket.refilled = tf.challenge_bucket.refilled = now;
  return TF_OK;
}

/* An RST's packet, and its entry in the output queue. */
#define TF_FAREWELL_BYTES 2048

static int32_t op_abort_all(uint64_t now) {
  tf_advance(now);
  /* A stack whose queue and budget are spent still says goodbye: at most one
   * packet for every flow. */
  tf_budget *budget = &tf_common_budgets[tf.index];
  uint64_t room = (uint64_t)tf.flows.count * TF_FAREWELL_BYTES;
  atomic_fetch_add(&budget->limit, room);
  tf.farewell = 1;
  for (uint32_t i = 0; i < tf.flows.high; i++) {
    tf_flow *flow = tf.flows.slots[i].item;
    if (flow == NULL || flow->state == TF_DEAD) {
      continue;
    }
    if (flow->state == TF_PENDING) {
      tf_inject_syn(flow);
      tf.stats.flows_refused++;
    }
    tf_flow_reset(flow, TF_E_ABORTED);
  }
  tf.farewell = 0;
  atomic_fetch_sub(&budget->limit, room);
  for (uint32_t i = 0; i < tf.sessions.high; i++) {
    tf_session *session = tf.sessions.slots[i].item;
    if (session != NULL) {
      tf_session_end(session, TF_E_ABORTED);
    }
  }
  return TF_OK;
}

static int32_t op_set_mtu(uint32_t mtu) {
  if (mtu < 576 || mtu > 65535) {
    return TF_E_INVALID;
  }
  tf.config.mtu = mtu;
  if (tf.output_tail != NULL) {
    tf.output_tail->flow = NULL; /* a super-packet of larger segments doesn't grow any further */
  }
  return TF_OK;
}

static uint64_t op_deadline(void) { return tf_deadline(); }

static int32_t op_tick(uint64_t now) {
  tf_advance(now);
  tf_run_timers(tf.now);
  return TF_OK;
}

static int32_t op_get_stats(tf_stats *stats) {
  const tf_budget *budget = &tf_common_budgets[tf.index];
  *stats = tf.stats;
  stats->native_bytes = atomic_load(&budget->used);
  stats->native_bytes_peak = atomic_load(&budget->peak);
  stats->allocation_failures = atomic_load(&budget->failures);
  stats->flows = tf.flows.count;
  stats->sessions = tf.sessions.count;
  stats->output_entries = tf.output_entries;
  return TF_OK;
}
