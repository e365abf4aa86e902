/* SPDX-License-Identifier: Apache-2.0
 *
 * The n-th allocation fails, for every n; then one in a hundred, at random.
 * Needs the library's test hooks.
 */
#include <stdatomic.h>
#include <string.h>

#include "peer.h"
#include "tf_common.h"
#include "udp.h"

/* Every call takes part: echo requests are answered by the stack in even rounds, by the caller in odd ones. */
static void small(tf_config *config)
{
    config->max_flows = 16;
    config->max_pending = 16;
    config->max_pending_source = 16;
    config->max_half_open = 16;
    config->max_sessions = 3; /* one is evicted */
    config->flags |= TF_STACK_MULTICAST;
}

static void small_and_answering(tf_config *config)
{
    small(config);
    config->flags |= TF_STACK_ECHO_REPLY;
}

static void small_and_queueing(tf_config *config)
{
    small(config);
    config->flags = (config->flags & ~(uint32_t)TF_STACK_ECHO_REPLY) | TF_STACK_ECHO_QUEUE;
}

/* ---- TCP: one connection for each way to end. */

enum { ORDERLY, STACK_ENDS_FIRST, PEER_RESETS, STACK_ABORTS, STACK_CLOSES, REFUSED_BY_ICMP, SMALL_SEGMENTS, ENDINGS };

static const uint32_t stream = 40000;

/* NULL as long as no SYN of the peer got through. */
static flow *flow_of(sim *s, const peer *p)
{
    for (flow *f = s->flows; f != NULL; f = f->next) {
        if (wire_same_endpoint(&f->details.source, &p->self)) {
            return f;
        }
    }
    return NULL;
}

static void begin(sim *s, peer *p, uint32_t how, uint32_t round)
{
    s->accepts = how != REFUSED_BY_ICMP;
    memset(&s->template_, 0, sizeof s->template_);
    s->template_.reads = true;
    s->template_.seed_in = 1;
    s->template_.auto_close = how != STACK_CLOSES && how != REFUSED_BY_ICMP;
    s->template_.blocks = (round & 1) != 0;
    s->template_.echoes = s->template_.shuts = how == ORDERLY || how == SMALL_SEGMENTS;
    s->template_.to_write = s->template_.echoes || how == REFUSED_BY_ICMP ? 0 : stream;
    s->template_.seed_out = 1;
    p->seed_in = 1;
    p->seed_out = 1;
    p->super_packets = (round & 2) != 0 && how == ORDERLY;
    if (how == SMALL_SEGMENTS) {
        p->segment_min = 20;
        p->segment_max = 120;
    }
    peer_send(p, how == SMALL_SEGMENTS ? 5000 : stream);
    if (how == ORDERLY || how == SMALL_SEGMENTS) {
        peer_finish(p);
    }
    peer_connect(p);
    /* The SYN, or what answers it, may have been lost to the failure. */
    for (uint32_t i = 0; i < 40 && flow_of(s, p) == NULL; i++) {
        sim_run(s, SECONDS);
    }
    flow *f = flow_of(s, p);
    CHECK(f != NULL);
    if (how == REFUSED_BY_ICMP && !f->released) {
        tf_flow_refuse(s->stack, s->now, f->id, TF_REFUSE_HOST_UNREACHABLE);
        f->released = true;
        p->silent = true;
    } else if (how == PEER_RESETS) {
        sim_run(s, 5 * MILLISECONDS);
        peer_reset(p);
    } else if (how == STACK_ABORTS && !f->released) {
        tf_flow_abort(s->stack, s->now, f->id);
    } else if (how == STACK_ENDS_FIRST && !f->released && f->written == f->to_write) {
        tf_flow_shutdown(s->stack, s->now, f->id);
    } else if (how == STACK_CLOSES && !f->released) {
        sim_release_flow(s, f, 20 * SECONDS);
    }
    s->accepts = true;
}

/* Never a stuck flow: it went through, or both sides were told. */
static bool settled(sim *s, const peer *p, uint32_t how)
{
    const flow *f = flow_of(s, p);
    if (f != NULL && !f->released) {
        return false;
    }
    uint64_t length = how == SMALL_SEGMENTS ? 5000 : stream;
    return how == REFUSED_BY_ICMP || p->state == PEER_RESET || p->state == PEER_CLOSED ||
           (p->fin_received && (p->received == length || how == STACK_CLOSES || how == STACK_ENDS_FIRST));
}

/* ---- datagrams and echo requests */

static void ping(sim *s, uint32_t family, uint32_t length)
{
    static uint8_t payload[4000], whole[4100], fragment[1600];
    wire w = {.src = family == 4 ? wire_endpoint4(10, 0, 0, 2, 0) : wire_endpoint6(2, 0),
              .dst = family == 4 ? wire_endpoint4(8, 8, 8, 8, 0) : wire_endpoint6(0x8888, 0),
              .protocol = family == 4 ? WIRE_ICMP4 : WIRE_ICMP6,
              .icmp_type = family == 4 ? 8 : 128,
              .payload = payload,
              .payload_length = length};
    uint32_t size = wire_build(&w, whole, sizeof whole);
    if (size <= s->mtu) {
        sim_input(s, whole, size, NULL);
        return;
    }
    for (uint32_t i = 0;; i++) {
        uint32_t piece = wire_fragment(whole, size, s->mtu, 7, i, fragment, sizeof fragment);
        if (piece == 0) {
            return;
        }
        sim_input(s, fragment, piece, NULL);
    }
}

static void answer_echoes(sim *s)
{
    tf_datagram *requests[8];
    int32_t count = tf_echo_receive(s->stack, requests, 8);
    for (int32_t i = 0; i < count; i++) {
        static const uint32_t answers[] = {TF_REFUSE_NOT, TF_REFUSE_HOST_UNREACHABLE, TF_REFUSE_SILENT};
        CHECK(tf_echo_answer(s->stack, s->now, requests[i], answers[i % 3]) >= 0);
    }
}

static void datagrams(sim *s)
{
    tf_endpoint group = wire_endpoint4(224, 0, 0, 251, 5353);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t family = i % 2 == 0 ? 4 : 6;
        tf_endpoint application = udp_application(family, (uint16_t)(99 + i));
        udp_in(s, application, udp_remote(family, 53), 1, 3000, true);
        udp_in(s, application, udp_remote(family, 99), 1, 100, false);
        ping(s, family, i < 2 ? 56 : 4000);
    }
    udp_in(s, udp_application(4, 99), group, 1, 100, false);
    sim_pump(s);
    answer_echoes(s);
    for (session *one = s->sessions; one != NULL; one = one->next) {
        tf_datagram *datagram;
        tf_endpoint source;
        if (tf_session_get_source(s->stack, one->id, &source) != TF_OK) {
            continue;
        }
        while (tf_session_receive(s->stack, one->id, &datagram, 1) == 1) {
            tf_session_refuse(s->stack, s->now, one->id, datagram, TF_REFUSE_RESET);
            tf_datagram_free(datagram);
        }
        static uint8_t payload[4000];
        tf_endpoint remote = udp_remote(source.family, 53);
        sim_pump(s);
        CHECK_EQ(0, sim_stats(s).output_entries);
        int32_t sent = tf_session_send(s->stack, s->now, one->id, &remote, payload, sizeof payload);
        /* All of its fragments, or an error and none. */
        CHECK(sent == TF_OK || sent == TF_E_MEMORY || sent == TF_E_STALE);
        CHECK_EQ(sent == TF_OK ? 3 : 0, sim_stats(s).output_entries);
        tf_session_refuse_remote(s->stack, s->now, one->id, &remote, TF_REFUSE_PROHIBITED);
    }
}

/* A bit of everything. What fails on the way may fail; what is open in the end works. */
static void everything(sim *s, uint32_t round)
{
    s->tolerant = true;
    peer *peers[2 * ENDINGS];
    for (uint32_t i = 0; i < 2 * ENDINGS; i++) {
        peers[i] = peer_new(s, i);
        begin(s, peers[i], i / 2, round);
        if (i % 4 == 3) {
            datagrams(s);
        }
        if (i == ENDINGS) {
            CHECK_EQ(TF_OK, tf_stack_set_mtu(s->stack, 1400));
        }
    }
    /* The peers' retransmission timer doubles up to a minute, as lwIP's does. */
    uint64_t limit = s->now + 200 * SECONDS;
    for (uint32_t i = 0; i < 2 * ENDINGS; i++) {
        while (!settled(s, peers[i], i / 2) && s->now < limit) {
            sim_run(s, SECONDS);
            flow *f = flow_of(s, peers[i]);
            if (f != NULL && f->released && peers[i]->state == PEER_ESTABLISHED) {
                peer_ack(peers[i]); /* a RST that was lost is made again for whoever asks */
            }
            if (f != NULL && !f->released && peers[i]->state == PEER_CLOSED && peers[i]->log_count != 0) {
                /* Its RST lay beyond bytes that were lost: it answers the challenge (RFC 5961 3.2). */
                peer_raw(peers[i], WIRE_RST, peer_last(peers[i])->ack, 0, 0, NULL, 0);
            }
            if (i / 2 == STACK_ENDS_FIRST && f != NULL && !f->released && f->written == f->to_write) {
                tf_flow_shutdown(s->stack, s->now, f->id);
                peer_finish(peers[i]);
            }
        }
        if (!settled(s, peers[i], i / 2)) {
            const flow *f = flow_of(s, peers[i]);
            test_fail(__FILE__, __LINE__, "round %u: connection %u is stuck: peer state %d, received %u; flow events %x, received %u, echo %u", round,
                      i, (int)peers[i]->state, (uint32_t)peers[i]->received, f != NULL ? f->seen : 0, f != NULL ? (uint32_t)f->received : 0,
                      f != NULL ? f->echo_length : 0);
        }
    }
}

static sim *begin_round(uint32_t round)
{
    return sim_open((round & 1) != 0 ? small_and_queueing : small_and_answering);
}

/* Odd ones on the first instance of the build, even ones on the last. */
static void fail_each(uint32_t from, uint32_t to)
{
    for (uint32_t n = from + test_last_instance(); n < to; n += 2) {
        sim *s = begin_round(n / 2);
        atomic_store(&tf_common_budgets[s->stack].fail_after, n);
        everything(s, n / 2);
        /* The counter has run out: the n-th allocation was asked for, refused, and noted. */
        if (atomic_load(&tf_common_budgets[s->stack].fail_after) != 0) {
            test_fail(__FILE__, __LINE__, "allocation %u never came", n);
        }
        CHECK_EQ(1, sim_stats(s).allocation_failures);
        sim_close(s);
    }
}

/* Acceptance row 6 */
TEST(every_allocation_may_fail_up_to_500)
{
    fail_each(1, 501);
}

/* Acceptance row 6 */
TEST(every_allocation_may_fail_up_to_1000)
{
    fail_each(501, 1001);
}

/* Acceptance row 6 */
TEST(every_allocation_may_fail_up_to_1500)
{
    fail_each(1001, 1501);
}

/* Acceptance row 6 */
TEST(every_allocation_may_fail_up_to_2000)
{
    fail_each(1501, 2001);
}

/* Acceptance row 6 */
TEST(random_allocations_may_fail)
{
    for (uint32_t round = 0; round < 20; round++) {
        sim *s = begin_round(round);
        s->random += round;
        atomic_store(&tf_common_budgets[s->stack].fail_per_mille, round < 10 ? 10 : 100);
        everything(s, round);
        CHECK(sim_stats(s).allocation_failures > 5);
        atomic_store(&tf_common_budgets[s->stack].fail_per_mille, 0);
        sim_close(s);
    }
}

TEST(create_may_run_out_of_memory)
{
    tf_config config;
    tf_config_default(&config);
    small(&config);
    uint32_t stack;
    /* The budget of the stack that will be chosen: the first free one. */
    CHECK_EQ(TF_OK, tf_stack_create(&config, 1, &stack));
    CHECK_EQ(TF_OK, tf_stack_destroy(stack));
    uint64_t start = atomic_load(&tf_common_budgets[stack].used);
    uint32_t failures = 0;
    for (uint32_t n = 1; n < 40; n++) {
        atomic_store(&tf_common_budgets[stack].fail_after, n);
        uint32_t created;
        int32_t status = tf_stack_create(&config, 1, &created);
        atomic_store(&tf_common_budgets[stack].fail_after, 0);
        if (status == TF_OK) {
            CHECK_EQ(stack, created);
            CHECK_EQ(TF_OK, tf_stack_destroy(created));
        } else {
            CHECK_EQ(TF_E_MEMORY, status);
            failures++;
        }
        CHECK_EQ(start, atomic_load(&tf_common_budgets[stack].used));
    }
    CHECK(failures >= 5);
    config.max_bytes = 1000;
    CHECK(tf_stack_create(&config, 1, &stack) < 0);
}
