/* SPDX-License-Identifier: Apache-2.0
 *
 * What RFC 9293 3.10.7.4 asks of a segment before anything in it counts: its
 * sequence number, then RST, SYN and the acknowledgment as RFC 5961 3, 4 and 5
 * have them. lwIP takes the acknowledgment of segments that lie anywhere, and
 * in some states neither challenges a SYN nor answers what is outside.
 */
#include "tf_internal.h"

/* An ACK in place of the segment. */
static int answer(tf_flow *flow, int limited) {
  tf_flow_mount(flow);
  tf.challenge = (uint8_t)limited;
  tcp_send_empty_ack(flow->pcb);
  tf.challenge = 0;
  tf_flow_unmount();
  tf_flow_settle(flow);
  return 0;
}

/* Table 6 of RFC 9293 3.4. What comes to a closed window may begin at its place:
 * lwIP drops the bytes and answers, but takes the ACK. */
static int in_window(const tf_flow *flow, uint32_t sequence, uint32_t span) {
  const struct tcp_pcb *pcb = flow->pcb;
  /* After the FIN lwIP counts one more than was announced. */
  uint32_t window = flow->fin_in ? pcb->rcv_ann_right_edge - pcb->rcv_nxt : pcb->rcv_wnd;
  uint32_t offset = sequence - pcb->rcv_nxt;
  return offset < window || offset == 0 || (span != 0 && offset + span - 1 < window);
}

/* A peer that filled the window, and whose first bytes were lost, has no other
 * number for its acknowledgments than the one just behind the window. */
static int behind_full_window(const tf_flow *flow, uint32_t sequence, uint32_t span) {
  return span == 0 && flow->state == TF_OPEN && !flow->fin_in && sequence == flow->pcb->rcv_nxt + flow->pcb->rcv_wnd;
}

/* RFC 5961 5.2: between what was acknowledged before, less the largest window,
 * and what was sent. */
static int acknowledges_possible(const struct tcp_pcb *pcb, uint32_t acknowledgment) {
  return TCP_SEQ_GEQ(acknowledgment, pcb->lastack - pcb->snd_wnd_max) && TCP_SEQ_LEQ(acknowledgment, pcb->snd_nxt);
}

/* May lwIP have the segment? If not, it has been answered as far as it must be. */
int tf_segment_acceptable(tf_flow *flow, const tf_parsed *parsed) {
  const struct tcp_pcb *pcb = flow->pcb;
  const uint8_t *tcp = parsed->ip + parsed->transport;
  uint32_t sequence = tf_get32(tcp + 4);
  uint8_t flags = parsed->tcp_flags;
  uint32_t span = parsed->length - parsed->payload + ((flags & TCP_FIN) != 0) + ((flags & TCP_SYN) != 0);
#if !TF_UNCURE_ACCEPTANCE
  if (pcb->state == SYN_RCVD && (flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && sequence == pcb->rcv_nxt - 1) {
    return 1; /* the SYN again: lwIP repeats its SYN-ACK */
  }
  if (!in_window(flow, sequence, span) && ((flags & (TCP_RST | TCP_SYN)) != 0 || !behind_full_window(flow, sequence, span))) {
    if ((flags & TCP_RST) != 0) {
      return 0;
    }
    if (pcb->state == TIME_WAIT && (flags & TCP_FIN) != 0 && sequence + span == pcb->rcv_nxt) {
      flow->since = tf.now; /* the FIN again: 2 MSL start anew */
    }
    flow->last_active = tf.now;
    flow->keepalives = 0;
    /* Two ends that disagree would answer each other's ACKs for ever; but a
     * keep-alive, which stands before the window, gets its answer. */
    return answer(flow, (flags & TCP_SYN) != 0 || (span == 0 && sequence != pcb->rcv_nxt - 1));
  }
  if ((flags & TCP_RST) != 0) {
    return sequence == pcb->rcv_nxt ? 1 : answer(flow, 1);
  }
  if ((flags & TCP_SYN) != 0) {
    return answer(flow, 1);
  }
#else
  (void)sequence;
  (void)span;
#endif
#if !TF_UNCURE_ACK_RANGE
  if ((flags & TCP_ACK) != 0 && (flags & TCP_RST) == 0 && pcb->state >= ESTABLISHED && !acknowledges_possible(pcb, tf_get32(tcp + 8))) {
    tf_drop_count(TF_DROP_ACK_RANGE);
    return answer(flow, 1);
  }
#else
  (void)acknowledges_possible;
#endif
  return 1;
}
