/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of configuration and time: packets, windows, MTUs, delays and
 * suspends that are legal and rare.
 */
#include <string.h>

#include "peer.h"
#include "tf_test_hooks.h"
#include "udp.h"

static void trusting(tf_config *config) { config->flags |= TF_STACK_TRUST_CHECKSUMS; }

TEST(atomic_fragment_is_a_whole_packet)
{
    sim *s = sim_open(trusting);
    uint8_t packet[200], udp[12] = {0};
    wire_write16(udp, 7000);
    wire_write16(udp + 2, 1);
    wire_write16(udp + 4, sizeof udp);
    wire_write16(udp + 6, 1); /* any but none */
    /* Offset 0 and no more fragments (RFC 6946), to the port that the wildcard control block used last. */
    wire w = {.src = wire_endpoint6(2, 7000), .dst = wire_endpoint6(1, 1), .protocol = WIRE_UDP, .fragment = true,
              .fragment_id = 1, .payload = udp, .payload_length = sizeof udp};
    uint32_t length = wire_build(&w, packet, sizeof packet);
    CHECK_EQ(1, sim_input(s, packet, length, NULL));
    CHECK_EQ(1, sim_stats(s).sessions_opened);
    sim_close(s);
}

static void lower_mtu(uint32_t index, uint32_t mtu)
{
    sim *s = sim_open(NULL);
    flow *f = peer_open(peer_new(s, index));
    CHECK_EQ(TF_OK, tf_stack_set_mtu(s->stack, mtu));
    static uint8_t data[8000], packet[65536];
    CHECK_EQ((int)sizeof data, tf_flow_write(s->stack, s->now, f->id, data, sizeof data));
    tf_output *entries[64];
    int count = tf_output_take(s->stack, s->now, entries, 64);
    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        for (uint32_t k = 0; k < entries[i]->packets; k++) {
            int length = tf_output_copy(entries[i], k, packet, sizeof packet);
            wire parsed;
            CHECK(length > 0 && (uint32_t)length <= mtu);
            CHECK(wire_parse(packet, (uint32_t)length, &parsed) == NULL);
        }
    }
    tf_output_free(entries, (uint32_t)count);
    sim_destroy(s);
}

TEST(lowered_mtu_cuts_the_segments_of_open_flows)
{
    lower_mtu(0, 1400);
    lower_mtu(0, 1492);
    lower_mtu(1, 1400);
}

TEST(lowered_mtu_ends_a_super_packet)
{
    sim *s = sim_open(NULL);
    flow *f = peer_open(peer_new(s, 0));
    static uint8_t data[8000];
    /* Two whole segments wait in the queue, and more could join them. */
    CHECK_EQ(2 * 1460, tf_flow_write(s->stack, s->now, f->id, data, 2 * 1460));
    CHECK_EQ(TF_OK, tf_stack_set_mtu(s->stack, 1400));
    CHECK_EQ((int)sizeof data, tf_flow_write(s->stack, s->now, f->id, data, sizeof data));
    tf_output *entries[64];
    int count = tf_output_take(s->stack, s->now, entries, 64);
    CHECK(count > 1);
    CHECK_EQ(2, entries[0]->packets);
    CHECK_EQ(1460, entries[0]->offload.gso_size);
    for (int i = 1; i < count; i++) {
        CHECK(entries[i]->offload.gso_size <= 1360);
    }
    tf_output_free(entries, (uint32_t)count);
    sim_destroy(s);
}

static void jumbo(tf_config *config)
{
    config->receive_window = 16384;
    config->flow_bytes = 32768;
    config->mtu = 65535;
}

TEST(window_smaller_than_a_jumbo_segment_reopens)
{
    sim *s = sim_open(jumbo);
    s->mtu = 65535;
    peer *p = peer_new(s, 0);
    p->mss = 65495;
    flow *f = peer_open(p);
    f->reads = true;
    f->seed_in = p->seed_out;
    peer_send(p, 200000);
    sim_run(s, 5 * SECONDS);
    CHECK_EQ(200000, (long long)f->received);
    sim_close(s);
}

TEST(reassembly_ages_after_a_suspend)
{
    sim *s = sim_open(NULL);
    static uint8_t payload[8000], packet[9000];
    uint64_t start = sim_stats(s).native_bytes;
    for (uint32_t id = 1; id < 100; id++) {
        wire w = {.src = wire_endpoint4(10, 0, 0, 2, 7000), .dst = wire_endpoint4(192, 0, 2, 1, 53), .protocol = WIRE_UDP,
                  .fragment = true, .more_fragments = true, .identification = (uint16_t)id, .fragment_id = id,
                  .payload = payload, .payload_length = sizeof payload};
        sim_input(s, packet, wire_build(&w, packet, sizeof packet), NULL);
    }
    CHECK(sim_stats(s).native_bytes > start);
    /* Twenty seconds without a tick, then ticks at its deadlines. */
    s->now += 20 * SECONDS;
    int ticks = 0;
    for (; ticks < 100; ticks++) {
        tf_stack_tick(s->stack, s->now);
        uint64_t deadline = tf_stack_deadline(s->stack);
        if (deadline == TF_NO_DEADLINE) {
            break;
        }
        s->now = deadline;
    }
    CHECK(ticks < 100);
    CHECK_EQ((long long)start, (long long)sim_stats(s).native_bytes);
    sim_close(s);
}

static void forever(tf_config *config)
{
    config->idle_timeout = UINT64_MAX;
    config->keepalive_interval = UINT64_MAX;
    config->session_idle = UINT64_MAX;
}

TEST(delay_of_forever_is_no_deadline)
{
    sim *s = sim_open(forever);
    peer_open(peer_new(s, 0));
    sim_run(s, SECONDS);
    CHECK_EQ((long long)TF_NO_DEADLINE, (long long)tf_stack_deadline(s->stack));
    sim_close(s);
}

TEST(accept_that_failed_for_memory_can_be_repeated)
{
    for (uint64_t nth = 1; nth < 7; nth++) {
        sim *s = sim_open(NULL);
        s->accepts = false;
        peer *p = peer_new(s, 0);
        peer_connect(p);
        sim_pump(s);
        flow *f = sim_flow(s);
        tf_test_fail_allocation(s->stack, nth, 0);
        int first = tf_flow_accept(s->stack, s->now, f->id);
        tf_test_fail_allocation(s->stack, 0, 0);
        CHECK(first == TF_OK || first == TF_E_MEMORY);
        if (first != TF_OK) {
            CHECK_EQ(TF_OK, tf_flow_accept(s->stack, s->now, f->id));
        }
        f->reads = f->shuts = true;
        f->seed_in = p->seed_out;
        sim_run(s, 2 * SECONDS);
        peer_finish(p);
        sim_run(s, 5 * SECONDS);
        CHECK_EQ(TF_OK, f->status);
        CHECK((f->seen & TF_EVENT_CLOSED) != 0);
        sim_destroy(s);
    }
}
