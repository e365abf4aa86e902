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

static void small(tf_config *config)
{
    config->max_flows = 16;
    config->max_pending = 16;
    config->max_pending_source = 16;
    config->max_half_open = 16;
    config->max_sessions = 16;
    config->flags |= TF_STACK_ECHO_REPLY;
}

static void ping(sim *s)
{
    wire w = {.src = wire_endpoint4(10, 0, 0, 2, 0),
              .dst = wire_endpoint4(8, 8, 8, 8, 0),
              .protocol = WIRE_ICMP4,
              .icmp_type = 8};
    sim_send_wire(s, &w);
}

/* A bit of everything. What fails on the way may fail; what is open in the end works. */
static void everything(sim *s, uint32_t round)
{
    s->tolerant = true;
    s->template_.reads = s->template_.echoes = s->template_.shuts = s->template_.auto_close = true;
    s->template_.blocks = (round & 1) != 0;
    peer *peers[2];
    for (uint32_t i = 0; i < 2; i++) {
        peers[i] = peer_new(s, i);
        peers[i]->seed_in = 1;
        peers[i]->super_packets = (round & 2) != 0;
        peer_send(peers[i], 20000);
        peer_finish(peers[i]);
        peer_connect(peers[i]);
    }
    ping(s);
    tf_endpoint application = wire_endpoint4(10, 0, 0, 9, 99);
    tf_endpoint remote = wire_endpoint4(1, 1, 1, 1, 53);
    udp_in(s, application, remote, 1, 3000, true);
    sim_run(s, 2 * SECONDS);
    for (session *one = s->sessions; one != NULL; one = one->next) {
        tf_datagram *datagram;
        if (tf_session_receive(s->stack, one->id, &datagram, 1) == 1) {
            tf_session_refuse(s->stack, s->now, one->id, datagram, TF_REFUSE_RESET);
            tf_datagram_free(datagram);
        }
        static uint8_t payload[4000];
        tf_session_send(s->stack, s->now, one->id, &remote, payload, sizeof payload);
    }
    sim_run(s, 100 * SECONDS);
    for (uint32_t i = 0; i < 2; i++) {
        /* Never a stuck flow: it went through, or it was told about. */
        bool done = peers[i]->fin_received && peers[i]->received == 20000;
        if (!done && peers[i]->state != PEER_RESET) {
            sim_run(s, 3000 * SECONDS);
            done = peers[i]->fin_received && peers[i]->received == 20000;
        }
        CHECK(done || peers[i]->state == PEER_RESET);
    }
}

TEST(every_nth_allocation_may_fail)
{
    uint32_t last = 0;
    for (uint32_t n = 1; n < 220; n++) {
        sim *s = sim_open(small);
        atomic_store(&tf_common_budgets[s->stack].fail_after, n);
        everything(s, n);
        /* The counter has run out: the n-th allocation was asked for, and refused. */
        bool failed = atomic_exchange(&tf_common_budgets[s->stack].fail_after, 0) == 0;
        last = failed ? n : last;
        sim_close(s);
    }
    CHECK_RANGE(120, 219, last);
}

TEST(random_allocations_may_fail)
{
    for (uint32_t round = 0; round < 20; round++) {
        sim *s = sim_open(small);
        s->random += round;
        atomic_store(&tf_common_budgets[s->stack].fail_per_mille, round < 10 ? 10 : 100);
        everything(s, round);
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
