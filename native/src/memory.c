/* SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's and the shim's allocations, all under the stack's byte budget, and
 * the rate limits.
 */
#include "tf_internal.h"

static void *allocate(size_t size) {
  return tf.payload ? tf_common_alloc_payload(tf.index, size) : tf_common_alloc(tf.index, size);
}

void *tf_alloc(size_t size) { return allocate(size); }
void *tf_alloc_payload(size_t size) { return tf_common_alloc_payload(tf.index, size); }
void *tf_alloc_zero(size_t size) { return tf_common_alloc_zero(tf.index, size); }
void tf_release(void *memory) { tf_common_release(memory); }

void *tf_lwip_malloc(size_t size) { return allocate(size); }

void *tf_lwip_calloc(size_t count, size_t size) { return tf_common_alloc_zero(tf.index, count * size); }

void tf_lwip_free(void *memory) { tf_common_release(memory); }

uint16_t tf_lwip_checksum(const void *data, int length) {
  return tf_checksum_fold(tf_checksum_add(0, data, (size_t)length));
}

/* Unpredictable without the secret; lwIP uses it for ports and IP ids. */
uint32_t tf_random(void) {
  uint64_t counter = ++tf.random_counter;
  return (uint32_t)tf_siphash(tf.key, &counter, sizeof counter, 2, 4);
}

void tf_assert_failed(const char *message) {
#if TF_ASSERT_ABORT
  extern int puts(const char *text);
  puts(message);
  abort();
#else
  (void)message;
  tf.stats.asserts++;
  tf.assert_failed = 1;
#endif
}

/* A token bucket of one second's burst. */
int tf_take_token(tf_bucket *bucket, uint32_t per_second) { return tf_take_token_of(bucket, per_second, per_second); }

int tf_take_token_of(tf_bucket *bucket, uint32_t per_second, uint32_t burst) {
#if TF_UNCURE_RATE_LIMIT
  return bucket != NULL;
#endif
  uint64_t capacity = (uint64_t)burst * 1000000u;
  uint64_t elapsed = tf.now - bucket->refilled;
  bucket->refilled = tf.now;
  if (elapsed >= 1000000u * (uint64_t)(burst / per_second + 1)) {
    bucket->tokens = capacity;
  } else {
    bucket->tokens += elapsed * per_second;
    bucket->tokens = bucket->tokens > capacity ? capacity : bucket->tokens;
  }
  if (bucket->tokens < 1000000u) {
    return 0;
  }
  bucket->tokens -= 1000000u;
  return 1;
}
