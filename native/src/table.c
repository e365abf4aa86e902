/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots and ids. The table is allocated at its full size, which the kernel
 * backs with memory only as far as it is used; so nothing ever moves.
 */
#include "tf_internal.h"

int tf_table_init(tf_table *table, uint32_t capacity) {
  memset(table, 0, sizeof *table);
  table->slots = tf_alloc_zero((size_t)capacity * sizeof(tf_slot));
  table->capacity = capacity;
  return table->slots != NULL;
}

void tf_table_free(tf_table *table) {
  tf_release(table->slots);
  memset(table, 0, sizeof *table);
}

int tf_table_insert(tf_table *table, void *item, uint32_t *slot, uint32_t *generation) {
  uint32_t index;
  if (table->free != 0) {
    index = table->free - 1;
    table->free = table->slots[index].next_free;
  } else if (table->high < table->capacity) {
    index = table->high++;
    /* A start that differs per stack and slot, so that ids of a destroyed
     * stack do not name things in its successor. */
    table->slots[index].generation = tf_random() | 1;
  } else {
    return 0;
  }
  table->slots[index].item = item;
  table->count++;
  *slot = index;
  *generation = table->slots[index].generation;
  return 1;
}

void tf_table_remove(tf_table *table, uint32_t slot) {
  tf_slot *entry = &table->slots[slot];
  entry->item = NULL;
  entry->generation += entry->generation == UINT32_MAX ? 2 : 1; /* never 0, so that no id is */
  entry->next_free = table->free;
  table->free = slot + 1;
  table->count--;
}

void *tf_table_find(const tf_table *table, uint64_t id) {
  uint32_t slot = (uint32_t)(id & TF_SLOT_MASK);
  if (slot >= table->high || (uint32_t)(id >> 57) != tf.index) {
    return NULL;
  }
  const tf_slot *entry = &table->slots[slot];
  return entry->generation == (uint32_t)(id >> 24) ? entry->item : NULL;
}

uint64_t tf_make_id(uint32_t slot, uint32_t generation, int session) {
  return (uint64_t)tf.index << 57 | (session ? TF_SESSION_BIT : 0) | (uint64_t)generation << 24 | slot;
}
