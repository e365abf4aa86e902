/* SPDX-License-Identifier: Apache-2.0
 *
 * Loss recovery on the way to the application, which lwIP has only the
 * beginnings of: one fast retransmission per window, no use of the peer's SACK
 * blocks, and a retransmission timer of half seconds. Here, around lwIP's own
 * handling of each acknowledgment:
 *
 *  - the timer (RFC 6298) in microseconds, as a deadline of the flow, with a
 *    round trip measured by the stack's clock; lwIP's is kept from firing;
 *  - with SACK (RFC 2018), recovery after RFC 6675: segments that the peer has
 *    are marked, those with enough marked bytes behind them are lost and are
 *    sent again, as much as half of the window before the loss allows;
 *  - without it, NewReno (RFC 6582): a partial acknowledgment means that the
 *    next segment is lost, too.
 *
 * lwIP adds what is written next, and the FIN, to the last segment that waits
 * to be sent, whatever lies behind that. So where repeated segments wait, the
 * end of the stream waits with them.
 *
 * The marks are bits of tcp_seg.flags that lwIP doesn't use.
 */
#include "tf_internal.h"

#ifndef TF_UNCURE_RECOVERY
#define TF_UNCURE_RECOVERY 0
#endif

#define SEG_SACKED 0x80u
#define SEG_REPEATED 0x40u

#define LEAST_RTO 250000u     /* RFC 6298 asks for a second; the peer is on this machine */
#define FIRST_RTO 1000000u
#define LONGEST_RTO 120000000u

enum { ORDERLY, SELECTIVE, NEW_RENO };

static uint32_t segment_start(const struct tcp_seg *segment) { return lwip_ntohl(segment->tcphdr->seqno); }
static uint32_t segment_end(const struct tcp_seg *segment) { return segment_start(segment) + TCP_TCPLEN(segment); }

/* ---- the round trip */

void tf_recovery_sent(tf_flow *flow, uint32_t sequence, int repeated) {
  if (repeated) {
    flow->rtt_timing = 0; /* Karn: whose acknowledgment would it be? */
  } else if (!flow->rtt_timing) {
    flow->rtt_timing = 1;
    flow->rtt_sequence = sequence;
    flow->rtt_since = tf.now;
  }
}

static void measure(tf_flow *flow) {
  if (!flow->rtt_timing || !TCP_SEQ_GT(flow->pcb->lastack, flow->rtt_sequence)) {
    return;
  }
  flow->rtt_timing = 0;
  uint64_t elapsed = tf.now - flow->rtt_since;
  uint32_t rtt = elapsed < LONGEST_RTO ? (uint32_t)elapsed : LONGEST_RTO;
  if (flow->rto == 0) {
    flow->srtt = rtt;
    flow->rttvar = rtt / 2;
  } else {
    uint32_t error = rtt > flow->srtt ? rtt - flow->srtt : flow->srtt - rtt;
    flow->rttvar = (uint32_t)((3ull * flow->rttvar + error) / 4);
    flow->srtt = (uint32_t)((7ull * flow->srtt + rtt) / 8);
  }
  uint32_t rto = flow->srtt + 4 * flow->rttvar;
  flow->rto = rto < LEAST_RTO ? LEAST_RTO : rto > LONGEST_RTO ? LONGEST_RTO : rto;
}

/* The handshake is the first round trip, unless the SYN-ACK was repeated. */
void tf_recovery_opened(tf_flow *flow) {
  if (flow->state == TF_OPEN && flow->pcb != NULL) {
    measure(flow);
  }
}

/* ---- the timer */

static uint64_t timeout_of(const tf_flow *flow) {
  uint64_t rto = (uint64_t)(flow->rto != 0 ? flow->rto : FIRST_RTO) << (flow->rto_backoff < 10 ? flow->rto_backoff : 10);
  return rto < LONGEST_RTO ? rto : LONGEST_RTO;
}

/* After every visit to lwIP. The timer's place in the heap only ever moves
 * nearer; who comes too early looks again. */
void tf_recovery_arm(tf_flow *flow) {
  if (TF_UNCURE_RECOVERY || flow->state != TF_OPEN || flow->pcb->unacked == NULL || flow->pcb->persist_backoff != 0) {
    flow->rto_at = 0;
    return;
  }
  if (flow->rto_at == 0) {
    flow->rto_at = tf.now + timeout_of(flow);
  }
  if (flow->timer.position == 0 || flow->timer.deadline > flow->rto_at) {
    tf_timer_arm(&flow->timer, flow->rto_at);
  }
}

/* Takes a segment out of those in flight and queues it to be sent again, at
 * `place` or behind. Returns the place for the next one. */
static struct tcp_seg **repeat(struct tcp_seg **link, struct tcp_seg **place) {
  struct tcp_seg *segment = *link;
  *link = segment->next;
  segment->flags |= SEG_REPEATED;
  while (*place != NULL && TCP_SEQ_LT(segment_start(*place), segment_start(segment))) {
    place = &(*place)->next;
  }
  segment->next = *place;
  *place = segment;
  return &segment->next;
}

/* After every visit to lwIP: is the last segment that waits the stream's last?
 * One that isn't lies before what was sent already. */
void tf_recovery_keep_order(tf_flow *flow) {
  struct tcp_pcb *pcb = flow->pcb;
  struct tcp_seg *waits = pcb->unsent;
  if (waits == NULL || pcb->unacked == NULL || (pcb->flags & TF_FIN) != 0) {
    return;
  }
  while (waits->next != NULL && TCP_SEQ_LT(segment_start(waits), pcb->snd_nxt)) {
    waits = waits->next;
  }
  if (TCP_SEQ_GEQ(segment_end(waits), pcb->snd_nxt)) {
    return;
  }
  struct tcp_seg **last = &pcb->unacked;
  while ((*last)->next != NULL) {
    last = &(*last)->next;
  }
  struct tcp_seg *end = *last;
  if (TCP_SEQ_GT(segment_start(end), segment_start(waits))) {
    repeat(last, &waits->next);
    end->flags &= (u8_t)~(SEG_SACKED | SEG_REPEATED); /* it may grow by what the peer has never seen */
  }
}

/* Everything that the peer isn't known to have goes out again, from the front,
 * one segment first. A second timeout in a row trusts no mark any more: a peer
 * may drop what it has announced (RFC 2018 section 8). */
void tf_recovery_timeout(tf_flow *flow) {
  struct tcp_pcb *pcb = flow->pcb;
  for (struct tcp_seg *segment = pcb->unacked; segment != NULL; segment = segment->next) {
    segment->flags &= (u8_t)~(flow->rto_backoff != 0 ? SEG_SACKED | SEG_REPEATED : SEG_REPEATED);
  }
  flow->recovering = ORDERLY;
  flow->rtt_timing = 0;
  flow->rto_backoff += flow->rto_backoff < 32;
  flow->rto_at = tf.now + timeout_of(flow);
  tf_flow_mount(flow);
  /* Not tcp_rexmit_rto_prepare(): it puts one list in front of the other, and
   * what the peer has stays behind, between segments that wait to be repeated. */
  struct tcp_seg **place = &pcb->unsent;
  for (struct tcp_seg **link = &pcb->unacked; *link != NULL;) {
    struct tcp_seg *segment = *link;
    if ((segment->flags & SEG_SACKED) != 0) {
      link = &segment->next;
      continue;
    }
    place = repeat(link, place);
  }
  tcp_set_flags(pcb, TF_RTO);
  tcp_clear_flags(pcb, TF_INFR);
  pcb->rto_end = pcb->snd_nxt;
  pcb->rttest = 0;
  if (flow->rto_backoff == 1) {
    pcb->ssthresh = LWIP_MAX(LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
  }
  pcb->cwnd = pcb->mss;
  pcb->bytes_acked = 0;
  pcb->rtime = 0;
  pcb->dupacks = 0;
  tcp_rexmit_rto_commit(pcb);
  tf_flow_unmount();
  tf_flow_settle(flow);
}

/* ---- acknowledgments */

/* Marks what the peer says it has. Returns whether there was any such block. */
static int take_blocks(tf_flow *flow, const uint8_t *tcp, uint32_t header) {
  int found = 0;
  for (uint32_t i = 20; i + 1 < header && tcp[i] != 0; i += tcp[i] == 1 ? 1u : tcp[i + 1]) {
    if (tcp[i] != 5) {
      continue;
    }
    for (uint32_t k = i + 2; k + 8 <= i + tcp[i + 1]; k += 8) {
      uint32_t start = tf_get32(tcp + k), end = tf_get32(tcp + k + 4);
      found = 1;
      for (struct tcp_seg *segment = flow->pcb->unacked; segment != NULL && TCP_SEQ_LT(segment_start(segment), end); segment = segment->next) {
        if (TCP_SEQ_GEQ(segment_start(segment), start) && TCP_SEQ_LEQ(segment_end(segment), end)) {
          segment->flags |= SEG_SACKED;
        }
      }
    }
  }
  return found;
}

/* Before lwIP sees an acknowledgment. */
void tf_recovery_before(tf_flow *flow, const uint8_t *tcp, uint32_t header) {
  tf.ack_before = flow->pcb->lastack;
  tf.window_before = flow->pcb->cwnd;
  tf.ack_selective = header > 20 && flow->pcb->unacked != NULL && take_blocks(flow, tcp, header);
  if (tf.ack_selective || flow->recovering == SELECTIVE) {
    flow->pcb->dupacks = 0; /* recovery begins here, not in lwIP */
  }
}

/* What the peer has of the segments behind one. */
typedef struct marked {
  uint32_t bytes, segments;
} marked;

static marked all_marked(const struct tcp_pcb *pcb) {
  marked all = {0, 0};
  for (const struct tcp_seg *segment = pcb->unacked; segment != NULL; segment = segment->next) {
    if ((segment->flags & SEG_SACKED) != 0) {
      all.bytes += TCP_TCPLEN(segment);
      all.segments++;
    }
  }
  return all;
}

/* IsLost() of RFC 6675 4. Three segments, and not only their bytes: what is
 * written in small pieces is lost, too. */
static int lost(const struct tcp_pcb *pcb, marked behind) { return behind.segments >= 3 || behind.bytes > 2u * pcb->mss; }

static void recover_selectively(tf_flow *flow) {
  struct tcp_pcb *pcb = flow->pcb;
  marked all = all_marked(pcb);
  if (flow->recovering != SELECTIVE) {
    if (pcb->unacked == NULL || (pcb->unacked->flags & (SEG_SACKED | SEG_REPEATED)) != 0 || !lost(pcb, all) || (pcb->flags & TF_RTO) != 0) {
      return;
    }
    flow->recovering = SELECTIVE;
    flow->recover = pcb->snd_nxt;
    pcb->ssthresh = LWIP_MAX(LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
    pcb->bytes_acked = 0;
  }
  /* What is in flight, without the lost, which are sent again while that leaves room. */
  uint32_t pipe = 0;
  marked behind = all;
  for (const struct tcp_seg *segment = pcb->unacked; segment != NULL; segment = segment->next) {
    uint32_t length = TCP_TCPLEN(segment);
    if ((segment->flags & SEG_SACKED) != 0) {
      behind.bytes -= length;
      behind.segments--;
    } else if ((segment->flags & SEG_REPEATED) != 0 || !lost(pcb, behind)) {
      pipe += length;
    }
  }
  int first = pcb->lastack != tf.ack_before || pipe == 0;
  behind = all;
  struct tcp_seg **place = &pcb->unsent;
  for (struct tcp_seg **link = &pcb->unacked; *link != NULL && lost(pcb, behind) && (first || pipe < pcb->ssthresh);) {
    struct tcp_seg *segment = *link;
    uint32_t length = TCP_TCPLEN(segment);
    if ((segment->flags & SEG_SACKED) != 0) {
      behind.bytes -= length;
      behind.segments--;
    } else if ((segment->flags & SEG_REPEATED) == 0 && !tcp_output_segment_busy(segment)) {
      place = repeat(link, place);
      pipe += length;
      first = 0;
      continue;
    }
    link = &segment->next;
  }
  /* lwIP counts from the last acknowledgment: everything in flight may pass, and new data as far as there is room. */
  uint32_t window = pcb->snd_nxt - pcb->lastack + (pipe < pcb->ssthresh ? pcb->ssthresh - pipe : 0);
  pcb->cwnd = LWIP_MIN(window, TCP_WND);
}

/* After lwIP has seen it, mounted. */
void tf_recovery_after(tf_flow *flow) {
  struct tcp_pcb *pcb = flow->pcb;
  if (TF_UNCURE_RECOVERY || pcb == NULL || flow->state != TF_OPEN || pcb->state == TIME_WAIT) {
    return;
  }
  int advanced = pcb->lastack != tf.ack_before;
  if (advanced) {
    measure(flow);
    flow->rto_at = 0;
    flow->rto_backoff = 0;
    if (flow->recovering != ORDERLY && TCP_SEQ_GEQ(pcb->lastack, flow->recover)) {
      flow->recovering = ORDERLY;
      pcb->cwnd = pcb->ssthresh;
      tcp_clear_flags(pcb, TF_INFR);
    }
  }
  if (flow->recovering == SELECTIVE || tf.ack_selective) {
    recover_selectively(flow);
    if (flow->recovering == SELECTIVE) {
      tcp_output(pcb);
    }
    return;
  }
  if (flow->recovering == ORDERLY && (pcb->flags & TF_INFR) != 0) {
    flow->recovering = NEW_RENO;
    flow->recover = pcb->snd_nxt;
  } else if (flow->recovering == NEW_RENO && advanced) {
    uint32_t acked = pcb->lastack - tf.ack_before;
    tcpwnd_size_t kept = tf.window_before > acked ? tf.window_before - acked : 0;
    pcb->cwnd = LWIP_MAX(kept + pcb->mss, pcb->mss);
    if (tcp_rexmit(pcb) == ERR_OK) {
      tcp_set_flags(pcb, TF_INFR); /* no second halving for the same window */
    }
    tcp_output(pcb);
  }
}
