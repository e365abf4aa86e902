/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hostile application may try on a connection.
 */
#include <stdlib.h>
#include <string.h>

#include "peer.h"

/* Opens and aborts a flow between two endpoints; returns the stack's ISN. */
static uint32_t observe_isn(sim *s, tf_endpoint self, tf_endpoint remote)
{
    peer *p = peer_between(s, self, remote);
    flow *f = peer_open(p);
    uint32_t isn = p->irs;
    CHECK_EQ(TF_OK, tf_flow_abort(s->stack, s->now, f->id));
    sim_pump(s);
    sim_release_flow(s, f, 0);
    /* The endpoints are used again. */
    p->self.port = 1;
    p->silent = true;
    return isn;
}

/* Weakness W26 */
TEST(isn_of_one_tuple_grows_with_time)
{
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(NULL);
        tf_endpoint self = family == 4 ? wire_endpoint4(10, 0, 0, 2, 5555) : wire_endpoint6(2, 5555);
        tf_endpoint remote = family == 4 ? wire_endpoint4(1, 1, 1, 1, 80) : wire_endpoint6(1, 80);
        uint32_t previous = observe_isn(s, self, remote);
        for (int i = 0; i < 10; i++) {
            sim_run(s, SECONDS);
            uint32_t isn = observe_isn(s, self, remote);
            /* RFC 6528: a 4 microsecond clock plus a function of the tuple. */
            CHECK_RANGE(249000, 251000, isn - previous);
            previous = isn;
        }
        sim_close(s);
    }
}

/* Weakness W26 */
TEST(isns_of_other_tuples_tell_nothing)
{
    sim *s = sim_open(NULL);
    enum { samples = 64 };
    uint32_t isns[samples];
    for (uint16_t i = 0; i < samples; i++) {
        isns[i] =
            observe_isn(s, wire_endpoint4(10, 0, 0, 2, (uint16_t)(5000 + i)), wire_endpoint4(1, 1, 1, 1, 80));
    }
    /* Neighbouring ports: every pair far apart, and the top byte well spread. */
    uint32_t near = 0;
    uint8_t seen[256] = {0};
    uint32_t different = 0;
    for (uint32_t i = 0; i < samples; i++) {
        different += seen[isns[i] >> 24] == 0;
        seen[isns[i] >> 24] = 1;
        for (uint32_t j = 0; j < i; j++) {
            uint32_t distance = isns[i] - isns[j];
            distance = distance > 0x80000000u ? 0u - distance : distance;
            near += distance < 100000;
        }
    }
    CHECK(near <= 3);
    CHECK(different >= 40);
    sim_close(s);
}

static uint8_t secret_byte;

static void with_secret(tf_config *config)
{
    memset(config->secret, secret_byte, sizeof config->secret);
}

/* Weakness W26 */
TEST(isn_depends_on_the_secret)
{
    uint32_t isns[2];
    for (uint32_t i = 0; i < 2; i++) {
        secret_byte = (uint8_t)(3 + i);
        sim *s = sim_open(with_secret);
        memset(s->config.secret, secret_byte, 16);
        isns[i] = observe_isn(s, wire_endpoint4(10, 0, 0, 2, 5000), wire_endpoint4(1, 1, 1, 1, 80));
        sim_close(s);
    }
    uint32_t distance = isns[0] - isns[1];
    CHECK(distance > 1000000 && distance < 0u - 1000000u);
}

TEST(data_with_an_impossible_ack_is_refused)
{
    for (uint32_t index = 0; index < 2; index++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, index);
        flow *f = peer_open(p);
        f->reads = true;
        uint8_t junk[10] = {0};
        /* RFC 5961 5.2: far behind what was acknowledged, and beyond what was sent. */
        static const uint32_t offsets[] = {0x80000001u, 0u - 1290000000u, 0u - 10000000u, 1,
                                           1000,        0x7FFFFFFF};
        for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
            uint32_t before = p->log_count;
            peer_raw(p, WIRE_ACK | WIRE_PSH, p->snd_nxt, p->rcv_nxt + offsets[i], peer_window(p), junk,
                     sizeof junk);
            p->snd_max = p->snd_nxt;
            sim_pump(s);
            CHECK_EQ(0, f->received);
            CHECK_EQ(before + 1, p->log_count);
            CHECK_EQ(WIRE_ACK, peer_last(p)->flags);
            CHECK_EQ(p->snd_nxt, peer_last(p)->ack);
            CHECK_EQ(i + 1, sim_drops(s, TF_DROP_ACK_RANGE));
        }
        peer_send(p, 100);
        SIM_WAIT(s, SECONDS, f->received == 100);
        sim_close(s);
    }
}

static void slow(tf_config *config)
{
    config->icmp_per_second = 10;
}

TEST(challenge_acks_are_rate_limited)
{
    sim *s = sim_open(slow);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    for (uint32_t kind = 0; kind < 3; kind++) {
        sim_run(s, 2 * SECONDS);
        uint32_t before = p->log_count;
        uint64_t limited = sim_drops(s, TF_DROP_ICMP_LIMIT);
        for (uint32_t i = 0; i < 100; i++) {
            if (kind == 0) {
                peer_raw(p, WIRE_RST, p->snd_nxt + 10, p->rcv_nxt, 0, NULL, 0);
            } else if (kind == 1) {
                wire w = peer_wire(p, WIRE_SYN, p->snd_nxt, 0, 0);
                sim_input_wire(s, &w);
            } else {
                peer_raw(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt + 100000, peer_window(p), NULL, 0);
            }
        }
        sim_pump(s);
        CHECK_RANGE(1, 11, p->log_count - before);
        CHECK(sim_drops(s, TF_DROP_ICMP_LIMIT) >= limited + 89);
        CHECK((f->seen & TF_EVENT_CLOSED) == 0);
    }
    sim_run(s, 2 * SECONDS);
    peer_send(p, 100000);
    SIM_WAIT(s, 5 * SECONDS, f->received == 100000);
    sim_close(s);
}

TEST(late_mss_options_change_nothing)
{
    /* lwIP takes the option from any segment: 100 would stall a flow, 60000 exceeds the MTU. */
    static const uint16_t values[] = {100, 1, 60000, 65535};
    for (uint32_t i = 0; i < 8; i++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, i & 1);
        flow *f = peer_open(p);
        tf_flow_details before;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &before));
        wire w = peer_wire(p, WIRE_ACK, p->snd_nxt, p->rcv_nxt, peer_window(p));
        w.options[0] = 2;
        w.options[1] = 4;
        wire_write16(w.options + 2, values[i / 2]);
        w.options_length = 4;
        sim_send_wire(s, &w);
        sim_pump(s);
        tf_flow_details after;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &after));
        CHECK_EQ(before.mss, after.mss);
        f->to_write = 100000;
        flow_drive(s, f);
        SIM_WAIT(s, 5 * SECONDS, p->received == 100000);
        sim_close(s);
    }
}

TEST(tiny_mss_is_raised)
{
    static const uint32_t values[] = {1, 12, 40, 87};
    for (uint32_t i = 0; i < 8; i++) {
        sim *s = sim_open(NULL);
        peer *p = peer_new(s, i & 1);
        p->mss = values[i / 2];
        flow *f = peer_open(p);
        tf_flow_details details;
        CHECK_EQ(TF_OK, tf_flow_get_details(s->stack, f->id, &details));
        CHECK_EQ(88, details.mss);
        f->to_write = 20000;
        flow_drive(s, f);
        SIM_WAIT(s, 10 * SECONDS, p->received == 20000);
        sim_close(s);
    }
}

TEST(urgent_data_is_ordinary_data)
{
    sim *s = sim_open(NULL);
    peer *p = peer_new(s, 0);
    flow *f = peer_open(p);
    f->reads = true;
    uint8_t data[100];
    pattern_fill(1, 0, data, sizeof data);
    wire w = peer_wire(p, WIRE_ACK | WIRE_URG | WIRE_PSH, p->snd_nxt, p->rcv_nxt, peer_window(p));
    w.urgent = 5;
    w.payload = data;
    w.payload_length = sizeof data;
    sim_send_wire(s, &w);
    p->snd_nxt = p->snd_max = p->snd_nxt + 100;
    SIM_WAIT(s, SECONDS, f->received == 100);
    p->to_send = 100;
    sim_close(s);
}

TEST(syn_flood_stays_under_the_caps)
{
    sim *s = sim_open(NULL);
    s->accepts = false;
    peer *good = peer_new(s, 0);
    s->accepts = true;
    flow *open = peer_open(good);
    open->reads = open->echoes = true;
    good->seed_in = 1;
    s->accepts = false;
    uint64_t before = sim_stats(s).native_bytes;
    for (uint32_t i = 0; i < 50000; i++) {
        wire w = {.src = wire_endpoint4(10, (uint8_t)(1 + i / 60000), (uint8_t)(i / 250),
                                        (uint8_t)(1 + i % 250), (uint16_t)(1024 + i % 60000)),
                  .dst = wire_endpoint4(1, 2, 3, 4, 80),
                  .protocol = WIRE_TCP,
                  .seq = i,
                  .flags = WIRE_SYN,
                  .window = 65535};
        sim_input_wire(s, &w);
        if (i % 1000 == 0) {
            sim_advance(s, 10 * MILLISECONDS);
        }
    }
    sim_pump(s);
    CHECK_EQ(s->config.max_pending / 2, sim_stats(s).flows_pending);
    CHECK_EQ(50000 - s->config.max_pending / 2, sim_drops(s, TF_DROP_PENDING_LIMIT));
    /* Whoever had a connection gets another one at once. */
    s->accepts = true;
    peer *second = peer_between(s, good->self, wire_endpoint4(8, 8, 8, 8, 443));
    CHECK(peer_open(second) != NULL);
    s->accepts = false;
    CHECK(sim_stats(s).native_bytes - before < 1024 * s->config.max_pending);
    CHECK_EQ(0, tf_output_pending(s->stack));
    /* The open flow doesn't notice. */
    peer_send(good, 100000);
    SIM_WAIT(s, 5 * SECONDS, good->received == 100000);
    sim_run(s, s->config.pending_timeout + SECONDS);
    CHECK_EQ(0, sim_stats(s).flows_pending);
    sim_close(s);
}
