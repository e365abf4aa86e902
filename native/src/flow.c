/* SPDX-License-Identifier: Apache-2.0
 *
 * Flows: slots, the hash in front of lwIP's lists, mounting, and what has to
 * happen after each visit to lwIP.
 */
#include "tf_internal.h"

/* Where the chain of a key's bucket starts. */
tf_flow **tf_flow_bucket(const tf_key *key) {
  return &tf.flow_hash[(uint32_t)tf_siphash(tf.key, key, sizeof *key, 1, 3) & tf.flow_hash_mask];
}

tf_flow *tf_flow_find(const tf_key *key) {
  tf_flow *flow = *tf_flow_bucket(key);
  while (flow != NULL && memcmp(&flow->key, key, sizeof *key) != 0) {
    flow = flow->hash_next;
  }
  return flow;
}

tf_flow *tf_flow_by_id(uint64_t id) {
  tf_flow *flow = (id & TF_SESSION_BIT) != 0 ? NULL : tf_table_find(&tf.flows, id);
  return flow != NULL && flow->owned ? flow : NULL;
}

tf_flow *tf_flow_new(const tf_key *key) {
  tf_flow *flow = tf_alloc_zero(sizeof *flow);
  if (flow == NULL) {
    tf_drop_count(TF_DROP_MEMORY);
    return NULL;
  }
  if (!tf_table_insert(&tf.flows, flow, &flow->slot, &flow->generation)) {
    tf_release(flow);
    tf_drop_count(TF_DROP_FLOW_LIMIT);
    return NULL;
  }
  flow->key = *key;
  flow->owned = 1;
  flow->since = flow->last_active = flow->last_byte = tf.now;
  tf_flow **bucket = tf_flow_bucket(key);
  flow->hash_next = *bucket;
  *bucket = flow;
  flow->in_hash = 1;
  return flow;
}

void tf_flow_unhash(tf_flow *flow) {
  if (!flow->in_hash) {
    return;
  }
  tf_flow **link = tf_flow_bucket(&flow->key);
  while (*link != flow) {
    link = &(*link)->hash_next;
  }
  *link = flow->hash_next;
  flow->in_hash = 0;
}

void tf_flow_signal(tf_flow *flow, uint32_t events) {
  if (!flow->owned) {
    return;
  }
  flow->events |= events;
  if (!flow->in_ready) {
    flow->in_ready = 1;
    flow->ready_next = NULL;
    if (tf.ready_flow_tail != NULL) {
      tf.ready_flow_tail->ready_next = flow;
    } else {
      tf.ready_flow_head = flow;
    }
    tf.ready_flow_tail = flow;
  }
}

/* The struct goes when no list of the stack holds it any more. */
static void flow_release(tf_flow *flow) {
  if (flow->state == TF_DEAD && !flow->owned && !flow->in_ready && !flow->in_acks && !flow->blocked) {
    tf_release(flow);
  }
}

static void flow_free(tf_flow *flow) {
  tf_receive_free(flow);
  tf_table_remove(&tf.flows, flow->slot);
  flow_release(flow);
}

void tf_flow_mount(tf_flow *flow) {
  flow->pcb->next = NULL;
  if (flow->pcb->state == TIME_WAIT) {
    tcp_tw_pcbs = flow->pcb;
  } else {
    tcp_active_pcbs = flow->pcb;
  }
  tf.assert_failed = 0; /* what failed from here on is this flow's */
}

void tf_flow_unmount(void) {
  tcp_active_pcbs = NULL;
  tcp_tw_pcbs = NULL;
}

void tf_flow_set_busy(tf_flow *flow, int busy) {
  if (flow->busy == busy) {
    return;
  }
  flow->busy = (uint8_t)busy;
  if (busy) {
    flow->busy_link.previous = NULL;
    flow->busy_link.next = tf.busy.next;
    if (tf.busy.next != NULL) {
      tf.busy.next->busy_link.previous = flow;
    } else {
      tf.busy.previous = flow;
      tf.next_tick = tf.now + TF_TICK;
    }
    tf.busy.next = flow;
    return;
  }
  tf_link *link = &flow->busy_link;
  *(link->previous != NULL ? &link->previous->busy_link.next : &tf.busy.next) = link->next;
  *(link->next != NULL ? &link->next->busy_link.previous : &tf.busy.previous) = link->previous;
  if (tf.busy.next == NULL) {
    tf.next_tick = TF_NO_DEADLINE;
  }
}

/* Is there anything for lwIP's timers to do? FIN_WAIT_2 has the shim's own
 * deadline, and no idle flow is ever busy. */
static int needs_ticks(const tf_flow *flow) {
  const struct tcp_pcb *pcb = flow->pcb;
  return pcb->unsent != NULL || pcb->unacked != NULL || pcb->ooseq != NULL || pcb->refused_data != NULL ||
         pcb->persist_backoff != 0 || flow->retry ||
         (pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND | TF_NAGLEMEMERR)) != 0 ||
         pcb->state == SYN_RCVD || pcb->state == FIN_WAIT_1 || pcb->state == CLOSING || pcb->state == LAST_ACK;
}

/* The control block is gone: nothing happens to this flow any more. */
void tf_flow_end(tf_flow *flow, int32_t status) {
  if (flow->state == TF_DEAD) {
    return;
  }
  int told = flow->state == TF_WAITING; /* TIME_WAIT was reported as the end */
  if (flow->state == TF_PENDING) {
    tf_pending_forget(flow);
  } else if (flow->state == TF_HALF_OPEN) {
    tf_half_open_remove(flow);
  } else if (flow->state == TF_WAITING) {
    tf.stats.flows_time_wait--;
  }
  flow->state = TF_DEAD;
  flow->status = status;
  tf_flow_unhash(flow);
  tf_flow_set_busy(flow, 0);
  tf_timer_disarm(&flow->timer);
  tf_send_free(flow);
  if (tf.output_tail != NULL && tf.output_tail->flow == flow) {
    tf.output_tail->flow = NULL; /* the address may become another flow's */
  }
  if (!flow->owned) {
    flow_free(flow);
    return;
  }
  if (told) {
    return;
  }
  tf_flow_signal(flow, TF_EVENT_CLOSED | (status == TF_OK && flow->fin_out && !flow->drained ? TF_EVENT_DRAINED : 0u));
}

static void enter_time_wait(tf_flow *flow) {
  flow->state = TF_WAITING;
  flow->since = tf.now;
  tf.stats.flows_time_wait++;
  tf_flow_set_busy(flow, 0);
  tf_send_free(flow);
  if (!flow->drained && flow->fin_out) {
    flow->drained = 1;
    tf_flow_signal(flow, TF_EVENT_DRAINED);
  }
  tf_flow_signal(flow, TF_EVENT_CLOSED);
  tf_flow_schedule(flow);
}

/* Call after every visit to lwIP on behalf of `flow`; it may free the flow. */
void tf_flow_settle(tf_flow *flow) {
  if (tf.assert_failed) {
    tf.assert_failed = 0;
    tf_flow_reset(flow, TF_E_ABORTED);
    return;
  }
  struct tcp_pcb *pcb = flow->pcb;
  if (pcb == NULL) {
    tf_flow_end(flow, flow->status);
    return;
  }
  if (pcb->state == TIME_WAIT) {
    if (flow->state != TF_WAITING) {
      enter_time_wait(flow);
    }
    return;
  }
  if (flow->discarded != 0) {
    uint32_t length = flow->discarded;
    flow->discarded = 0;
    tf_open_window(flow, length);
    if (flow->pcb == NULL) {
      tf_flow_end(flow, flow->status);
      return;
    }
  }
  if (flow->acked) {
    tf_send_settle(flow);
  }
  if ((pcb->flags & (TF_ACK_DELAY | TF_ACK_NOW)) == 0) {
    flow->unacknowledged = 0;
  }
  if (flow->retry) {
    flow->retry = 0;
    tf_flow_signal(flow, TF_EVENT_WRITABLE);
  }
  if (flow->fin_out && !flow->drained && pcb->unsent == NULL && pcb->unacked == NULL && (pcb->flags & TF_CLOSEPEND) == 0) {
    flow->drained = 1;
    tf_flow_signal(flow, TF_EVENT_DRAINED);
    if (!flow->owned) {
      /* Everything is delivered; now only the peer's FIN is waited for. */
      flow->since = tf.now;
      flow->linger = tf.config.half_closed_timeout;
      tf_flow_schedule(flow);
    }
  }
#if !TF_UNCURE_KEEP_ORDER
  tf_recovery_keep_order(flow);
#endif
  tf_flow_set_busy(flow, needs_ticks(flow));
  tf_recovery_arm(flow);
}

/* RST to the peer (nothing in TIME_WAIT) and the end of the control block. */
void tf_flow_reset(tf_flow *flow, int32_t status) {
  if (!flow->status_set) {
    flow->status = status;
    flow->status_set = 1;
  }
  if (flow->pcb != NULL) {
    if (flow->pcb->state != TIME_WAIT) {
      tf.stats.flows_reset_out++;
    }
    tf_flow_mount(flow);
    tcp_abort(flow->pcb);
    tf_flow_unmount();
    tf.assert_failed = 0;
  }
  tf_flow_end(flow, flow->status);
}
