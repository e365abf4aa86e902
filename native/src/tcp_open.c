/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections before they are open: a SYN is kept, the caller dials, and only
 * then lwIP is given the SYN (accept), or it is answered by RST or ICMP
 * (refuse). So the application's connect() tells the truth.
 *
 * While it waits: retransmissions of the SYN are dropped; a SYN with another
 * sequence number (the application gave up and tries again from the same port)
 * replaces the stored one; RST ends it; a timeout and caps bound it.
 */
#include "tf_internal.h"

#define SOURCE_BUCKETS 4096u

static uint32_t source_bucket(const tf_key *key) {
  return (uint32_t)tf_siphash(tf.key, key->source, sizeof key->source, 1, 3) % SOURCE_BUCKETS;
}

/* ---- lwIP's side of an accepted connection */

static void on_destroyed(u8_t id, void *data) {
  (void)id;
  tf_flow *flow = data;
#if !TF_UNCURE_SILENT_FREE
  if (flow != NULL) {
    flow->pcb = NULL;
  }
#else
  (void)flow;
#endif
}

static void on_error(void *argument, err_t error) {
  tf_flow *flow = argument;
#if TF_UNCURE_SILENT_FREE
  if (flow != NULL) {
    flow->pcb = NULL; /* what a binding that trusts err() would do */
  }
#endif
  if (flow == NULL || flow->status_set) {
    return;
  }
  flow->status_set = 1;
  flow->status = error == ERR_RST ? TF_E_RESET : error == ERR_CLSD ? TF_OK : TF_E_TIMEOUT;
  if (error == ERR_RST) {
    tf.stats.flows_reset_in++;
  }
}

/* Has the stored SYN an MSS option? Its options are valid: it passed the filter. */
static int offers_mss(const tf_flow *flow) {
  const uint8_t *tcp = flow->syn + (flow->key.family == 4 ? 20 : 40);
  const uint8_t *end = tcp + (tcp[12] >> 4) * 4;
  for (const uint8_t *option = tcp + 20; option < end && *option != 0; option += *option == 1 ? 1 : option[1]) {
    if (*option == 2) {
      return 1;
    }
  }
  return 0;
}

static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);

static const struct tcp_ext_arg_callbacks flow_callbacks = {on_destroyed, on_passive_open};

/* Runs after the SYN's options are parsed and before the SYN-ACK leaves. */
static err_t on_passive_open(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb) {
  (void)listener;
  tf_flow *flow = tf.accepting;
  if (flow == NULL) {
    return ERR_VAL;
  }
  flow->pcb = pcb;
  tcp_ext_arg_set(pcb, id, flow);
  tcp_ext_arg_set_callbacks(pcb, id, &flow_callbacks);
  tcp_arg(pcb, flow);
  tcp_recv(pcb, tf_on_receive);
  tcp_sent(pcb, tf_on_sent);
  tcp_err(pcb, on_error);
  tcp_nagle_disable(pcb);
  if (flow->key.family == 6 && !offers_mss(flow)) {
    pcb->mss = (u16_t)LWIP_MIN(1220u, tf.config.mtu - 60u); /* RFC 9293 3.7.1; lwIP assumes 536 for both */
  }
#if !TF_UNCURE_TINY_MSS
  if (pcb->mss < TF_MIN_MSS) {
    pcb->mss = TF_MIN_MSS;
  }
#endif
#if !TF_UNCURE_ZERO_WINDOW
  /* tcp_write() sizes segments by half the largest window seen, and by the MSS
   * while that is nothing. After a SYN without a window, a tiny one would make
   * the limit smaller than what is queued already: an assertion, and a 16-bit
   * underflow behind it. So the limit starts where it may only grow. */
  if (pcb->snd_wnd_max < 2) {
    pcb->snd_wnd_max = 2u * pcb->mss;
  }
#endif
  uint32_t most = (pcb->flags & TF_WND_SCALE) != 0 ? flow->window : LWIP_MIN(flow->window, 65535u);
  flow->window = most;
  /* lwIP re-opens the window by no less than the MSS: jumbo segments over a
   * small window would leave it closed for ever. */
  pcb->mss = (u16_t)LWIP_MIN(pcb->mss, most / 2);
  pcb->rcv_wnd = most;
  pcb->rcv_ann_wnd = most;
  pcb->rcv_ann_right_edge = pcb->rcv_nxt + most;
  return ERR_OK;
}

/* The third segment of the handshake arrived. */
static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
  (void)argument;
  if (error != ERR_OK || pcb == NULL) {
    return ERR_VAL;
  }
  tf_flow *flow = tcp_ext_arg_get(pcb, 0);
  flow->state = TF_OPEN;
  flow->opened = 1;
  flow->since = tf.now;
  flow->quick_acks = 16;
  tf_half_open_remove(flow);
  tf_source_prove(&flow->key);
  tf.stats.flows_opened++;
  tf_flow_signal(flow, TF_EVENT_OPEN);
  tf_flow_schedule(flow);
  return ERR_OK;
}

/* The one listening control block: of any address, its port written before a
 * SYN is given to it, and on no list in between. */
void tf_tcp_setup(void) {
  struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == NULL) {
    return;
  }
  tcp_bind_netif(pcb, &tf.netif);
  tcp_bind(pcb, IP_ANY_TYPE, 1);
  struct tcp_pcb *listener = tcp_listen(pcb);
  if (listener == NULL) {
    tcp_abort(pcb);
    return;
  }
  tcp_ext_arg_set_callbacks(listener, 0, &flow_callbacks);
  tcp_accept(listener, on_accept);
  tf.listener = (struct tcp_pcb_listen *)listener;
  tcp_listen_pcbs.listen_pcbs = NULL;
  tcp_bound_pcbs = NULL;
}

void tf_tcp_teardown(void) {
  if (tf.listener != NULL) {
    tcp_listen_pcbs.listen_pcbs = tf.listener;
    tcp_close((struct tcp_pcb *)tf.listener);
    tcp_listen_pcbs.listen_pcbs = NULL;
    tf.listener = NULL;
  }
}

/* ---- pending */

/* Keeps the IP and TCP headers as they came, so that an ICMP error quotes them;
 * data on a SYN is never acknowledged, so the application sends it again
 * (RFC 9293 3.10.7.2). */
static int store_syn(tf_flow *flow, const tf_parsed *parsed) {
  uint32_t length = parsed->payload;
  uint8_t *copy = tf_alloc(length);
  if (copy == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    return 0;
  }
  memcpy(copy, parsed->ip, length);
  tf_release(flow->syn);
  flow->syn = copy;
  flow->syn_length = length;
  flow->syn_sequence = tf_get32(copy + parsed->transport + 4);
  tf_put32(copy + parsed->transport + 8, 0); /* no ACK: lwIP would take a RST's number from here */
  return 1;
}

int tf_pending_open(const tf_parsed *parsed) {
  uint32_t bucket = source_bucket(&parsed->key);
#if !TF_UNCURE_PENDING_CAP
  if (tf.stats.flows_pending >= tf.config.max_pending || tf.source_counts[bucket] >= tf.config.max_pending_source) {
    tf_drop_count(TF_DROP_PENDING_LIMIT);
    return 0;
  }
#endif
  int proven = tf_source_proven(&parsed->key);
  if (!proven && !tf_unproven_admitted()) {
    tf_drop_count(TF_DROP_PENDING_LIMIT);
    return 0;
  }
  tf_flow *flow = tf_flow_new(&parsed->key);
  if (flow == NULL) {
    return 0;
  }
  flow->state = TF_PENDING;
  flow->source_bucket = bucket;
  tf.stats.flows_pending++;
  tf.source_counts[bucket]++;
  flow->proven = (uint8_t)proven;
  tf.pending_unproven += !proven;
  if (!store_syn(flow, parsed)) {
    flow->owned = 0;
    tf_flow_end(flow, TF_E_MEMORY);
    return 0;
  }
  tf_flow_signal(flow, TF_EVENT_CONNECT);
  tf_flow_schedule(flow);
  return 1;
}

/* Leaves the pending state, whatever comes next. */
void tf_pending_forget(tf_flow *flow) {
  tf_release(flow->syn);
  flow->syn = NULL;
  tf.stats.flows_pending--;
  tf.source_counts[flow->source_bucket]--;
  tf.pending_unproven -= !flow->proven;
}

/* A segment for a flow whose SYN still waits. */
void tf_pending_arrival(tf_flow *flow, const tf_parsed *parsed) {
  uint32_t sequence = tf_get32(parsed->ip + parsed->transport + 4);
  if ((parsed->tcp_flags & TCP_RST) != 0) {
    if (sequence == flow->syn_sequence + 1) {
      tf.stats.flows_reset_in++;
      flow->status_set = 1;
      tf_flow_end(flow, TF_E_RESET);
    }
    return;
  }
  if ((parsed->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && sequence != flow->syn_sequence) {
    store_syn(flow, parsed);
  }
}

/* Gives lwIP a segment of which `segment` starts at the TCP header. */
void tf_inject_tcp(uint8_t *ip, uint32_t transport, struct pbuf *segment) {
  tf_set_ip_data(ip);
  ip_data.current_ip_header_tot_len = (u16_t)transport;
  tcp_input(segment, &tf.netif);
}

/* With the listener mounted lwIP answers SYN-ACK; with nothing mounted, RST. */
int tf_inject_syn(tf_flow *flow) {
  uint32_t transport = flow->key.family == 4 ? 20 : 40;
  struct pbuf *segment = tf_rx_alloc(flow->syn + transport, flow->syn_length - transport, NULL, NULL);
  if (segment == NULL) {
    return 0;
  }
  tf_inject_tcp(flow->syn, transport, segment);
  return 1;
}

static int32_t op_flow_accept(uint64_t now, uint64_t id) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->state != TF_PENDING) {
    return TF_E_STATE;
  }
  tf_half_open_make_room();
  /* The window follows the budget: what is left, shared by eight, but never
   * less than a sender needs to make progress. */
  uint64_t used = atomic_load_explicit(&tf_common_budgets[tf.index].used, memory_order_relaxed);
  uint64_t share = used < tf.config.max_bytes ? (tf.config.max_bytes - used) / 8 : 0;
  flow->window = tf.config.receive_window;
  if (flow->window > share) {
    flow->window = share < 16384 ? 16384 : (uint32_t)share;
  }
  tf.accepting = flow;
  tf.listener->local_port = lwip_ntohs(flow->key.destination_port);
  tcp_listen_pcbs.listen_pcbs = tf.listener;
  tf.netif.mtu = (u16_t)tf.config.mtu; /* for the MSS, here and in tf_note_output; no segment is ever fragmented */
  tf_inject_syn(flow);
  tf.netif.mtu = 65535;
  tcp_listen_pcbs.listen_pcbs = NULL;
  tf_flow_unmount();
  tf.accepting = NULL;
  if (flow->pcb == NULL) {
    tf.assert_failed = 0;
    flow->status = TF_OK; /* on_error() heard of the control block that was given up */
    flow->status_set = 0;
    return TF_E_MEMORY;
  }
  tf_pending_forget(flow);
  flow->state = TF_HALF_OPEN;
  flow->since = flow->last_active = tf.now;
  tf_half_open_add(flow);
  tf_flow_schedule(flow);
  tf_flow_settle(flow);
  return TF_OK;
}

static int32_t op_flow_refuse(uint64_t now, uint64_t id, uint32_t refusal) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->state != TF_PENDING) {
    return TF_E_STATE;
  }
  if (refusal > TF_REFUSE_SILENT) {
    return TF_E_INVALID;
  }
  if (refusal == TF_REFUSE_RESET) {
    tf_inject_syn(flow);
  } else if (refusal != TF_REFUSE_SILENT) {
    tf_send_unreachable(flow->syn, flow->syn_length, refusal);
  }
  tf.stats.flows_refused++;
  flow->owned = 0;
  flow->events = 0;
  tf_flow_end(flow, TF_E_ABORTED);
  return TF_OK;
}
