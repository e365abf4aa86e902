/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes through flows, exact, in every size and under loss.
 */
#include <string.h>

#include "peer.h"

typedef struct shape {
    uint64_t bytes;
    uint32_t family; /* 0: IPv4, 1: IPv6 */
    bool super_packets;
    bool blocks;
    uint32_t segment_min;
    uint32_t segment_max;
    sim_configure configure;
    impairment link;
    uint64_t duration;
} shape;

static void echo(const shape *how)
{
    sim *s = sim_open(how->configure);
    s->up = s->down = how->link;
    s->blocks = how->blocks;
    peer *p = peer_new(s, how->family);
    p->super_packets = how->super_packets;
    p->segment_min = how->segment_min;
    p->segment_max = how->segment_max;
    p->acks = PEER_ACK_DELAYED;
    p->seed_in = p->seed_out;
    s->template_.reads = s->template_.echoes = s->template_.shuts = s->template_.auto_close = true;
    s->template_.blocks = how->blocks;
    flow *f = peer_open(p);
    peer_send(p, how->bytes);
    peer_finish(p);
    uint64_t limit = how->duration != 0 ? how->duration : 30 * SECONDS;
    SIM_WAIT(s, limit, p->fin_received && peer_all_acked(p));
    CHECK_EQ(how->bytes, p->received);
    CHECK_EQ(how->bytes, f->received);
    CHECK_EQ(0, f->receive_error);
    CHECK(how->link.loss != 0 || how->link.reorder != 0 || p->duplicate_bytes == 0);
    CHECK(how->link.loss != 0 || how->link.reorder != 0 || p->retransmissions == 0);
    CHECK(how->link.loss != 0 || how->link.reorder != 0 || sim_stats(s).retransmissions == 0);
    SIM_WAIT(s, 100 * SECONDS, sim_stats(s).flows == 0);
    sim_close(s);
}

TEST(echo_of_every_size)
{
    static const uint64_t sizes[] = {0,    1,    2,    535,  536,   1439,  1440,
                                     1441, 1459, 1460, 1461, 65535, 65536, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint32_t variant = 0; variant < 8; variant++) {
            echo(&(shape){.bytes = sizes[i],
                          .family = variant & 1,
                          .blocks = (variant & 2) != 0,
                          .super_packets = (variant & 4) != 0});
        }
    }
}

TEST(echo_4_mb_v4)
{
    echo(&(shape){.bytes = 4 << 20});
}

TEST(echo_4_mb_v6)
{
    echo(&(shape){.bytes = 4 << 20, .family = 1});
}

TEST(echo_4_mb_super_packets_v4)
{
    echo(&(shape){.bytes = 4 << 20, .super_packets = true, .blocks = true});
}

TEST(echo_4_mb_super_packets_v6)
{
    echo(&(shape){.bytes = 4 << 20, .super_packets = true, .blocks = true, .family = 1});
}

TEST(echo_in_random_segments)
{
    echo(&(shape){.bytes = 500000, .segment_min = 1, .segment_max = 1460, .blocks = true});
    echo(&(shape){.bytes = 200000, .segment_min = 1, .segment_max = 20, .family = 1});
}

static void plain(tf_config *config)
{
    config->flags &= ~(uint32_t)TF_STACK_COALESCE;
}

static void coalesce(tf_config *config)
{
    config->flags |= TF_STACK_COALESCE;
}

static void small_windows(tf_config *config)
{
    config->receive_window = 16 * 1024;
    config->send_buffer = 16 * 1024;
}

static void large_windows(tf_config *config)
{
    config->receive_window = 1024 * 1024;
    config->send_buffer = 1024 * 1024;
    config->flow_bytes = 4 * 1024 * 1024;
    config->flags |= TF_STACK_COALESCE;
}

static void small_mtu(tf_config *config)
{
    config->mtu = 576;
}

static void large_mtu(tf_config *config)
{
    config->mtu = 65535;
}

TEST(echo_without_coalescing)
{
    echo(&(shape){.bytes = 1 << 20, .configure = plain});
}

TEST(echo_with_small_windows)
{
    echo(&(shape){.bytes = 1 << 20, .configure = small_windows});
    echo(&(shape){.bytes = 1 << 20, .configure = small_windows, .super_packets = true, .family = 1});
}

TEST(echo_with_large_windows)
{
    echo(&(shape){.bytes = 4 << 20, .configure = large_windows, .super_packets = true});
    echo(&(shape){.bytes = 4 << 20, .configure = large_windows, .family = 1});
}

TEST(echo_over_other_mtus)
{
    echo(&(shape){.bytes = 300000, .configure = small_mtu});
    echo(&(shape){.bytes = 4 << 20, .configure = large_mtu});
    echo(&(shape){.bytes = 4 << 20, .configure = large_mtu, .family = 1});
}

TEST(echo_with_delay)
{
    impairment slow = {.delay = 30 * MILLISECONDS};
    echo(&(shape){.bytes = 1 << 20, .link = slow});
    echo(&(shape){.bytes = 1 << 20, .link = slow, .family = 1, .configure = coalesce, .super_packets = true});
}

TEST(echo_under_1_percent_loss)
{
    impairment lossy = {.loss = 10000, .delay = 5 * MILLISECONDS};
    echo(&(shape){.bytes = 1 << 20, .link = lossy, .duration = 200 * SECONDS});
}

TEST(echo_under_5_percent_loss_with_reordering)
{
    impairment lossy = {.loss = 50000,
                        .duplicate = 20000,
                        .reorder = 100000,
                        .reorder_delay = 20 * MILLISECONDS,
                        .delay = 5 * MILLISECONDS};
    echo(&(shape){.bytes = 300000, .link = lossy, .duration = 600 * SECONDS});
    echo(&(shape){.bytes = 300000,
                  .link = lossy,
                  .duration = 600 * SECONDS,
                  .family = 1,
                  .blocks = true,
                  .configure = coalesce});
}

TEST(echo_under_20_percent_loss)
{
    impairment lossy = {.loss = 200000, .delay = 5 * MILLISECONDS};
    echo(&(shape){.bytes = 50000, .link = lossy, .duration = 2000 * SECONDS});
}

TEST(echo_under_reordering_only)
{
    impairment shuffled = {.reorder = 300000, .reorder_delay = 10 * MILLISECONDS, .delay = MILLISECONDS};
    echo(&(shape){.bytes = 1 << 20, .link = shuffled, .duration = 200 * SECONDS});
}

TEST(download_4_mb)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(family == 0 ? coalesce : plain);
        peer *p = peer_new(s, family);
        p->acks = PEER_ACK_DELAYED;
        flow *f = peer_open(p);
        f->to_write = 4 << 20;
        f->blocks = true;
        flow_drive(s, f);
        SIM_WAIT(s, 30 * SECONDS, p->received == 4 << 20);
        CHECK_EQ(TF_OK, tf_flow_shutdown(s->stack, s->now, f->id));
        sim_pump(s);
        CHECK((f->seen & TF_EVENT_DRAINED) != 0);
        CHECK(s->super_packets > 0 || family == 1);
        tf_flow_details details;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
        CHECK_EQ(0, details.send_queue);
        sim_close(s);
    }
}

TEST(many_flows_at_once)
{
    sim *s = sim_open(NULL);
    s->up.loss = s->down.loss = 5000;
    s->up.delay = s->down.delay = 2 * MILLISECONDS;
    s->template_.reads = s->template_.echoes = s->template_.shuts = s->template_.auto_close = true;
    enum { count = 60, bytes = 30000 };
    peer *peers[count];
    for (uint32_t i = 0; i < count; i++) {
        peers[i] = peer_new(s, i);
        peers[i]->seed_in = 1;
        peer_connect(peers[i]);
        peer_send(peers[i], bytes);
        peer_finish(peers[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        SIM_WAIT(s, 300 * SECONDS, peers[i]->fin_received && peer_all_acked(peers[i]));
        CHECK_EQ(bytes, peers[i]->received);
    }
    CHECK_EQ(count, sim_stats(s).flows_opened);
    sim_close(s);
}

TEST(overlapping_segments_keep_the_stream)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    static uint8_t bytes[4000];
    pattern_fill(1, 0, bytes, sizeof bytes);
    uint32_t base = p->snd_nxt;
    /* Out of order, twice, across each other; then the missing start. */
    static const uint32_t pieces[][2] = {{1000, 500}, {1200, 1000}, {900, 400}, {3000, 1000},
                                         {2500, 700}, {100, 50},    {0, 950},   {2100, 500}};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        peer_raw(p, WIRE_ACK, base + pieces[i][0], p->rcv_nxt, peer_window(p), bytes + pieces[i][0],
                 pieces[i][1]);
        p->snd_max = p->snd_nxt = base + 4000;
        sim_pump(s);
    }
    CHECK_EQ(4000, f->received);
    p->to_send = 4000;
    sim_close(s);
}
