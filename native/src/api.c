/* SPDX-License-Identifier: Apache-2.0
 *
 * The exported functions: argument checks, the guard against two callers in
 * one stack, and the way to the right copy.
 */
#include <string.h>

#include "tf_common.h"
#include "tf_instances.h"
#include "tf_ops.h"

#define TF_DECLARE(i) extern const tf_ops tf##i##_tf_instance_ops;
TF_INSTANCE_LIST(TF_DECLARE)

#define TF_ADDRESS(i) &tf##i##_tf_instance_ops,
static const tf_ops *const stacks[] = {TF_INSTANCE_LIST(TF_ADDRESS)};
#define STACKS ((uint32_t)(sizeof stacks / sizeof stacks[0]))

_Static_assert(sizeof stacks / sizeof stacks[0] <= TF_COMMON_STACKS, "raise TF_COMMON_STACKS");

/* FREE: may be created. BUSY: a [lock] call is running, or create. */
enum { FREE, IDLE, BUSY };
static _Atomic int guards[TF_COMMON_STACKS];

static const tf_layout_entry layout[] = {
#include "tf_layout.g.h"
};

uint32_t tf_abi_version(void) { return TF_ABI_VERSION; }

const tf_layout_entry *tf_abi_layout(uint32_t *count) {
  *count = (uint32_t)(sizeof layout / sizeof layout[0]);
  return layout;
}

uint32_t tf_stack_limit(void) { return STACKS; }

static int32_t enter(uint32_t stack) {
  if (stack >= STACKS) {
    return TF_E_INVALID;
  }
  int expected = IDLE;
  if (atomic_compare_exchange_strong_explicit(&guards[stack], &expected, BUSY, memory_order_acquire, memory_order_relaxed)) {
    return TF_OK;
  }
  return expected == FREE ? TF_E_STALE : TF_E_BUSY;
}

static void leave(uint32_t stack) { atomic_store_explicit(&guards[stack], IDLE, memory_order_release); }

/* Runs an operation inside the guard. */
#define GUARDED(stack, call)          \
  do {                                \
    int32_t entered = enter(stack);   \
    if (entered != TF_OK) {           \
      return entered;                 \
    }                                 \
    int32_t result = stacks[stack]->call; \
    leave(stack);                     \
    return result;                    \
  } while (0)

void tf_config_default(tf_config *config) {
  memset(config, 0, sizeof *config);
  config->size = sizeof *config;
  config->flags = TF_STACK_ECHO_REPLY | TF_STACK_COALESCE;
  config->mtu = 1500;
  config->max_flows = 65536;
  config->max_pending = 1024;
  config->max_pending_source = 256;
  config->max_half_open = 1024;
  config->max_sessions = 4096;
  config->receive_window = 512 * 1024;
  config->send_buffer = 512 * 1024;
  config->flow_bytes = 2 * 1024 * 1024;
  config->session_datagrams = 64;
  config->session_bytes = 256 * 1024;
  config->reassembly_bytes = 512 * 1024;
  config->output_bytes = 4 * 1024 * 1024;
  config->icmp_per_second = 1000;
  config->max_echoes = 256;
  config->max_bytes = 512ull * 1024 * 1024;
  config->pending_timeout = 60ull * 1000000;
  config->half_open_timeout = 20ull * 1000000;
  config->half_closed_timeout = 300ull * 1000000; /* RFC 5382 REQ-5: at least 4 minutes */
  config->time_wait = 2ull * 1000000;
  config->session_idle = 60ull * 1000000;
  config->session_dns_idle = 10ull * 1000000;
}

static int between(uint64_t value, uint64_t least, uint64_t most) { return value >= least && value <= most; }

static int config_valid(const tf_config *config) {
  return config->size == sizeof *config && between(config->mtu, 576, 65535) && between(config->max_flows, 1, 1u << 22) &&
         between(config->max_pending, 1, config->max_flows) && between(config->max_pending_source, 1, 65535) &&
         between(config->max_half_open, 1, config->max_flows) && between(config->max_sessions, 1, 1u << 20) &&
         between(config->receive_window, 16384, 1u << 20) && between(config->send_buffer, 16384, 1u << 20) &&
         between(config->flow_bytes, 2ull * config->receive_window, 1u << 30) && config->session_datagrams != 0 &&
         config->session_bytes >= 2048 && config->output_bytes >= 65536 && config->icmp_per_second != 0 &&
         config->max_bytes >= 4u << 20 && config->pending_timeout != 0 && config->half_open_timeout != 0 &&
         config->half_closed_timeout != 0 && config->max_echoes != 0;
}

int32_t tf_stack_create(const tf_config *config, uint64_t now, uint32_t *stack) {
  if (config == NULL || stack == NULL || !config_valid(config)) {
    return TF_E_INVALID;
  }
  for (uint32_t i = 0; i < STACKS; i++) {
    int expected = FREE;
    if (!atomic_compare_exchange_strong(&guards[i], &expected, BUSY)) {
      continue;
    }
    tf_budget *budget = &tf_common_budgets[i];
    atomic_store(&budget->limit, config->max_bytes);
    atomic_store(&budget->peak, 0);
    atomic_store(&budget->failures, 0);
    int32_t result = stacks[i]->create(i, config, now);
    if (result != TF_OK) {
      atomic_store_explicit(&guards[i], FREE, memory_order_release);
      return result;
    }
    *stack = i;
    leave(i);
    return TF_OK;
  }
  return TF_E_LIMIT;
}

int32_t tf_stack_destroy(uint32_t stack) {
  int32_t entered = enter(stack);
  if (entered != TF_OK) {
    return entered;
  }
  int32_t result = stacks[stack]->destroy();
  atomic_store_explicit(&guards[stack], FREE, memory_order_release);
  return result;
}

int32_t tf_stack_abort_all(uint32_t stack, uint64_t now) { GUARDED(stack, abort_all(now)); }
int32_t tf_stack_set_mtu(uint32_t stack, uint32_t mtu) { GUARDED(stack, set_mtu(mtu)); }
int32_t tf_stack_tick(uint32_t stack, uint64_t now) { GUARDED(stack, tick(now)); }

uint64_t tf_stack_deadline(uint32_t stack) {
  if (enter(stack) != TF_OK) {
    return TF_NO_DEADLINE;
  }
  uint64_t deadline = stacks[stack]->deadline();
  leave(stack);
  return deadline;
}

int32_t tf_stack_get_stats(uint32_t stack, tf_stats *stats) { GUARDED(stack, get_stats(stats)); }

int32_t tf_input(uint32_t stack, uint64_t now, const tf_packet *packets, uint32_t count) {
  GUARDED(stack, input(now, packets, count));
}

int32_t tf_events(uint32_t stack, tf_event *events, uint32_t max) { GUARDED(stack, events(events, max)); }

/* ---- flows */

int32_t tf_flow_get_details(uint32_t stack, uint64_t id, tf_flow_details *details) {
  GUARDED(stack, flow_get_details(id, details));
}
int32_t tf_flow_accept(uint32_t stack, uint64_t now, uint64_t id) { GUARDED(stack, flow_accept(now, id)); }
int32_t tf_flow_refuse(uint32_t stack, uint64_t now, uint64_t id, uint32_t refusal) {
  GUARDED(stack, flow_refuse(now, id, refusal));
}
int32_t tf_flow_receive(uint32_t stack, uint64_t id, tf_slice *slices, uint32_t max, uint32_t *count, uint32_t *end) {
  GUARDED(stack, flow_receive(id, slices, max, count, end));
}
int32_t tf_flow_consume(uint32_t stack, uint64_t now, uint64_t id, uint32_t length) {
  GUARDED(stack, flow_consume(now, id, length));
}
int32_t tf_flow_write(uint32_t stack, uint64_t now, uint64_t id, const uint8_t *data, uint32_t length) {
  GUARDED(stack, flow_write(now, id, data, length));
}
int32_t tf_flow_write_block(uint32_t stack, uint64_t now, uint64_t id, uint8_t *block, const uint8_t *data, uint32_t length) {
  GUARDED(stack, flow_write_block(now, id, block, data, length));
}
int32_t tf_flow_writable(uint32_t stack, uint64_t id) { GUARDED(stack, flow_writable(id)); }
int32_t tf_flow_shutdown(uint32_t stack, uint64_t now, uint64_t id) { GUARDED(stack, flow_shutdown(now, id)); }
int32_t tf_flow_discard(uint32_t stack, uint64_t now, uint64_t id) { GUARDED(stack, flow_discard(now, id)); }
int32_t tf_flow_abort(uint32_t stack, uint64_t now, uint64_t id) { GUARDED(stack, flow_abort(now, id)); }
int32_t tf_flow_close(uint32_t stack, uint64_t now, uint64_t id, uint64_t linger) {
  GUARDED(stack, flow_close(now, id, linger));
}

/* ---- sessions */

int32_t tf_session_get_source(uint32_t stack, uint64_t id, tf_endpoint *source) {
  GUARDED(stack, session_get_source(id, source));
}
int32_t tf_session_receive(uint32_t stack, uint64_t id, tf_datagram **datagrams, uint32_t max) {
  GUARDED(stack, session_receive(id, datagrams, max));
}
int32_t tf_session_send(uint32_t stack, uint64_t now, uint64_t id, const tf_endpoint *source, const uint8_t *data, uint32_t length) {
  GUARDED(stack, session_send(now, id, source, data, length));
}
int32_t tf_session_refuse(uint32_t stack, uint64_t now, uint64_t id, const tf_datagram *datagram, uint32_t refusal) {
  GUARDED(stack, session_refuse(now, id, datagram, refusal));
}
int32_t tf_session_refuse_remote(uint32_t stack, uint64_t now, uint64_t id, const tf_endpoint *destination, uint32_t refusal) {
  GUARDED(stack, session_refuse_remote(now, id, destination, refusal));
}
int32_t tf_session_set_idle(uint32_t stack, uint64_t now, uint64_t id, uint64_t idle) {
  GUARDED(stack, session_set_idle(now, id, idle));
}
int32_t tf_session_close(uint32_t stack, uint64_t id) { GUARDED(stack, session_close(id)); }

int32_t tf_echo_receive(uint32_t stack, tf_datagram **requests, uint32_t max) { GUARDED(stack, echo_receive(requests, max)); }
int32_t tf_echo_answer(uint32_t stack, uint64_t now, tf_datagram *request, uint32_t refusal) {
  GUARDED(stack, echo_answer(now, request, refusal));
}

/* tf_datagram is the first member of what udp.c and icmp.c allocated. */
void tf_datagram_free(tf_datagram *datagram) { tf_common_release(datagram); }

/* ---- blocks and output */

uint8_t *tf_block_alloc(uint32_t stack, uint32_t capacity) {
  if (stack >= STACKS || capacity == 0 || capacity > 131072) {
    return NULL;
  }
  tf_block *block = tf_common_block_alloc(stack, capacity);
  return block != NULL ? tf_block_bytes(block) : NULL;
}

uint32_t tf_block_shared(const uint8_t *block) {
  return atomic_load_explicit(&tf_block_of(block)->references, memory_order_acquire) != 1;
}

void tf_block_free(uint8_t *block) {
  if (block != NULL) {
    tf_common_block_release(tf_block_of(block));
  }
}

int32_t tf_output_take(uint32_t stack, uint64_t now, tf_output **entries, uint32_t max) {
  GUARDED(stack, output_take(now, entries, max));
}

uint32_t tf_output_pending(uint32_t stack) {
  return stack < STACKS ? atomic_load_explicit(&tf_common_budgets[stack].output_pending, memory_order_relaxed) : 0;
}

void tf_output_free(tf_output *const *entries, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    tf_common_entry_release((tf_entry *)entries[i]);
  }
}

#if TF_TEST_HOOKS
#include "tf_test_hooks.h"

void tf_test_fail_allocation(uint32_t stack, uint64_t nth, uint32_t per_mille) {
  atomic_store(&tf_common_budgets[stack].fail_after, nth);
  atomic_store(&tf_common_budgets[stack].fail_per_mille, per_mille);
}
#endif
