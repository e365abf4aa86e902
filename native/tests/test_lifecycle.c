/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>

#include "peer.h"

TEST(abi_version_and_layout)
{
    CHECK_EQ(TF_ABI_VERSION, tf_abi_version());
    uint32_t count = 0;
    const tf_layout_entry *entries = tf_abi_layout(&count);
    CHECK(entries != NULL && count > 60);
    static const tf_layout_entry expected[] = {
        {"tf_endpoint", sizeof(tf_endpoint), 0},
        {"tf_endpoint.port", sizeof(uint16_t), offsetof(tf_endpoint, port)},
        {"tf_offload", sizeof(tf_offload), 0},
        {"tf_offload.checksum_offset", sizeof(uint16_t), offsetof(tf_offload, checksum_offset)},
        {"tf_slice", sizeof(tf_slice), 0},
        {"tf_packet", sizeof(tf_packet), 0},
        {"tf_packet.offload", sizeof(tf_offload), offsetof(tf_packet, offload)},
        {"tf_output", sizeof(tf_output), 0},
        {"tf_output.packets", sizeof(uint32_t), offsetof(tf_output, packets)},
        {"tf_config", sizeof(tf_config), 0},
        {"tf_config.secret", 16, offsetof(tf_config, secret)},
        {"tf_event", sizeof(tf_event), 0},
        {"tf_event.status", sizeof(int32_t), offsetof(tf_event, status)},
        {"tf_flow_details", sizeof(tf_flow_details), 0},
        {"tf_datagram", sizeof(tf_datagram), 0},
        {"tf_datagram.data", sizeof(uint8_t *), offsetof(tf_datagram, data)},
        {"tf_stats", sizeof(tf_stats), 0},
        {"tf_stats.drops", 8 * TF_DROP_REASONS, offsetof(tf_stats, drops)},
        {"tf_stats.output_entries", sizeof(uint32_t), offsetof(tf_stats, output_entries)},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint32_t found = 0;
        for (uint32_t j = 0; j < count; j++) {
            if (strcmp(entries[j].name, expected[i].name) == 0) {
                found++;
                CHECK_EQ(expected[i].size, entries[j].size);
                CHECK_EQ(expected[i].offset, entries[j].offset);
            }
        }
        if (found != 1) {
            test_fail(__FILE__, __LINE__, "%s is in the layout table %u times", expected[i].name, found);
        }
    }
}

TEST(stack_limit_is_a_clear_error)
{
    tf_config config;
    tf_config_default(&config);
    uint32_t limit = tf_stack_limit();
    CHECK(limit >= 1 && limit <= 64);
    uint32_t stacks[64];
    for (uint32_t i = 0; i < limit; i++) {
        CHECK_EQ(TF_OK, tf_stack_create(&config, 1, &stacks[i]));
        for (uint32_t j = 0; j < i; j++) {
            CHECK(stacks[i] != stacks[j]);
        }
    }
    uint32_t extra = 77;
    CHECK_EQ(TF_E_LIMIT, tf_stack_create(&config, 1, &extra));
    /* A freed one can be taken again. */
    CHECK_EQ(TF_OK, tf_stack_destroy(stacks[limit / 2]));
    CHECK_EQ(TF_OK, tf_stack_create(&config, 1, &extra));
    CHECK_EQ(stacks[limit / 2], extra);
    for (uint32_t i = 0; i < limit; i++) {
        CHECK_EQ(TF_OK, tf_stack_destroy(stacks[i]));
    }
}

TEST(create_rejects_bad_configurations)
{
    tf_config good;
    tf_config_default(&good);
    CHECK_EQ(sizeof good, good.size);
    uint32_t stack;
    tf_config bad = good;
    bad.size = 4;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.mtu = 575;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.mtu = 65536;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.receive_window = 16 * 1024 - 1;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.receive_window = 1024 * 1024 + 1;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.send_buffer = 1000;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.flow_bytes = good.receive_window;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.max_flows = 0;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    bad = good;
    bad.max_flows = 1u << 25;
    CHECK_EQ(TF_E_INVALID, tf_stack_create(&bad, 1, &stack));
    CHECK_EQ(TF_OK, tf_stack_create(&good, 1, &stack));
    CHECK_EQ(TF_OK, tf_stack_destroy(stack));
}

TEST(calls_on_no_stack_are_stale)
{
    tf_event event;
    tf_output *entry;
    tf_stats stats;
    uint32_t stack = tf_stack_limit() - 1;
    for (int round = 0; round < 2; round++) {
        CHECK(tf_stack_tick(stack, 1) < 0);
        CHECK(tf_events(stack, &event, 1) < 0);
        CHECK(tf_output_take(stack, 1, &entry, 1) < 0);
        CHECK(tf_stack_get_stats(stack, &stats) < 0);
        CHECK(tf_stack_destroy(stack) < 0);
        CHECK(tf_input(stack, 1, NULL, 0) < 0);
        CHECK(tf_block_alloc(stack, 100) == NULL);
        CHECK(tf_stack_deadline(stack) == TF_NO_DEADLINE);
        stack = 4000000000u;
    }
}

TEST(stack_can_be_created_again_and_again)
{
    for (int round = 0; round < 200; round++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, (uint32_t)round);
        peer_open(p);
        sim_destroy(s);
    }
}

/* Weakness W23 */
/* Weakness W26 */
TEST(idle_stack_is_silent)
{
    sim *s = sim_open(NULL);
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
    for (int second = 0; second < 60; second++) {
        sim_advance(s, SECONDS);
        CHECK_EQ(TF_OK, tf_stack_tick(s->stack, s->now));
        CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
        CHECK_EQ(0, tf_output_pending(s->stack));
    }
    CHECK_EQ(0, sim_stats(s).packets_out);
    CHECK_EQ(0, sim_stats(s).ticks);
    sim_close(s);
}

/* Weakness W26 */
TEST(idle_flow_needs_no_ticks)
{
    sim *s = sim_open(NULL);
    s->config.keepalive_interval = 0;
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    peer_send(p, 100000);
    SIM_WAIT(s, 5 * SECONDS, f->received == 100000);
    sim_run(s, 2 * SECONDS);
    uint64_t ticks = sim_stats(s).ticks;
    uint64_t sent = sim_stats(s).packets_out;
    sim_run(s, 60 * SECONDS);
    CHECK_EQ(ticks, sim_stats(s).ticks);
    CHECK_EQ(sent, sim_stats(s).packets_out);
    sim_close(s);
}

TEST(time_going_backwards_is_harmless)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    CHECK_EQ(TF_OK, tf_stack_tick(s->stack, s->now - 1000 * SECONDS));
    CHECK_EQ(TF_OK, tf_stack_tick(s->stack, 0));
    peer_send(p, 5000);
    SIM_WAIT(s, SECONDS, f->received == 5000);
    sim_close(s);
}

/* Acceptance row 36 */
TEST(suspend_replays_no_ticks)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    p->silent = true;
    f->to_write = 5000;
    flow_drive(s, f);
    sim_run(s, SECONDS);
    uint64_t ticks = sim_stats(s).ticks;
    uint64_t sent = sim_stats(s).packets_out;
    sim_advance(s, 3600 * SECONDS);
    CHECK_EQ(TF_OK, tf_stack_tick(s->stack, s->now));
    CHECK_RANGE(ticks, ticks + 1, sim_stats(s).ticks);
    CHECK_RANGE(sent, sent + 8, sim_stats(s).packets_out + tf_output_pending(s->stack));
    p->silent = false;
    SIM_WAIT(s, 60 * SECONDS, p->received == 5000);
    sim_close(s);
}

TEST(abort_all_resets_everything)
{
    sim *s = sim_open(NULL);
    peer *open = peer_new(s, 0);
    flow *open_flow = peer_open(open);
    s->accepts = false;
    peer *pending = peer_new(s, 1);
    peer_connect(pending);
    sim_pump(s);
    flow *pending_flow = sim_flow_of(s, pending);
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    sim_pump(s);
    CHECK_EQ(PEER_RESET, open->state);
    CHECK_EQ(PEER_RESET, pending->state);
    CHECK((open_flow->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_ABORTED, open_flow->status);
    CHECK((pending_flow->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    sim_close(s);
}

static void small_output(tf_config *config) { config->output_bytes = 64 * 1024; }

/* Weakness W14 */
TEST(abort_all_is_told_behind_a_full_queue)
{
    sim *s = sim_open(small_output);
    peer *peers[32];
    for (uint32_t i = 0; i < 32; i++) {
        peers[i] = peer_new(s, i);
        peer_open(peers[i]);
    }
    s->hold_output = true;
    uint8_t byte = 0;
    for (uint32_t i = 0; i < 65536 && sim_drops(s, TF_DROP_OUTPUT_FULL) == 0; i++) {
        peer *p = peers[i % 32];
        peer_raw(p, WIRE_ACK | WIRE_PSH, p->snd_nxt, p->rcv_nxt, peer_window(p), &byte, 1);
        p->snd_max = ++p->snd_nxt;
        sim_pump(s);
    }
    CHECK(sim_drops(s, TF_DROP_OUTPUT_FULL) > 0);
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    s->hold_output = false;
    sim_pump(s);
    for (uint32_t i = 0; i < 32; i++) {
        CHECK_EQ(PEER_RESET, peers[i]->state);
    }
    sim_close(s);
}

static void little_memory(tf_config *config)
{
    config->max_flows = config->max_pending = config->max_half_open = 64;
    config->max_bytes = 4u << 20;
}

/* Weakness W14 */
TEST(abort_all_is_told_when_the_budget_is_spent)
{
    sim *s = sim_open(little_memory);
    peer *peers[32];
    for (uint32_t i = 0; i < 32; i++) {
        peers[i] = peer_new(s, i);
        peer_open(peers[i]);
    }
    uint8_t *blocks[512];
    uint32_t count = 0;
    for (uint32_t size = 131072; size != 0; size /= 2) {
        while (count < 512 && (blocks[count] = tf_block_alloc(s->stack, size)) != NULL) {
            count++;
        }
    }
    CHECK_RANGE(1, 511, count);
    CHECK_EQ(TF_OK, tf_stack_abort_all(s->stack, s->now));
    sim_pump(s);
    for (uint32_t i = 0; i < 32; i++) {
        CHECK_EQ(PEER_RESET, peers[i]->state);
    }
    while (count != 0) {
        tf_block_free(blocks[--count]);
    }
    sim_close(s);
}

TEST(mtu_change_counts_for_new_connections)
{
    sim *s = sim_open(NULL);
    CHECK_EQ(TF_E_INVALID, tf_stack_set_mtu(s->stack, 575));
    CHECK_EQ(TF_E_INVALID, tf_stack_set_mtu(s->stack, 65536));
    static const uint32_t mtus[] = {576, 1280, 1500, 9000, 65535};
    uint32_t index = 0;
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        CHECK_EQ(TF_OK, tf_stack_set_mtu(s->stack, mtus[i]));
        s->mtu = mtus[i];
        for (int family = 0; family < 2; family++, index++) {
            if (family == 1 && mtus[i] < 1280) {
                continue;
            }
            peer *p = peer_new(s, index);
            peer_open(p);
            CHECK_EQ(mtus[i] - (family == 0 ? 40 : 60), p->log[0].mss);
            flow *f = sim_flow_of(s, p);
            f->to_write = 300000;
            flow_drive(s, f);
            SIM_WAIT(s, 10 * SECONDS, p->received == 300000);
        }
    }
    sim_close(s);
}
