/* SPDX-License-Identifier: Apache-2.0
 *
 * What needs no lock, from threads that hold none. Under ThreadSanitizer this
 * is the proof that blocks and packets are shared in order.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "peer.h"

#define MOST 1024
#define WORKERS 3
#define FLOWS 8

/* Blocks and output entries on their way to whoever frees them. */
typedef struct handover {
    pthread_mutex_t lock;
    void *items[MOST];
    bool is_output[MOST];
    uint32_t count;
    bool stop;
    _Atomic uint64_t freed;
} handover;

static void give(handover *h, void *item, bool is_output)
{
    for (;;) {
        CHECK_EQ(0, pthread_mutex_lock(&h->lock));
        if (h->count < MOST) {
            h->items[h->count] = item;
            h->is_output[h->count++] = is_output;
            CHECK_EQ(0, pthread_mutex_unlock(&h->lock));
            return;
        }
        CHECK_EQ(0, pthread_mutex_unlock(&h->lock));
        sched_yield();
    }
}

static void release(void *item, bool is_output)
{
    static _Thread_local uint8_t packet[65536];
    if (is_output) {
        tf_output *entry = item;
        CHECK(tf_output_copy(entry, 0, packet, sizeof packet) > 0);
        tf_output_free(&entry, 1);
    } else {
        tf_block_shared(item);
        tf_block_free(item);
    }
}

static void *work(void *argument)
{
    handover *h = argument;
    for (;;) {
        CHECK_EQ(0, pthread_mutex_lock(&h->lock));
        bool stop = h->stop && h->count == 0;
        void *item = NULL;
        bool is_output = false;
        if (h->count != 0) {
            item = h->items[--h->count];
            is_output = h->is_output[h->count];
        }
        CHECK_EQ(0, pthread_mutex_unlock(&h->lock));
        if (stop) {
            return NULL;
        }
        if (item == NULL) {
            sched_yield();
            continue;
        }
        release(item, is_output);
        atomic_fetch_add(&h->freed, 1);
    }
}

static void take_output(const sim *s, handover *h)
{
    tf_output *entries[64];
    int32_t count;
    while ((count = tf_output_take(s->stack, s->now, entries, 64)) > 0) {
        for (int32_t i = 0; i < count; i++) {
            give(h, entries[i], true);
        }
    }
}

/* Weakness W4 */
TEST(threads_without_the_lock_free_what_flows_still_use)
{
    sim *s = sim_open(NULL);
    flow *flows[FLOWS];
    peer *peers[FLOWS];
    for (uint32_t i = 0; i < FLOWS; i++) {
        peers[i] = peer_new(s, i);
        flows[i] = peer_open(peers[i]);
    }
    s->hold_output = true;
    static handover h = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t workers[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        CHECK_EQ(0, pthread_create(&workers[i], NULL, work, &h));
    }
    for (uint32_t round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < FLOWS; i++) {
            uint8_t *block = tf_block_alloc(s->stack, 6000);
            CHECK(block != NULL);
            memset(block, (int)round, 6000);
            CHECK(tf_flow_write_block(s->stack, s->now, flows[i]->id, block, block, 6000) >= 0);
            /* The flow has references of its own: this one goes, wherever the bytes are. */
            give(&h, block, false);
        }
        take_output(s, &h);
        if (round == 200) {
            /* What was written is let go under the workers' eyes. */
            CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, flows[0]->id));
            CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, flows[1]->id));
            flows[0] = flows[2];
            flows[1] = flows[3];
        }
    }
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    take_output(s, &h);
    CHECK_EQ(0, pthread_mutex_lock(&h.lock));
    h.stop = true;
    CHECK_EQ(0, pthread_mutex_unlock(&h.lock));
    for (uint32_t i = 0; i < WORKERS; i++) {
        CHECK_EQ(0, pthread_join(workers[i], NULL));
    }
    CHECK(atomic_load(&h.freed) > 300 * FLOWS);
    sim_destroy(s);
}
