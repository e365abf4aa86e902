/* SPDX-License-Identifier: Apache-2.0
 *
 * What all stacks of the process share: byte budgets, reference-counted blocks
 * and output entries, which may outlive the flow and the stack they came from.
 * Compiled once; every function here may be called from any thread.
 */
#ifndef TF_COMMON_H
#define TF_COMMON_H

#include <stdatomic.h>
#include <stddef.h>

#include "tunflow_lwip.h"

/* The most stacks that any build has. Budgets are static, so that memory which
 * outlives its stack can always be accounted for. */
#define TF_COMMON_STACKS 16

typedef struct tf_budget {
  _Atomic uint64_t used;
  _Atomic uint64_t peak;
  _Atomic uint64_t limit;
  _Atomic uint64_t failures; /* allocations refused, by the limit or by the system */
  _Atomic uint32_t output_pending;
  _Atomic uint32_t fail_per_mille; /* test builds only */
  _Atomic uint64_t fail_after;     /* test builds only; 0 = off */
} tf_budget;

extern tf_budget tf_common_budgets[TF_COMMON_STACKS];

/* Counted allocation: NULL over the limit. Every allocation knows its size and
 * its budget, so tf_common_release needs neither. */
void *tf_common_alloc(uint32_t stack, size_t size);
/* Refused while the last part of the budget is untouched: for bytes on their way, and what is kept beside them. */
void *tf_common_alloc_payload(uint32_t stack, size_t size);
void *tf_common_alloc_zero(uint32_t stack, size_t size);
void tf_common_release(void *memory);
size_t tf_common_size(const void *memory);

/* Payload memory. The bytes follow the header. */
typedef struct tf_block {
  _Atomic uint32_t references;
  uint32_t capacity;
  uint64_t reserved;
} tf_block;

static inline uint8_t *tf_block_bytes(tf_block *block) { return (uint8_t *)(block + 1); }
static inline tf_block *tf_block_of(const uint8_t *bytes) { return (tf_block *)(uintptr_t)bytes - 1; }
tf_block *tf_common_block_alloc(uint32_t stack, uint32_t capacity);
void tf_common_block_retain(tf_block *block);
void tf_common_block_release(tf_block *block);

/* IP header, TCP header and options, and the device's headroom. */
#define TF_ENTRY_HEADER 144

typedef struct tf_entry {
  tf_output output; /* first: the caller's pointer is the entry's */
  struct tf_entry *next;
  tf_block *blocks[TF_MAX_SLICES]; /* per slice; NULL for the header */
  /* Coalescing state, meaningful only while the entry is the queue's tail. */
  const void *flow;
  uint32_t next_sequence;
  uint16_t transport; /* offset of the transport header */
  uint8_t version;
  uint8_t protocol;
  uint8_t bytes[]; /* headroom, then the packet's own bytes */
} tf_entry;

tf_entry *tf_common_entry_alloc(uint32_t stack, uint32_t inline_bytes);
void tf_common_entry_release(tf_entry *entry);

#endif
