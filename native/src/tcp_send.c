/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes for the application. They lie in reference-counted blocks; lwIP gets
 * pointers into them (no-copy tcp_write), output entries take references of
 * their own, and the flow keeps a piece list of what is not acknowledged. So a
 * packet may be written to the device after the lock was released, after the
 * bytes were acknowledged, and after the flow has ended.
 */
#include "tf_internal.h"

err_t tf_on_sent(void *argument, struct tcp_pcb *pcb, u16_t length) {
  (void)pcb;
  (void)length;
  tf_flow *flow = argument;
  flow->acked = 1;
  flow->last_byte = tf.now;
  return ERR_OK;
}

static void piece_pop(tf_flow *flow) {
  tf_piece *piece = flow->send_head;
  flow->send_head = piece->next;
  if (flow->send_head == NULL) {
    flow->send_tail = NULL;
  }
  if (flow->send_cursor == piece) {
    flow->send_cursor = flow->send_head;
  }
  tf_common_block_release(piece->block);
  tf_release(piece);
}

static void drop_tail_block(tf_flow *flow) {
  if (flow->tail_block != NULL) {
    tf_common_block_release(flow->tail_block);
    flow->tail_block = NULL;
  }
}

void tf_send_free(tf_flow *flow) {
  while (flow->send_head != NULL) {
    piece_pop(flow);
  }
  drop_tail_block(flow);
}

/* The first byte that a queued segment may still have to send. A segment stays
 * queued until all of it is acknowledged, so this can lie before lastack. */
static uint32_t oldest_sequence(const struct tcp_pcb *pcb) {
  uint32_t oldest = pcb->snd_lbb;
  if (pcb->unsent != NULL) {
    oldest = lwip_ntohl(pcb->unsent->tcphdr->seqno);
  }
  if (pcb->unacked != NULL) {
    uint32_t first = lwip_ntohl(pcb->unacked->tcphdr->seqno);
    oldest = TCP_SEQ_LT(first, oldest) ? first : oldest;
  }
  return oldest;
}

/* What a flow may hold. From half of the stack's budget on it falls with the
 * square of what is left, so that flows whose applications don't read cannot
 * take all of it and leave nothing to those that do. */
static uint32_t send_limit(void) {
  uint64_t used = atomic_load_explicit(&tf_common_budgets[tf.index].used, memory_order_relaxed);
  uint64_t half = tf.config.max_bytes / 2;
  uint64_t left = used < tf.config.max_bytes ? tf.config.max_bytes - used : 0;
  if (left >= half) {
    return tf.config.send_buffer;
  }
  double share = (double)left / (double)half;
  uint32_t limit = (uint32_t)(tf.config.send_buffer * share * share);
  return limit < TF_LEAST_SEND ? TF_LEAST_SEND : limit;
}

/* Every acknowledgment with SACK blocks looks at all segments in flight. An
 * application that asks for tiny ones gets fewer bytes, not a longer list. */
#define MOST_SEGMENTS 2048u
#define PBUFS_PER_SEGMENT 2u

/* The same with a flow's segments in mind. */
static uint32_t flow_limit(const struct tcp_pcb *pcb) { return LWIP_MIN(send_limit(), MOST_SEGMENTS * pcb->mss); }

uint32_t tf_send_room(const tf_flow *flow) {
  const struct tcp_pcb *pcb = flow->pcb;
  uint32_t queued = pcb->snd_lbb - pcb->lastack;
  uint32_t limit = flow_limit(pcb);
  uint32_t segments = pcb->snd_queuelen / PBUFS_PER_SEGMENT;
  if (queued >= limit || segments >= MOST_SEGMENTS) {
    return 0;
  }
  uint32_t room = LWIP_MIN(limit - queued, (MOST_SEGMENTS - segments) * pcb->mss);
  return LWIP_MIN(room, pcb->snd_buf);
}

/* What is allocated for bytes not yet acknowledged. A block that two flows
 * share, or that stands between others of one flow, counts each time. */
uint32_t tf_send_bytes(const tf_flow *flow) {
  const tf_block *last = NULL;
  uint64_t bytes = 0;
  for (const tf_piece *piece = flow->send_head; piece != NULL; piece = piece->next) {
    bytes += tf_common_size(piece) + (piece->block != last ? tf_common_size(piece->block) : 0);
    last = piece->block;
  }
  if (flow->tail_block != NULL && flow->tail_block != last) {
    bytes += tf_common_size(flow->tail_block);
  }
  return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* Room worth waking a writer for. */
static int room_suffices(const struct tcp_pcb *pcb, uint32_t room) { return room >= flow_limit(pcb) / 4; }

/* Bytes were acknowledged. */
void tf_send_settle(tf_flow *flow) {
  flow->acked = 0;
  uint32_t oldest = oldest_sequence(flow->pcb);
  while (flow->send_head != NULL && TCP_SEQ_LEQ(flow->send_head->end_sequence, oldest)) {
    piece_pop(flow);
  }
  if (flow->send_head == NULL) {
    drop_tail_block(flow); /* no idle flow holds a buffer */
  }
  if (flow->want_write && room_suffices(flow->pcb, tf_send_room(flow))) {
    flow->want_write = 0;
    tf_flow_signal(flow, TF_EVENT_WRITABLE);
  }
}

/* The block that `data` of an outgoing segment lies in. Segments leave in
 * order, so the search goes on where the last one ended. */
tf_block *tf_send_block_at(tf_flow *flow, const uint8_t *data) {
  for (tf_piece *piece = flow->send_cursor; piece != NULL; piece = piece->next) {
    if ((uintptr_t)data - (uintptr_t)piece->data < piece->length) {
      flow->send_cursor = piece;
      return piece->block;
    }
  }
  for (tf_piece *piece = flow->send_head; piece != flow->send_cursor; piece = piece->next) {
    if ((uintptr_t)data - (uintptr_t)piece->data < piece->length) {
      flow->send_cursor = piece;
      return piece->block;
    }
  }
  return NULL;
}

/* Hands bytes of a block to lwIP. Returns how many it took. */
static uint32_t append_payload(tf_flow *flow, tf_block *block, const uint8_t *data, uint32_t length, int more) {
  struct tcp_pcb *pcb = flow->pcb;
  tf_piece *tail = flow->send_tail;
  int extends = tail != NULL && tail->block == block && tail->data + tail->length == data;
  tf_piece *piece = extends ? tail : tf_alloc(sizeof *piece);
  if (piece == NULL) {
    return 0;
  }
  /* Whole segments per call: tcp_write counts in 16 bits. */
  uint32_t most = 65535u / pcb->mss * pcb->mss;
  uint32_t taken = 0;
  while (taken < length) {
    uint32_t part = LWIP_MIN(length - taken, most);
    u8_t flags = more || taken + part < length ? TCP_WRITE_FLAG_MORE : 0;
#if TF_UNCURE_OVERSIZE
    flags |= TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE; /* MORE: allocate for what may follow */
#endif
    err_t error = tcp_write(pcb, data + taken, (u16_t)part, flags);
    if (error == ERR_MEM && part > pcb->mss) {
      /* All or nothing: what little memory is left may do for fewer segments. */
      most = LWIP_MAX(part / 2 / pcb->mss, 1u) * pcb->mss;
      continue;
    }
    if (error != ERR_OK) {
      break;
    }
    taken += part;
  }
  if (!extends) {
    if (taken == 0) {
      tf_release(piece);
      return 0;
    }
    tf_common_block_retain(block);
    *piece = (tf_piece){NULL, block, data, 0, 0};
    if (tail != NULL) {
      tail->next = piece;
    } else {
      flow->send_head = piece;
    }
    flow->send_tail = piece;
    if (flow->send_cursor == NULL) {
      flow->send_cursor = piece;
    }
  }
  piece->length += taken;
  piece->end_sequence = pcb->snd_lbb;
  return taken;
}

static uint32_t append(tf_flow *flow, tf_block *block, const uint8_t *data, uint32_t length, int more) {
  tf.payload = 1;
  uint32_t taken = append_payload(flow, block, data, length, more);
  tf.payload = 0;
  return taken;
}

static int32_t check_writable(const tf_flow *flow) {
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->state == TF_DEAD && flow->status != TF_OK) {
    return flow->status;
  }
  return flow->state != TF_OPEN || flow->fin_out ? TF_E_STATE : TF_OK;
}

/* A short write: WRITABLE comes with the next acknowledgment, or, when nothing
 * is in flight that could be acknowledged, with the next tick. */
static void finish_write(tf_flow *flow, uint32_t taken, uint32_t asked) {
  if (taken < asked) {
    flow->want_write = 1;
    if (flow->pcb->unacked == NULL && flow->pcb->unsent == NULL) {
      flow->want_write = 0;
      flow->retry = 1;
      tf_flow_set_busy(flow, 1);
      tf_flow_unmount();
      return;
    }
  }
  tcp_output(flow->pcb);
  tf_flow_unmount();
  tf_flow_settle(flow);
}

static int32_t op_flow_write(uint64_t now, uint64_t id, const uint8_t *data, uint32_t length) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  int32_t status = check_writable(flow);
  if (status != TF_OK) {
    return status;
  }
  flow->last_active = flow->last_byte = tf.now;
  uint32_t room = tf_send_room(flow);
  uint32_t wanted = length < room ? length : room;
  uint32_t taken = 0;
  tf_flow_mount(flow);
  while (taken < wanted) {
    uint32_t left = wanted - taken;
    if (flow->tail_block == NULL) {
      uint32_t size = left > 65536 ? 65536 : left < 2048 ? 2048 : left;
      flow->tail_block = tf_common_block_alloc(tf.index, size);
      flow->tail_used = 0;
      if (flow->tail_block == NULL) {
        break;
      }
    }
    uint32_t free = flow->tail_block->capacity - flow->tail_used;
    uint32_t part = left < free ? left : free;
    uint8_t *place = tf_block_bytes(flow->tail_block) + flow->tail_used;
    memcpy(place, data + taken, part);
    uint32_t done = append(flow, flow->tail_block, place, part, part < left);
    flow->tail_used += done;
    taken += done;
    if (flow->tail_used == flow->tail_block->capacity) {
      drop_tail_block(flow);
    }
    if (done < part) {
      break;
    }
  }
  finish_write(flow, taken, length);
  return (int32_t)taken;
}

static int32_t op_flow_write_block(uint64_t now, uint64_t id, uint8_t *block, const uint8_t *data, uint32_t length) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  int32_t status = check_writable(flow);
  if (status != TF_OK) {
    return status;
  }
  tf_block *owner = tf_block_of(block);
  if (data < block || (uint64_t)(data - block) + length > owner->capacity) {
    return TF_E_INVALID;
  }
  flow->last_active = flow->last_byte = tf.now;
  uint32_t room = tf_send_room(flow);
  uint32_t wanted = length < room ? length : room;
  tf_flow_mount(flow);
  uint32_t taken = wanted != 0 ? append(flow, owner, data, wanted, 0) : 0;
  finish_write(flow, taken, length);
  return (int32_t)taken;
}

static int32_t op_flow_writable(uint64_t id) {
  tf_flow *flow = tf_flow_by_id(id);
  int32_t status = check_writable(flow);
  if (status != TF_OK) {
    return status;
  }
  uint32_t room = tf_send_room(flow);
  /* A little room is none while acknowledgments are on their way that make more. */
  if (!room_suffices(flow->pcb, room) && flow->pcb->unacked != NULL) {
    room = 0;
  }
  flow->want_write |= room == 0;
  return (int32_t)room;
}

static int32_t op_flow_shutdown(uint64_t now, uint64_t id) {
  tf_advance(now);
  tf_flow *flow = tf_flow_by_id(id);
  if (flow == NULL) {
    return TF_E_STALE;
  }
  if (flow->fin_out || flow->state == TF_DEAD) {
    return TF_OK;
  }
  if (flow->state != TF_OPEN) {
    return TF_E_STATE;
  }
  flow->fin_out = 1;
  flow->last_byte = tf.now;
  tf_flow_mount(flow);
  tcp_shutdown(flow->pcb, 0, 1);
  tf_flow_unmount();
  tf_flow_schedule(flow); /* half-closed from now on */
  tf_flow_settle(flow);
  return TF_OK;
}
