/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses on the way to the application: what is sent again, and when.
 */
#include <stdio.h>

#include "peer.h"

typedef struct download {
    uint64_t bytes;
    uint32_t loss; /* per million, each way */
    bool sack;
    uint64_t limit;
    uint32_t seed;
} download;

/* Over 10 ms each way. */
static void run(uint32_t family, const download *how)
{
    sim *s = sim_open(NULL);
    s->random += how->seed;
    peer *p = peer_new(s, family);
    p->sack = how->sack;
    p->capacity = 1 << 20;
    p->acks = PEER_ACK_DELAYED;
    flow *f = peer_open(p);
    s->up.delay = s->down.delay = 10 * MILLISECONDS;
    s->up.loss = s->down.loss = how->loss;
    uint64_t begun = s->now;
    f->to_write = how->bytes;
    f->reads = f->shuts = true;
    flow_drive(s, f);
    peer_finish(p);
    SIM_WAIT(s, how->limit, p->fin_received);
    CHECK_EQ(how->bytes, p->received);
    uint64_t repeated = sim_stats(s).retransmissions;
    if (test_verbose()) {
        printf("%u ms, %u repeated, %u bytes in vain\n", (unsigned)((s->now - begun) / 1000), (unsigned)repeated, (unsigned)p->duplicate_bytes);
    }
    CHECK((how->loss == 0) == (repeated == 0));
    /* A little comes twice: what was lost on its second way, and what a timeout repeats. */
    CHECK(p->duplicate_bytes <= how->bytes / (how->loss < 100000 ? 50 : 2));
    s->up.loss = s->down.loss = 0;
    SIM_WAIT(s, 100 * SECONDS, peer_all_acked(p));
    sim_release_flow(s, f, 0);
    SIM_WAIT(s, 100 * SECONDS, sim_stats(s).flows == 0);
    sim_close(s);
}

/* Acceptance row 17 */
TEST(losses_are_recovered_with_sack)
{
    for (uint32_t family = 0; family < 2; family++) {
        run(family, &(download){4 << 20, 0, true, 2 * SECONDS, 0});
        run(family, &(download){4 << 20, 1000, true, 4 * SECONDS, 0});
        run(family, &(download){4 << 20, 10000, true, 8 * SECONDS, 0});
        run(family, &(download){1 << 20, 50000, true, 12 * SECONDS, 0});
    }
}

/* Acceptance row 17 */
TEST(losses_are_recovered_without_sack)
{
    for (uint32_t family = 0; family < 2; family++) {
        run(family, &(download){4 << 20, 1000, false, 4 * SECONDS, 0});
        run(family, &(download){4 << 20, 10000, false, 10 * SECONDS, 0});
        run(family, &(download){1 << 20, 50000, false, 25 * SECONDS, 0});
    }
}

/* Acceptance row 17 */
TEST(a_fifth_lost_each_way_delays_and_never_stops_a_download)
{
    /* Timeouts on timeouts, also while the peer already has later segments: the lists must stay in order. */
    for (uint32_t seed = 0; seed < 40; seed++) {
        run(seed % 2, &(download){200000, 200000, seed % 4 < 3, 300 * SECONDS, 7919 * seed});
    }
}

static void write_more(sim *s, flow *f, uint64_t bytes)
{
    f->to_write += bytes;
    flow_drive(s, f);
}

/* How often a segment with payload left. */
static uint32_t data_segments(const peer *p, uint32_t seq)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->log_count; i++) {
        count += p->log[i].length != 0 && p->log[i].seq == seq;
    }
    return count;
}

/* Sends a segment that is lost, and looks when it leaves again. */
static void lose(sim *s, peer *p, flow *f, uint64_t timeout)
{
    p->silent = true;
    uint32_t seq = p->rcv_nxt;
    write_more(s, f, 1000);
    for (uint32_t sent = 1; sent < 4; sent++, timeout *= 2) {
        sim_run(s, timeout - MILLISECONDS);
        CHECK_EQ(sent, data_segments(p, seq));
        sim_run(s, MILLISECONDS);
        sim_run(s, 0);
        CHECK_EQ(sent + 1, data_segments(p, seq));
    }
    p->silent = false;
    SIM_WAIT(s, 10 * SECONDS, p->received == f->to_write);
    sim_run(s, 100 * MILLISECONDS);
}

TEST(retransmission_timer_follows_the_round_trip_and_doubles)
{
    for (uint32_t family = 0; family < 2; family++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, family);
        p->acks = PEER_ACK_EACH;
        flow *f = peer_open(p);
        sim_run(s, 5 * SECONDS); /* what is idle is no round trip */

        /* The handshake took no time: the least. */
        lose(s, p, f, 250 * MILLISECONDS);
        /* The acknowledgment of a repeated segment measures nothing (Karn). */
        lose(s, p, f, 250 * MILLISECONDS);
        sim_close(s);
    }
}

TEST(retransmission_timer_of_a_long_way_starts_from_the_handshake)
{
    sim *s = sim_open(NULL);
    s->up.delay = s->down.delay = 200 * MILLISECONDS;
    peer *p = peer_new(s, 0);
    p->rto = 3 * SECONDS;
    flow *f = peer_open(p);
    /* RFC 6298 2.2: the round trip and four times its half. */
    p->silent = true;
    write_more(s, f, 1000);
    uint32_t seq = p->rcv_nxt;
    sim_run(s, 1390 * MILLISECONDS);
    CHECK_EQ(1, data_segments(p, seq));
    sim_run(s, 20 * MILLISECONDS);
    CHECK_EQ(2, data_segments(p, seq));
    sim_destroy(s);
}

TEST(sack_repeats_the_lost_segments_only)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    p->sack = true;
    flow *f = peer_open(p);
    s->up.delay = s->down.delay = 5 * MILLISECONDS;
    write_more(s, f, 20 * 1460);
    SIM_WAIT(s, 10 * SECONDS, p->received == 20 * 1460);
    sim_run(s, 100 * MILLISECONDS); /* the last acknowledgment is a delayed one */

    /* Of ten segments the 2nd, 4th and 6th are lost: their places alone are filled, within two round trips. */
    p->acks = PEER_ACK_NEVER;
    p->silent = true;
    uint32_t first = p->rcv_nxt;
    write_more(s, f, 10 * 1460);
    sim_run(s, 6 * MILLISECONDS);
    uint32_t sent = p->log_count;
    p->silent = false;
    for (uint32_t i = 0; i < 10; i++) {
        if (i == 1 || i == 3 || i == 5) {
            continue;
        }
        uint32_t begin = first + i * 1460;
        if (i == 0) {
            p->rcv_nxt = begin + 1460;
        } else {
            p->ranges[p->range_count++] = (peer_range){begin, begin + 1460};
        }
        peer_ack(p);
    }
    sim_run(s, 25 * MILLISECONDS);
    uint32_t repeated = 0;
    for (uint32_t i = sent; i < p->log_count; i++) {
        uint32_t place = (p->log[i].seq - first) / 1460;
        CHECK(p->log[i].length == 0 || place >= 10 || place == 1 || place == 3 || place == 5);
        repeated += p->log[i].length != 0 && place < 10;
    }
    CHECK_EQ(3, repeated);
    sim_destroy(s);
}
