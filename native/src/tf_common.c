/* SPDX-License-Identifier: Apache-2.0 */
#include "tf_common.h"

#include <stdlib.h>
#include <string.h>

tf_budget tf_common_budgets[TF_COMMON_STACKS];

/* In front of every allocation; 16 bytes keep what follows aligned. */
typedef struct tf_prefix {
  uint64_t size;
  uint32_t stack;
  uint32_t reserved;
} tf_prefix;

static int over_limit(const tf_budget *budget, uint64_t used) {
#if !TF_UNCURE_BUDGET
  return used > atomic_load_explicit(&budget->limit, memory_order_relaxed);
#else
  (void)budget;
  return used == 0;
#endif
}

#if TF_TEST_HOOKS
static int refused_for_test(tf_budget *budget) {
  uint64_t after = atomic_load(&budget->fail_after);
  if (after != 0 && atomic_fetch_sub(&budget->fail_after, 1) == 1) {
    return 1;
  }
  uint32_t per_mille = atomic_load(&budget->fail_per_mille);
  static _Atomic uint32_t state = 1;
  if (per_mille == 0) {
    return 0;
  }
  uint32_t value = atomic_fetch_add(&state, 0x9E3779B9u) * 0x85EBCA6Bu;
  return (value >> 8) % 1000 < per_mille;
}
#endif

void *tf_common_alloc(uint32_t stack, size_t size) {
  tf_budget *budget = &tf_common_budgets[stack];
  uint64_t whole = (uint64_t)size + sizeof(tf_prefix);
  uint64_t used = atomic_fetch_add_explicit(&budget->used, whole, memory_order_relaxed) + whole;
  int refused = over_limit(budget, used);
#if TF_TEST_HOOKS
  refused = refused || refused_for_test(budget);
#endif
  tf_prefix *prefix = refused ? NULL : malloc((size_t)whole);
  if (prefix == NULL) {
    atomic_fetch_sub_explicit(&budget->used, whole, memory_order_relaxed);
    return NULL;
  }
  if (used > atomic_load_explicit(&budget->peak, memory_order_relaxed)) {
    atomic_store_explicit(&budget->peak, used, memory_order_relaxed);
  }
  prefix->size = whole;
  prefix->stack = stack;
  return prefix + 1;
}

void *tf_common_alloc_zero(uint32_t stack, size_t size) {
  tf_budget *budget = &tf_common_budgets[stack];
  uint64_t whole = (uint64_t)size + sizeof(tf_prefix);
  uint64_t used = atomic_fetch_add_explicit(&budget->used, whole, memory_order_relaxed) + whole;
  int refused = over_limit(budget, used);
#if TF_TEST_HOOKS
  refused = refused || refused_for_test(budget);
#endif
  /* calloc, not malloc and memset: large tables stay untouched zero pages. */
  tf_prefix *prefix = refused ? NULL : calloc(1, (size_t)whole);
  if (prefix == NULL) {
    atomic_fetch_sub_explicit(&budget->used, whole, memory_order_relaxed);
    return NULL;
  }
  prefix->size = whole;
  prefix->stack = stack;
  return prefix + 1;
}

void tf_common_release(void *memory) {
  if (memory == NULL) {
    return;
  }
  tf_prefix *prefix = (tf_prefix *)memory - 1;
  atomic_fetch_sub_explicit(&tf_common_budgets[prefix->stack].used, prefix->size, memory_order_relaxed);
  free(prefix);
}

size_t tf_common_size(const void *memory) {
  return (size_t)((const tf_prefix *)memory - 1)->size;
}

tf_block *tf_common_block_alloc(uint32_t stack, uint32_t capacity) {
  tf_block *block = tf_common_alloc(stack, sizeof(tf_block) + capacity);
  if (block != NULL) {
    atomic_init(&block->references, 1);
    block->capacity = capacity;
  }
  return block;
}

void tf_common_block_retain(tf_block *block) {
  atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
}

void tf_common_block_release(tf_block *block) {
  if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) == 1) {
    tf_common_release(block);
  }
}

tf_entry *tf_common_entry_alloc(uint32_t stack, uint32_t inline_bytes) {
  tf_entry *entry = tf_common_alloc(stack, sizeof(tf_entry) + inline_bytes);
  if (entry != NULL) {
    memset(entry, 0, sizeof(tf_entry));
  }
  return entry;
}

void tf_common_entry_release(tf_entry *entry) {
  for (uint32_t i = 0; i < entry->output.slice_count; i++) {
    if (entry->blocks[i] != NULL) {
      tf_common_block_release(entry->blocks[i]);
    }
  }
  tf_common_release(entry);
}
