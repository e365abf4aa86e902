/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on any flow, whatever its state, and the events of flows and
 * sessions.
 */
#include "tf_internal.h"

static int32_t op_events(tf_event *events, uint32_t max) {
  uint32_t count = 0;
  if (tf.echo_told == TF_ECHO_DUE && max != 0) {
    tf.echo_told = TF_ECHO_TOLD;
    events[count++] = (tf_event){0, TF_EVENT_ECHO, TF_OK};
  }
  while (count < max && tf.ready_flow_head != NULL) {
    tf_flow *flow = tf.ready_flow_head;
    tf.ready_flow_head = flow->ready_next;
    if (tf.ready_flow_head == NULL) {
      tf.ready_flow_tail = NULL;
    }
    flow->in_ready = 0;
    if (!flow->owned) {
      flow_release(flow);
      continue;
    }
    if (flow->events != 0) {
      events[count++] = (tf_event){tf_make_id(flow->slot, flow->generation, 0), flow->events, flow->status};
      flow->events = 0;
    }
  }
  while (count < max && tf.ready_session_head != NULL) {
    tf_session *session = tf.ready_session_head;
    tf.ready_session_head = session->ready_next;
    if (tf.ready_session_head == NULL) {
      tf.ready_session_tail = NULL;
    }
    session->in_ready = 0;
    if (!session->owned) {
      tf_release(session);
      continue;
    }
    events[count++] = (tf_event){tf_make_id(session->slot, session->generation, 1), session->events, session->status};
    session->events = 0;
  }
  return (int32_t)count;
}

static int32_t op_flow_get_details(uint64_t id, tf_flow_details *details) {
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  memset(details, 0, sizeof *details);
  tf_to_endpoint(&details->source, flow->key.source, flow->key.source_port, flow->key.family);
  tf_to_endpoint(&details->destination, flow->key.destination, flow->key.destination_port, flow->key.family);
  details->receive_queue = flow->receive_queue;
  details->native_bytes = (uint32_t)tf_common_size(flow) + flow->receive_bytes + tf_send_bytes(flow);
  if (flow->syn != NULL) {
    details->native_bytes += (uint32_t)tf_common_size(flow->syn);
  }
  if (flow->pcb != NULL) {
    details->native_bytes += (uint32_t)sizeof *flow->pcb;
    details->mss = flow->pcb->mss;
    details->send_queue = flow->pcb->snd_lbb - flow->pcb->lastack;
  }
  return TF_OK;
}

static int32_t op_flow_abort(uint64_t now, uint64_t id) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->state == TF_PENDING) {
    tf_inject_syn(flow);
  }
  if (flow->state != TF_DEAD) {
    tf_flow_reset(flow, TF_E_ABORTED);
  }
  return TF_OK;
}

static int32_t op_flow_close(uint64_t now, uint64_t id, uint64_t linger) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->state == TF_PENDING || flow->state == TF_HALF_OPEN) {
    op_flow_abort(now, id);
  } else if (flow->state == TF_OPEN && flow->receive_queue != 0 && !flow->discard) {
    /* RFC 1122 4.2.2.13: bytes that nobody will read are answered by RST. */
    tf_flow_reset(flow, TF_E_ABORTED);
  }
  flow->owned = 0;
  flow->events = 0;
  if (flow->state == TF_DEAD) {
    flow_free(flow);
    return TF_OK;
  }
  tf_receive_free(flow);
  if (flow->state == TF_WAITING) {
    return TF_OK;
  }
  flow->since = tf.now;
  flow->linger = flow->drained ? tf.config.half_closed_timeout : linger;
  tf_flow_mount(flow);
  /* Not tcp_close(): it compares the window with its compile-time size to see
   * whether everything was read, and would reset every flow with a smaller one. */
#if !TF_UNCURE_CLOSE
  tcp_shutdown(flow->pcb, 1, 0);
  if (!flow->fin_out) {
    flow->fin_out = 1;
    tcp_shutdown(flow->pcb, 0, 1);
  }
#else
  flow->fin_out = 1;
  tcp_close(flow->pcb);
#endif
  tf_flow_unmount();
  tf_flow_schedule(flow);
  tf_flow_settle(flow);
  return TF_OK;
}
