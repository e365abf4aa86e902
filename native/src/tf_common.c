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

/* Payload may take all but a sixteenth. What is left lets packets leave and
 * acknowledgments be sent: were it all payload, none of it could ever go. */
static int over_limit(const tf_budget *budget, uint64_t used, int payload) {
#if !TF_UNCURE_BUDGET
  uint64_t limit = atomic_load_explicit(&budget->limit, memory_order_relaxed);
#if !TF_UNCURE_RESERVE
  limit -= payload ? limit / 16 : 0;
#endif
  return used > limit;
#else
  (void)budget;
  (void)payload;
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

/* Takes `whole` bytes from the budget, or says no. */
static int charge(uint32_t stack, uint64_t whole, int payload) {
  tf_budget *budget = &tf_common_budgets[stack];
  uint64_t used = atomic_fetch_add_explicit(&budget->used, whole, memory_order_relaxed) + whole;
  int refused = over_limit(budget, used, payload);
#if TF_TEST_HOOKS
  refused = refused || refused_for_test(budget);
#endif
  if (refused) {
    atomic_fetch_sub_explicit(&budget->used, whole, memory_order_relaxed);
    atomic_fetch_add_explicit(&budget->failures, 1, memory_order_relaxed);
  } else if (used > atomic_load_explicit(&budget->peak, memory_order_relaxed)) {
    atomic_store_explicit(&budget->peak, used, memory_order_relaxed);
  }
  return !refused;
}

static void discharge(uint32_t stack, uint64_t whole) {
  atomic_fetch_sub_explicit(&tf_common_budgets[stack].used, whole, memory_order_relaxed);
}

static void *finish_alloc(tf_prefix *prefix, uint32_t stack, uint64_t whole) {
  if (prefix == NULL) {
    discharge(stack, whole);
    atomic_fetch_add_explicit(&tf_common_budgets[stack].failures, 1, memory_order_relaxed);
    return NULL;
  }
  prefix->size = whole;
  prefix->stack = stack;
  return prefix + 1;
}

void *tf_common_alloc(uint32_t stack, size_t size) {
  uint64_t whole = (uint64_t)size + sizeof(tf_prefix);
  return charge(stack, whole, 0) ? finish_alloc(malloc((size_t)whole), stack, whole) : NULL;
}

void *tf_common_alloc_payload(uint32_t stack, size_t size) {
  uint64_t whole = (uint64_t)size + sizeof(tf_prefix);
  return charge(stack, whole, 1) ? finish_alloc(malloc((size_t)whole), stack, whole) : NULL;
}

/* calloc, not malloc and memset: large tables stay untouched zero pages. */
void *tf_common_alloc_zero(uint32_t stack, size_t size) {
  uint64_t whole = (uint64_t)size + sizeof(tf_prefix);
  return charge(stack, whole, 0) ? finish_alloc(calloc(1, (size_t)whole), stack, whole) : NULL;
}

void tf_common_release(void *memory) {
  if (memory == NULL) {
    return;
  }
  tf_prefix *prefix = (tf_prefix *)memory - 1;
  discharge(prefix->stack, prefix->size);
  free(prefix);
}

size_t tf_common_size(const void *memory) {
  return (size_t)((const tf_prefix *)memory - 1)->size;
}

/* Blocks of the sizes that bulk transfers use are kept for the next taker: the
 * allocator would give their pages back to the kernel and fetch them again,
 * cleared, for every one. At most 3 MB, shared by all stacks, in nobody's
 * budget. Test builds do without, so that sanitizers see every use after free. */
#define KEPT_CLASSES 2
#define KEPT_BLOCKS 16
static const uint32_t kept_capacity[KEPT_CLASSES] = {65536, 131072};

/* The class of a capacity, or KEPT_CLASSES. Down to half of it, so that a block
 * never costs more than twice what was asked for. */
static int kept_class(uint32_t capacity) {
  for (int i = 0; i < KEPT_CLASSES; i++) {
    if (capacity > kept_capacity[i] / 2 && capacity <= kept_capacity[i]) {
      return i;
    }
  }
  return KEPT_CLASSES;
}

#if !TF_TEST_HOOKS
static _Atomic(tf_prefix *) kept[KEPT_CLASSES][KEPT_BLOCKS];

static tf_prefix *take_kept(int class) {
  for (int i = 0; i < KEPT_BLOCKS; i++) {
    if (atomic_load_explicit(&kept[class][i], memory_order_relaxed) != NULL) {
      tf_prefix *prefix = atomic_exchange_explicit(&kept[class][i], NULL, memory_order_acquire);
      if (prefix != NULL) {
        return prefix;
      }
    }
  }
  return NULL;
}

static int keep_prefix(int class, tf_prefix *prefix) {
  for (int i = 0; i < KEPT_BLOCKS; i++) {
    tf_prefix *none = NULL;
    if (atomic_load_explicit(&kept[class][i], memory_order_relaxed) == NULL &&
        atomic_compare_exchange_strong_explicit(&kept[class][i], &none, prefix, memory_order_release, memory_order_relaxed)) {
      return 1;
    }
  }
  return 0;
}
#else
static tf_prefix *take_kept(int class) {
  (void)class;
  return NULL;
}

static int keep_prefix(int class, const tf_prefix *prefix) {
  (void)class;
  (void)prefix;
  return 0;
}
#endif

tf_block *tf_common_block_alloc(uint32_t stack, uint32_t capacity) {
  int class = kept_class(capacity);
  if (class < KEPT_CLASSES) {
    capacity = kept_capacity[class];
  }
  uint64_t whole = sizeof(tf_prefix) + sizeof(tf_block) + capacity;
  if (!charge(stack, whole, 1)) {
    return NULL;
  }
  tf_prefix *prefix = class < KEPT_CLASSES ? take_kept(class) : NULL;
  tf_block *block = finish_alloc(prefix != NULL ? prefix : malloc((size_t)whole), stack, whole);
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
  if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) != 1) {
    return;
  }
  tf_prefix *prefix = (tf_prefix *)(void *)block - 1;
  discharge(prefix->stack, prefix->size);
  int class = kept_class(block->capacity);
  if (class == KEPT_CLASSES || !keep_prefix(class, prefix)) {
    free(prefix);
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
