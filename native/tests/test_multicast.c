/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams to groups and to everybody, where the policy lets them in.
 */
#include <string.h>

#include "peer.h"
#include "udp.h"

static void with_multicast(tf_config *config)
{
    config->flags |= TF_STACK_MULTICAST;
}

static tf_endpoint group6(uint16_t port)
{
    tf_endpoint group = {.address = {0xFF, 2, [15] = 0xFB}, .port = port, .family = 6};
    return group;
}

/* mDNS, SSDP, the whole network; all over IPv6 is a group. */
static const uint8_t groups4[][4] = {{224, 0, 0, 251}, {239, 255, 255, 250}, {255, 255, 255, 255}};

static tf_endpoint destination(uint32_t i)
{
    return i < 3 ? wire_endpoint4(groups4[i][0], groups4[i][1], groups4[i][2], groups4[i][3], 5353) : group6(5353);
}

TEST(groups_are_not_served_by_default)
{
    sim *s = sim_open(NULL);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_EQ(0, udp_in(s, udp_application(i < 3 ? 4 : 6, 5353), destination(i), 1, 100, false));
        CHECK_EQ(i + 1, sim_drops(s, TF_DROP_MULTICAST));
    }
    sim_pump(s);
    CHECK(s->sessions == NULL);
    sim_close(s);
}

/* Weakness W22 */
TEST(datagrams_to_groups_reach_their_session)
{
    sim *s = sim_open(with_multicast);
    for (uint32_t i = 0; i < 4; i++) {
        tf_endpoint source = udp_application(i < 3 ? 4 : 6, (uint16_t)(5000 + i));
        CHECK_EQ(1, udp_in(s, source, destination(i), i, 300, false));
        sim_pump(s);
        session *one = sim_session(s);
        udp_expect(s, one->id, destination(i), i, 300);
        /* A member answers with its own address, never with the group's. */
        udp_out(s, one, source, udp_remote(source.family, 5353), i, 200);
        tf_endpoint group = destination(i);
        uint8_t byte = 0;
        CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &group, &byte, 1));
    }
    CHECK_EQ(4, sim_stats(s).sessions);
    CHECK_EQ(0, sim_drops(s, TF_DROP_MULTICAST));
    sim_close(s);
}

TEST(large_datagrams_to_ipv4_groups_are_put_together)
{
    sim *s = sim_open(with_multicast);
    for (uint32_t i = 0; i < 3; i++) {
        tf_endpoint source = udp_application(4, (uint16_t)(5000 + i));
        CHECK_EQ(3, udp_in(s, source, destination(i), i, 4000, true));
        sim_pump(s);
        udp_expect(s, sim_session(s)->id, destination(i), i, 4000);
    }
    /* Over IPv6 lwIP takes no group's fragments: dropped in front of it. */
    udp_in(s, udp_application(6, 1), group6(5353), 1, 4000, true);
    CHECK_EQ(3, sim_drops(s, TF_DROP_MULTICAST));
    CHECK_EQ(0, sim_drops(s, TF_DROP_REASSEMBLY));
    sim_close(s);
}

TEST(nothing_but_udp_goes_to_groups)
{
    sim *s = sim_open(with_multicast);
    for (uint32_t i = 0; i < 4; i++) {
        wire w = {.src = udp_application(i < 3 ? 4 : 6, 1000), .dst = destination(i), .protocol = WIRE_TCP, .flags = WIRE_SYN};
        CHECK_EQ(0, sim_input_wire(s, &w));
        w.protocol = i < 3 ? WIRE_ICMP4 : WIRE_ICMP6;
        w.icmp_type = i < 3 ? 8 : 128;
        CHECK_EQ(0, sim_input_wire(s, &w));
        CHECK_EQ(2 * (i + 1), sim_drops(s, TF_DROP_MULTICAST));
    }
    /* Loopback and the unspecified stay out. */
    CHECK_EQ(0, udp_in(s, udp_application(4, 1), wire_endpoint4(127, 0, 0, 1, 53), 1, 10, false));
    CHECK_EQ(0, udp_in(s, udp_application(4, 1), wire_endpoint4(0, 0, 0, 0, 53), 1, 10, false));
    CHECK_EQ(0, udp_in(s, udp_application(4, 1), wire_endpoint4(240, 0, 0, 1, 53), 1, 10, false));
    CHECK_EQ(3, sim_drops(s, TF_DROP_DESTINATION));
    sim_pump(s);
    CHECK(sim_stray(s) == NULL);
    sim_close(s);
}

TEST(no_icmp_error_about_a_group)
{
    sim *s = sim_open(with_multicast);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK_EQ(1, udp_in(s, udp_application(i < 3 ? 4 : 6, (uint16_t)(5000 + i)), destination(i), i, 300, false));
        sim_pump(s);
        session *one = sim_session(s);
        tf_datagram *datagram;
        CHECK_EQ(1, tf_session_receive(s->stack, one->id, &datagram, 1));
        CHECK_EQ(0, tf_session_refuse(s->stack, s->now, one->id, datagram, TF_REFUSE_RESET));
        tf_datagram_free(datagram);
        tf_endpoint group = destination(i);
        CHECK_EQ(TF_E_INVALID, tf_session_refuse_remote(s->stack, s->now, one->id, &group, TF_REFUSE_RESET));
        sim_pump(s);
        CHECK(sim_stray(s) == NULL);
    }
    sim_close(s);
}
