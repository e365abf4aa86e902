/* SPDX-License-Identifier: Apache-2.0
 *
 * When a flow has waited long enough: for a dial, for the handshake, for its
 * last bytes, for any sign of life, in TIME_WAIT.
 */
#include "tf_internal.h"

/* From the last probe on, not from the last activity: after a suspend every
 * probe would be overdue, and the peer have no time to answer. */
static uint64_t next_probe(const tf_flow *flow) {
  return tf_after(flow->keepalives == 0 ? flow->last_active : flow->probed, tf.config.keepalive_interval);
}

static int half_closed(const tf_flow *flow) { return flow->fin_in || flow->fin_out; }

/* When a half-closed flow was last seen doing something. While bytes wait for
 * the peer its mere answers count: it reads slowly, and is alive. */
static uint64_t last_progress(const tf_flow *flow) {
  const struct tcp_pcb *pcb = flow->pcb;
  int waits = pcb != NULL && (pcb->unsent != NULL || pcb->unacked != NULL);
  return waits ? LWIP_MAX(flow->last_active, flow->last_byte) : flow->last_byte;
}

void tf_flow_schedule(tf_flow *flow) {
  uint64_t deadline = TF_NO_DEADLINE;
  switch (flow->state) {
    case TF_PENDING:
      deadline = tf_after(flow->since, tf.config.pending_timeout);
      break;
    case TF_HALF_OPEN:
      deadline = tf_after(flow->since, tf.config.half_open_timeout);
      break;
    case TF_WAITING:
      deadline = tf_after(flow->since, tf.config.time_wait);
      break;
    case TF_OPEN:
      if (!flow->owned) {
        deadline = tf_after(flow->since, flow->linger);
        break;
      }
      if (tf.config.idle_timeout != 0) {
        deadline = tf_after(flow->last_active, tf.config.idle_timeout);
      }
      if (half_closed(flow)) {
        uint64_t silent = tf_after(last_progress(flow), tf.config.half_closed_timeout);
        deadline = silent < deadline ? silent : deadline;
      }
      if (tf.config.keepalive_interval != 0) {
        uint64_t probe = next_probe(flow);
        deadline = probe < deadline ? probe : deadline;
      }
      break;
    default:
      break;
  }
  if (flow->state == TF_OPEN && flow->rto_at != 0 && flow->rto_at < deadline) {
    deadline = flow->rto_at;
  }
  if (deadline == TF_NO_DEADLINE) {
    tf_timer_disarm(&flow->timer);
  } else {
    tf_timer_arm(&flow->timer, deadline);
  }
}

#define TF_KEEPALIVE_PROBES 4

/* The flow's timer fired; activity may have moved the deadline since. */
void tf_flow_expire(tf_flow *flow) {
  uint64_t idle = tf.now - flow->last_active;
  uint64_t age = tf.now - flow->since;
  switch (flow->state) {
    case TF_PENDING:
      if (age >= tf.config.pending_timeout) {
        tf_flow_end(flow, TF_E_TIMEOUT);
        return;
      }
      break;
    case TF_HALF_OPEN:
      if (age >= tf.config.half_open_timeout) {
        tf_flow_reset(flow, TF_E_TIMEOUT);
        return;
      }
      break;
    case TF_WAITING:
      if (age >= tf.config.time_wait) {
        tf_flow_reset(flow, TF_OK);
        return;
      }
      break;
    case TF_OPEN:
      if (!flow->owned) {
        if (age >= flow->linger) {
          tf.stats.flows_half_closed += flow->drained;
          tf_flow_reset(flow, TF_E_ABORTED);
          return;
        }
      } else if (half_closed(flow) && tf.now - last_progress(flow) >= tf.config.half_closed_timeout) {
        tf.stats.flows_half_closed++;
        tf_flow_reset(flow, TF_E_TIMEOUT);
        return;
      } else if (tf.config.idle_timeout != 0 && idle >= tf.config.idle_timeout) {
        tf_flow_reset(flow, TF_E_TIMEOUT);
        return;
      } else if (tf.config.keepalive_interval != 0 && tf.now >= next_probe(flow)) {
        if (flow->keepalives == TF_KEEPALIVE_PROBES) {
          tf_flow_reset(flow, TF_E_TIMEOUT);
          return;
        }
        flow->keepalives++;
        flow->probed = tf.now;
        tf_flow_mount(flow);
        tcp_keepalive(flow->pcb);
        tf_flow_unmount();
      }
      break;
    default:
      return;
  }
  int lost = flow->state == TF_OPEN && flow->rto_at != 0 && tf.now >= flow->rto_at;
  if (lost) {
    flow->rto_at = 0;
  }
  tf_flow_schedule(flow);
  if (lost) {
    tf_recovery_timeout(flow);
  }
}
