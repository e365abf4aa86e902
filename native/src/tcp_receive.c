/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes from the application. They wait here, not in lwIP, until the caller
 * consumes them; the window stays closed by as much. Large segments are kept
 * as they came; small ones are copied together, because what is budgeted is
 * memory and not payload: a megabyte in one-byte segments must not pin more
 * than a megabyte or two.
 */
#include "tf_internal.h"

unsigned tf_ooseq_bytes(const struct tcp_pcb *pcb) {
  const tf_flow *flow = pcb->ext_args[0].data;
  return flow != NULL ? flow->window : 0;
}

/* When a window update is worth a packet of its own: a quarter of the flow's
 * window, or two full segments, whichever is less (RFC 9293 3.8.6.2.2). */
unsigned tf_window_threshold(const struct tcp_pcb *pcb) {
  const tf_flow *flow = pcb->ext_args[0].data;
  unsigned segments = 2u * pcb->mss;
  unsigned quarter = (flow != NULL ? flow->window : TCP_WND) / 4;
  return LWIP_MIN(segments, quarter);
}

static void chunk_append(tf_flow *flow, tf_chunk *chunk) {
  chunk->next = NULL;
  if (flow->receive_tail != NULL) {
    flow->receive_tail->next = chunk;
  } else {
    flow->receive_head = chunk;
  }
  flow->receive_tail = chunk;
}

static void chunk_free(tf_flow *flow, tf_chunk *chunk) {
  if (chunk->pbuf != NULL) {
    pbuf_free(chunk->pbuf); /* the chunk goes with it */
    return;
  }
  flow->receive_bytes -= (uint32_t)tf_common_size(chunk);
  tf_release(chunk);
}

static int copy_small(tf_flow *flow, const struct pbuf *p) {
  tf_chunk *tail = flow->receive_tail;
  if (tail == NULL || tail->room < p->len) {
    uint32_t size = flow->receive_queue / 2;
    size = size < 2048 ? 2048 : size > 16384 ? 16384 : size;
    size = size < p->len ? p->len : size;
    tail = tf_alloc(sizeof *tail + size);
    if (tail == NULL) {
      return 0;
    }
    flow->receive_bytes += (uint32_t)tf_common_size(tail);
    tail->data = (uint8_t *)(tail + 1);
    tail->pbuf = NULL;
    tail->length = 0;
    tail->room = size;
    chunk_append(flow, tail);
  }
  memcpy(tail->data + tail->length, p->payload, p->len);
  tail->length += p->len;
  tail->room -= p->len;
  return 1;
}

static void take(tf_flow *flow, struct pbuf *p) {
  tf_rx_pbuf *rx = (tf_rx_pbuf *)p;
  int wasteful = (uint32_t)p->len * 2 < rx->charged;
  uint32_t length = p->len;
#if !TF_UNCURE_SMALL_SEGMENTS
  if (wasteful && copy_small(flow, p)) {
    flow->receive_queue += length;
    pbuf_free(p);
    return;
  }
#else
  (void)wasteful;
  (void)copy_small;
#endif
  rx->chunk.data = p->payload;
  rx->chunk.pbuf = p;
  rx->chunk.length = length;
  rx->chunk.room = 0;
  chunk_append(flow, &rx->chunk);
  flow->receive_queue += length;
}

/* lwIP's receive callback: only notes; tf_flow_settle acts. */
err_t tf_on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
  (void)pcb;
  (void)error;
  tf_flow *flow = argument;
  if (p == NULL) {
    flow->fin_in = 1;
    flow->last_byte = tf.now;
    tf_flow_schedule(flow); /* half-closed from now on */
    tf_flow_signal(flow, TF_EVENT_READABLE);
    return ERR_OK;
  }
  flow->last_byte = tf.now;
  flow->unacknowledged += p->tot_len;
  if (!flow->in_acks) {
    flow->in_acks = 1;
    flow->acks_next = tf.acks;
    tf.acks = flow;
  }
  while (p != NULL) {
    struct pbuf *next = p->next;
    p->next = NULL;
    p->tot_len = p->len;
    if (flow->discard) {
      flow->discarded += p->len;
      tf_drop_count(TF_DROP_CLOSED_FLOW);
      pbuf_free(p);
    } else if (p->len == 0) {
      pbuf_free(p);
    } else {
      take(flow, p);
    }
    p = next;
  }
  if (!flow->discard) {
    tf_flow_signal(flow, TF_EVENT_READABLE);
  }
  return ERR_OK;
}

/* lwIP counts a super-packet as one segment and would delay its ACK to the
 * timer; here every flow that got two full segments or more in a batch is
 * acknowledged at the batch's end, and the first segments of a connection at
 * once, while the sender's window is still small. */
void tf_acknowledge_batch(void) {
  while (tf.acks != NULL) {
    tf_flow *flow = tf.acks;
    tf.acks = flow->acks_next;
    flow->in_acks = 0;
    if (flow->pcb == NULL) {
      flow_release(flow);
      continue;
    }
#if !TF_UNCURE_BATCH_ACK
    if ((flow->pcb->flags & TF_ACK_DELAY) != 0 && (flow->quick_acks != 0 || flow->unacknowledged >= 2u * flow->pcb->mss)) {
      tf_flow_mount(flow);
      tcp_ack_now(flow->pcb);
      tcp_output(flow->pcb);
      tf_flow_unmount();
      flow->quick_acks -= flow->quick_acks != 0;
      tf_flow_settle(flow);
    }
#endif
  }
}

/* Tells lwIP that `length` bytes were consumed. More than its 16 bits can say
 * is added directly, so that one window update announces all. */
void tf_open_window(tf_flow *flow, uint32_t length) {
  if (flow->pcb == NULL || flow->state != TF_OPEN || flow->fin_in || length == 0) {
    return;
  }
  tf_flow_mount(flow);
  if (length > 65535) {
    flow->pcb->rcv_wnd += length - 65535;
    length = 65535;
  }
  tcp_recved(flow->pcb, (u16_t)length);
  tf_flow_unmount();
}

void tf_receive_free(tf_flow *flow) {
  while (flow->receive_head != NULL) {
    tf_chunk *chunk = flow->receive_head;
    flow->receive_head = chunk->next;
    chunk_free(flow, chunk);
  }
  flow->receive_tail = NULL;
  flow->receive_queue = 0;
}

static int32_t op_flow_receive(uint64_t id, tf_slice *slices, uint32_t max, uint32_t *count, uint32_t *end) {
  tf_flow *flow = tf_flow_by_id(id);
  *count = 0;
  *end = 0;
  if (flow == NULL) {
    return TF_E_STALE;
  }
  max = max > TF_MAX_SLICES ? TF_MAX_SLICES : max;
  int32_t bytes = 0;
  for (tf_chunk *chunk = flow->receive_head; chunk != NULL && *count < max; chunk = chunk->next) {
    slices[(*count)++] = (tf_slice){chunk->data, chunk->length};
    bytes += (int32_t)chunk->length;
  }
  if (flow->receive_queue != 0) {
    return bytes;
  }
  if (flow->state == TF_DEAD && flow->status != TF_OK) {
    return flow->status;
  }
  if (flow->fin_in || flow->state == TF_DEAD) {
    *end = 1;
  }
  return 0;
}

static int32_t op_flow_consume(uint64_t now, uint64_t id, uint32_t length) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (length > flow->receive_queue) {
    return TF_E_INVALID;
  }
  uint32_t left = length;
  while (left != 0) {
    tf_chunk *chunk = flow->receive_head;
    uint32_t part = left < chunk->length ? left : chunk->length;
    chunk->data += part;
    chunk->length -= part;
    left -= part;
    if (chunk->length == 0) {
      flow->receive_head = chunk->next;
      if (flow->receive_head == NULL) {
        flow->receive_tail = NULL;
      }
      chunk_free(flow, chunk);
    }
  }
  flow->receive_queue -= length;
  flow->last_byte = length != 0 ? tf.now : flow->last_byte;
  if (flow->state == TF_OPEN) {
    tf_open_window(flow, length);
    tf_flow_settle(flow);
  }
  return TF_OK;
}

static int32_t op_flow_discard(uint64_t now, uint64_t id) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  uint32_t length = flow->receive_queue;
  flow->discard = 1;
  tf_receive_free(flow);
  if (flow->state == TF_OPEN) {
    tf_open_window(flow, length);
    tf_flow_settle(flow);
  }
  return TF_OK;
}
