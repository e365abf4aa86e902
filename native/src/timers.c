/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines: a binary heap of flows and sessions. Activity does not move an
 * entry; when its deadline comes, the owner looks at the time of last activity
 * and re-arms for the rest. So traffic costs nothing here, the next deadline
 * is exact, and an idle stack has none.
 */
#include "tf_internal.h"

static void place(uint32_t index, tf_timer *timer) {
  tf.heap[index] = timer;
  timer->position = index + 1;
}

static void sift_up(uint32_t index) {
  tf_timer *timer = tf.heap[index];
  while (index > 0) {
    uint32_t parent = (index - 1) / 2;
    if (tf.heap[parent]->deadline <= timer->deadline) {
      break;
    }
    place(index, tf.heap[parent]);
    index = parent;
  }
  place(index, timer);
}

static void sift_down(uint32_t index) {
  tf_timer *timer = tf.heap[index];
  for (;;) {
    uint32_t child = 2 * index + 1;
    if (child >= tf.heap_count) {
      break;
    }
    if (child + 1 < tf.heap_count && tf.heap[child + 1]->deadline < tf.heap[child]->deadline) {
      child++;
    }
    if (timer->deadline <= tf.heap[child]->deadline) {
      break;
    }
    place(index, tf.heap[child]);
    index = child;
  }
  place(index, timer);
}

void tf_timer_arm(tf_timer *timer, uint64_t deadline) {
  if (timer->position == 0) {
    timer->deadline = deadline;
    tf.heap[tf.heap_count] = timer;
    sift_up(tf.heap_count++);
    return;
  }
  uint64_t old = timer->deadline;
  timer->deadline = deadline;
  if (deadline < old) {
    sift_up(timer->position - 1);
  } else if (deadline > old) {
    sift_down(timer->position - 1);
  }
}

void tf_timer_disarm(tf_timer *timer) {
  if (timer->position == 0) {
    return;
  }
  uint32_t index = timer->position - 1;
  timer->position = 0;
  tf_timer *last = tf.heap[--tf.heap_count];
  if (last == timer) {
    return;
  }
  place(index, last);
  sift_up(index);
  sift_down(last->position - 1);
}

uint64_t tf_deadline(void) {
  uint64_t deadline = tf.heap_count != 0 ? tf.heap[0]->deadline : TF_NO_DEADLINE;
  if (tf.next_tick < deadline) {
    deadline = tf.next_tick;
  }
  if (tf.next_reassembly < deadline) {
    deadline = tf.next_reassembly;
  }
  return deadline;
}

void tf_timers_reset(void) {
  tf.heap_count = 0;
  tf.next_tick = TF_NO_DEADLINE;
  tf.next_reassembly = TF_NO_DEADLINE;
}

#if !TF_UNCURE_PARTIAL_ACK
/* The persist timer cuts the first queued segment to the peer's window. If the
 * peer has acknowledged more of it than that, the piece lies before lastack, and
 * lwIP finds by an underflow that it never fits: the flow would be stuck for
 * ever. So what is acknowledged goes first. */
static void drop_acknowledged(tf_flow *flow) {
  struct tcp_pcb *pcb = flow->pcb;
  struct tcp_seg *head;
  while ((head = pcb->unsent) != NULL && head->len != 0 && TCP_SEQ_LT(lwip_ntohl(head->tcphdr->seqno), pcb->lastack)) {
    uint32_t known = pcb->lastack - lwip_ntohl(head->tcphdr->seqno);
    if (known < head->len) {
      if (tcp_split_unsent_seg(pcb, (u16_t)known) != ERR_OK) {
        return; /* no memory: with the next tick */
      }
    } else if (known < TCP_TCPLEN(head)) {
      return; /* its FIN is still to be sent */
    }
    pcb->unsent = head->next;
    pcb->snd_queuelen -= pbuf_clen(head->p);
    pcb->snd_buf += head->len; /* as lwIP does where it frees what was acknowledged */
    flow->acked = 1;
    tcp_seg_free(head);
  }
}
#endif

/* lwIP's timers see the busy flows only, chained for the call. */
static void tick_lwip(void) {
  struct tcp_pcb *chain = NULL;
  for (tf_flow *flow = tf.busy.previous; flow != NULL; flow = flow->busy_link.previous) {
    if (flow->pcb != NULL && flow->pcb->state != TIME_WAIT) {
#if !TF_UNCURE_PARTIAL_ACK
      if (flow->pcb->persist_backoff != 0) {
        drop_acknowledged(flow);
      }
#endif
#if !TF_UNCURE_PERSIST
      /* lwIP leaves the persist timer running when an acknowledgment empties
       * the queue, and asserts on it at the next tick. */
      if (flow->pcb->persist_backoff != 0 && flow->pcb->unsent == NULL) {
        flow->pcb->persist_backoff = 0;
      }
#endif
#if !TF_UNCURE_LINGER
      /* lwIP's own limits on LAST_ACK and FIN_WAIT_2 count from the last segment
       * before tcp_shutdown() and end silently; a closed flow has its linger. */
      if (!flow->owned && flow->state == TF_OPEN) {
        flow->pcb->tmr = tcp_ticks;
      }
#endif
      if (flow->rto_at != 0) {
        flow->pcb->rtime = -1; /* the flow has a finer timer (recovery.c) */
      }
      flow->pcb->last_timer = tcp_timer_ctr; /* 8 bits: a stale one could skip this tick */
      flow->pcb->next = chain;
      chain = flow->pcb;
    }
  }
  tcp_active_pcbs = chain;
  tcp_tmr();
  tcp_active_pcbs = NULL;
  tcp_tw_pcbs = NULL;
  for (tf_flow *flow = tf.busy.next; flow != NULL; flow = flow->busy_link.next) {
    if (flow->pcb != NULL && flow->rto_at != 0 && flow->pcb->rtime < 0) {
      flow->pcb->rtime = 0; /* or lwIP would count no duplicate acknowledgments */
    }
  }
  /* Counted; which of the chained flows it was cannot be told. */
  tf.assert_failed = 0;
  tf.stats.ticks++;
  for (tf_flow *flow = tf.busy.next, *next; flow != NULL; flow = next) {
    next = flow->busy_link.next;
    tf_flow_settle(flow);
  }
}

/* Runs what is due and returns the next deadline. Each timer fires at most
 * once a call, so that an owner that re-arms for "now" cannot loop here. */
uint64_t tf_run_timers(uint64_t now) {
  uint32_t budget = tf.heap_count;
  while (tf.heap_count != 0 && tf.heap[0]->deadline <= now && budget-- != 0) {
    tf_timer *timer = tf.heap[0];
    tf_timer_disarm(timer);
    if (timer->is_session) {
      tf_session_expire((tf_session *)((uint8_t *)timer - offsetof(tf_session, timer)));
    } else {
      tf_flow_expire((tf_flow *)((uint8_t *)timer - offsetof(tf_flow, timer)));
    }
  }
  if (tf.next_tick <= now) {
    tick_lwip();
    /* A missed tick is not made up for: after a suspend one tick must do. */
    tf.next_tick = tf.busy.next != NULL ? now + TF_TICK : TF_NO_DEADLINE;
  }
  if (tf.next_reassembly <= now) {
    tf_reassembly_tick(now);
  }
  return tf_deadline();
}
