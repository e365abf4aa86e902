/* SPDX-License-Identifier: Apache-2.0
 *
 * What a SYN flood may cost.
 *
 * A spoofed source never completes a handshake, an application does so within
 * a round trip on its own machine. So a source that has completed one lately
 * is proven, and the others share half of the pending places and a rate: a
 * flood of made-up sources costs a bounded number of dials a second and leaves
 * the other half to whom it pretends to be.
 *
 * Handshakes under way stand in a queue by age. Where there are too many the
 * oldest makes room without a word: the application's own are the youngest.
 */
#include "tf_internal.h"

#define PROVEN_SLOTS 1024u
#define PROVEN_TIME (600ull * 1000000)
#define LEAST_BURST 100u
#define BURST_SECONDS 4u

static uint64_t source_hash(const tf_key *key) { return tf_siphash(tf.key, key->source, sizeof key->source, 1, 3); }

int tf_source_proven(const tf_key *key) {
#if TF_UNCURE_PROVEN_SOURCE
  return 1;
#endif
  uint64_t hash = source_hash(key);
  const tf_proven *proven = &tf.proven[hash % PROVEN_SLOTS];
  return proven->hash == hash && tf.now - proven->seen < PROVEN_TIME;
}

void tf_source_prove(const tf_key *key) {
  uint64_t hash = source_hash(key);
  tf_proven *proven = &tf.proven[hash % PROVEN_SLOTS];
  proven->hash = hash;
  proven->seen = tf.now;
}

/* New connections at once, after which they come at a quarter of that a second: a dial costs a hundred times what a SYN does,
 * and a flood takes every one that it can get. Small limits are meant for dials at once. */
static uint32_t unproven_burst(void) { return LWIP_MAX(tf.config.max_pending, LEAST_BURST); }

int tf_syn_guard_setup(void) {
  tf.proven = tf_alloc_zero(sizeof(tf_proven) * PROVEN_SLOTS);
  tf.syn_bucket.tokens = (uint64_t)unproven_burst() * 1000000u;
  tf.syn_bucket.refilled = tf.now;
  return tf.proven != NULL;
}

/* May a new source be dialled for? */
int tf_unproven_admitted(void) {
  uint32_t share = tf.config.max_pending / 2;
  return tf.pending_unproven < (share > 0 ? share : 1) && tf_take_token_of(&tf.syn_bucket, unproven_burst() / BURST_SECONDS, unproven_burst());
}

/* ---- the queue of handshakes under way, oldest first */

void tf_half_open_add(tf_flow *flow) {
  flow->half_open_link.previous = tf.half_open.previous;
  flow->half_open_link.next = NULL;
  *(tf.half_open.previous != NULL ? &tf.half_open.previous->half_open_link.next : &tf.half_open.next) = flow;
  tf.half_open.previous = flow;
  tf.stats.flows_half_open++;
}

void tf_half_open_remove(tf_flow *flow) {
  tf_link *link = &flow->half_open_link;
  *(link->previous != NULL ? &link->previous->half_open_link.next : &tf.half_open.next) = link->next;
  *(link->next != NULL ? &link->next->half_open_link.previous : &tf.half_open.previous) = link->previous;
  tf.stats.flows_half_open--;
}

void tf_half_open_make_room(void) {
#if !TF_UNCURE_HALF_OPEN_CAP
  while (tf.stats.flows_half_open >= tf.config.max_half_open) {
    tf_flow *oldest = tf.half_open.next;
    oldest->status = TF_E_TIMEOUT;
    oldest->status_set = 1;
    tf_flow_mount(oldest);
    tcp_abandon(oldest->pcb, 0);
    tf_flow_unmount();
    tf.assert_failed = 0;
    tf_drop_count(TF_DROP_HALF_OPEN_LIMIT);
    tf_flow_end(oldest, TF_E_TIMEOUT);
  }
#endif
}
