/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "peer.h"

/* Every [lock] function that takes an id, on one that names nothing. */
static void check_flow_calls(sim *s, uint64_t id, int32_t expected)
{
    tf_flow_details details;
    tf_slice slices[TF_MAX_SLICES];
    uint32_t count;
    uint32_t end;
    uint8_t byte = 0;
    CHECK_EQ(expected, tf_flow_get_details(s->stack, id, &details));
    CHECK_EQ(expected, tf_flow_accept(s->stack, s->now, id));
    CHECK_EQ(expected, tf_flow_refuse(s->stack, s->now, id, TF_REFUSE_RESET));
    CHECK_EQ(expected, tf_flow_receive(s->stack, id, slices, TF_MAX_SLICES, &count, &end));
    CHECK_EQ(expected, tf_flow_consume(s->stack, s->now, id, 1));
    CHECK_EQ(expected, tf_flow_write(s->stack, s->now, id, &byte, 1));
    CHECK_EQ(expected, tf_flow_writable(s->stack, id));
    CHECK_EQ(expected, tf_flow_shutdown(s->stack, s->now, id));
    CHECK_EQ(expected, tf_flow_discard(s->stack, s->now, id));
    CHECK_EQ(expected, tf_flow_abort(s->stack, s->now, id));
    CHECK_EQ(expected, tf_flow_close(s->stack, s->now, id, 0));
    uint8_t *block = tf_block_alloc(s->stack, 10);
    CHECK(block != NULL);
    CHECK_EQ(expected, tf_flow_write_block(s->stack, s->now, id, block, block, 10));
    CHECK_EQ(0, tf_block_shared(block));
    tf_block_free(block);
}

static void check_session_calls(sim *s, uint64_t id, int32_t expected)
{
    tf_endpoint source = wire_endpoint4(1, 2, 3, 4, 5);
    tf_datagram *datagram;
    uint8_t byte = 0;
    CHECK_EQ(expected, tf_session_get_source(s->stack, id, &source));
    CHECK_EQ(expected, tf_session_receive(s->stack, id, &datagram, 1));
    source = wire_endpoint4(1, 2, 3, 4, 5);
    CHECK_EQ(expected, tf_session_send(s->stack, s->now, id, &source, &byte, 1));
    CHECK_EQ(expected, tf_session_refuse_remote(s->stack, s->now, id, &source, TF_REFUSE_RESET));
    CHECK_EQ(expected, tf_session_set_idle(s->stack, s->now, id, SECONDS));
    CHECK_EQ(expected, tf_session_close(s->stack, id));
}

TEST(stale_ids_get_an_error)
{
    sim *s = sim_open(NULL);
    static const uint64_t nonsense[] = {0, 1, 0xFFFFFF, 1ull << 24, 1ull << 56, ~0ull, 1ull << 63};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        check_flow_calls(s, nonsense[i], TF_E_STALE);
        check_session_calls(s, nonsense[i], TF_E_STALE);
    }
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    uint64_t id = f->id;
    /* Of another stack, another generation, another kind. */
    check_flow_calls(s, id ^ 1ull << 57, TF_E_STALE);
    check_flow_calls(s, id ^ 1ull << 24, TF_E_STALE);
    check_flow_calls(s, id ^ 1ull << 56, TF_E_STALE);
    check_session_calls(s, id ^ 1ull << 56, TF_E_STALE);
    sim_release_flow(s, f, 0);
    check_flow_calls(s, id, TF_E_STALE);
    sim_close(s);
}

TEST(ids_are_not_reused)
{
    sim *s = sim_open(NULL);
    uint64_t previous = 0;
    for (uint32_t i = 0; i < 300; i++) {
        peer *p = peer_new(s, i);
        flow *f = peer_open(p);
        CHECK(f->id != previous);
        for (flow *other = s->flows; other != NULL; other = other->next) {
            CHECK(other == f || other->id != f->id);
        }
        previous = f->id;
        tf_flow_abort(s->stack, s->now, f->id);
        sim_pump(s);
        sim_release_flow(s, f, 0);
        /* Few slots: they are a table index for the caller. */
        CHECK((f->id & 0xFFFFFF) < 16);
        check_flow_calls(s, f->id, TF_E_STALE);
    }
    sim_close(s);
}

TEST(wrong_state_is_told)
{
    sim *s = sim_open(NULL);
    s->accepts = false;
    peer *p = peer_new(s, 0);
    peer_connect(p);
    sim_pump(s);
    flow *f = sim_flow(s);
    uint8_t byte = 0;
    tf_slice slice;
    uint32_t count;
    uint32_t end;
    CHECK_EQ(TF_E_STATE, tf_flow_write(s->stack, s->now, f->id, &byte, 1));
    CHECK_EQ(TF_E_STATE, tf_flow_shutdown(s->stack, s->now, f->id));
    CHECK_EQ(0, tf_flow_receive(s->stack, f->id, &slice, 1, &count, &end));
    CHECK_EQ(0, end);
    CHECK_EQ(TF_E_INVALID, tf_flow_refuse(s->stack, s->now, f->id, 99));
    CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, f->id));
    CHECK_EQ(TF_E_STATE, tf_flow_accept(s->stack, s->now, f->id));
    sim_pump(s);
    CHECK((f->seen & TF_EVENT_OPEN) != 0);
    CHECK_EQ(TF_E_STATE, tf_flow_accept(s->stack, s->now, f->id));
    CHECK_EQ(TF_E_STATE, tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_RESET));
    /* More than was shown cannot be consumed. */
    CHECK_EQ(TF_E_INVALID, tf_flow_consume(s->stack, s->now, f->id, 1));
    CHECK_EQ(TF_OK, tf_flow_consume(s->stack, s->now, f->id, 0));
    CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
    CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
    CHECK_EQ(TF_E_STATE, tf_flow_write(s->stack, s->now, f->id, &byte, 1));
    sim_close(s);
}

typedef struct contention {
    uint32_t stack;
    uint64_t now;
    _Atomic bool stop;
    _Atomic uint64_t busy;
    _Atomic uint64_t done;
    _Atomic uint64_t other;
} contention;

static void *contend(void *argument)
{
    contention *c = argument;
    tf_stats stats;
    tf_event events[4];
    while (!atomic_load(&c->stop)) {
        int32_t results[3] = {tf_stack_get_stats(c->stack, &stats), tf_stack_tick(c->stack, c->now),
                              tf_events(c->stack, events, 4)};
        for (int i = 0; i < 3; i++) {
            atomic_fetch_add(results[i] == TF_E_BUSY ? &c->busy : results[i] == 0 ? &c->done : &c->other, 1);
        }
    }
    return NULL;
}

/* Two threads break the lock rule on purpose: calls are refused, not mixed. */
TEST(overlapping_calls_are_busy)
{
    sim *s = sim_open(NULL);
    contention c = {.stack = s->stack, .now = s->now};
    pthread_t threads[2];
    CHECK_EQ(0, pthread_create(&threads[0], NULL, contend, &c));
    CHECK_EQ(0, pthread_create(&threads[1], NULL, contend, &c));
    /* Until they have met: on a loaded machine that can take a while. */
    for (time_t limit = time(NULL) + 60; atomic_load(&c.busy) == 0 && time(NULL) < limit;) {
        tf_output_pending(s->stack);
    }
    atomic_store(&c.stop, true);
    CHECK_EQ(0, pthread_join(threads[0], NULL));
    CHECK_EQ(0, pthread_join(threads[1], NULL));
    CHECK(atomic_load(&c.busy) > 0);
    CHECK(atomic_load(&c.done) > 0);
    CHECK_EQ(0, atomic_load(&c.other));
    sim_close(s);
}

static void *free_calls(void *argument)
{
    contention *c = argument;
    while (!atomic_load(&c->stop)) {
        uint8_t *block = tf_block_alloc(c->stack, 1000);
        CHECK(block != NULL);
        memset(block, 1, 1000);
        CHECK_EQ(0, tf_block_shared(block));
        tf_block_free(block);
        tf_block_free(NULL);
        tf_datagram_free(NULL);
        tf_output_pending(c->stack);
        atomic_fetch_add(&c->done, 1);
    }
    return NULL;
}

/* [free] functions need no lock: they never disturb a [lock] call. */
TEST(free_functions_disturb_nobody)
{
    sim *s = sim_open(NULL);
    contention c = {.stack = s->stack, .now = s->now};
    pthread_t thread;
    CHECK_EQ(0, pthread_create(&thread, NULL, free_calls, &c));
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    f->echoes = true;
    f->blocks = true;
    p->seed_in = p->seed_out;
    peer_send(p, 2000000);
    SIM_WAIT(s, 60 * SECONDS, p->received == 2000000);
    while (atomic_load(&c.done) == 0) {
    }
    atomic_store(&c.stop, true);
    CHECK_EQ(0, pthread_join(thread, NULL));
    sim_close(s);
}
