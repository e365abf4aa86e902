/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "udp.h"

/* Acceptance row 25 */
TEST(datagrams_of_every_size)
{
    static const uint32_t sizes[] = {0,    1,    2,    7,    8,    9,    1451,  1452,
                                     1453, 1471, 1472, 1473, 2952, 9000, 32768, 65507};
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(NULL);
        tf_endpoint source = udp_application(family, 5000);
        session *one = udp_open(s, source);
        tf_endpoint back;
        CHECK_EQ(TF_OK, tf_session_get_source(s->stack, one->id, &back));
        CHECK(wire_same_endpoint(&source, &back));
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            /* Headers and payload fit in 16 bits: 20 bytes less over IPv6. */
            uint32_t size = family == 6 && sizes[i] > 65487 ? 65487 : sizes[i];
            tf_endpoint other = udp_remote(family, (uint16_t)(1000 + i));
            udp_in(s, source, other, 7 + i, size, true);
            udp_expect(s, one->id, other, 7 + i, size);
            uint64_t fragments = s->fragments_out;
            udp_out(s, one, source, other, 99 + i, size);
            uint32_t headers = family == 4 ? 28 : 48;
            CHECK(size + headers <= s->mtu ? s->fragments_out == fragments
                                           : s->fragments_out > fragments + 1);
        }
        sim_pump(s);
        CHECK_EQ(1, sim_stats(s).sessions);
        CHECK_EQ(1, sim_stats(s).sessions_opened);
        sim_close(s);
    }
}

TEST(large_datagrams_of_a_large_mtu_device)
{
    sim *s = sim_open(NULL);
    CHECK_EQ(TF_OK, tf_stack_set_mtu(s->stack, 65535));
    s->mtu = 65535;
    tf_endpoint source = udp_application(4, 5000);
    session *one = udp_open(s, source);
    udp_in(s, source, udp_remote(4, 99), 3, 65507, false);
    udp_expect(s, one->id, udp_remote(4, 99), 3, 65507);
    udp_out(s, one, source, udp_remote(4, 99), 4, 65507);
    CHECK_EQ(0, s->fragments_out);
    sim_close(s);
}

TEST(session_send_checks_its_arguments)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 5000);
    session *one = udp_open(s, source);
    static uint8_t payload[TF_MAX_DATAGRAM + 1];
    tf_endpoint good = udp_remote(4, 53);
    CHECK_EQ(TF_E_TOO_BIG, tf_session_send(s->stack, s->now, one->id, &good, payload, TF_MAX_DATAGRAM + 1));
    tf_endpoint bad = udp_remote(6, 53);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    bad = wire_endpoint4(224, 0, 0, 1, 53);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    bad = wire_endpoint4(127, 0, 0, 1, 53);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    bad = wire_endpoint4(0, 0, 0, 0, 53);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    bad = wire_endpoint4(255, 255, 255, 255, 53);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    bad = udp_remote(4, 0);
    CHECK_EQ(TF_E_INVALID, tf_session_send(s->stack, s->now, one->id, &bad, payload, 10));
    sim_pump(s);
    CHECK(sim_stray(s) == NULL);
    udp_out(s, one, source, good, 1, 100);
    sim_close(s);
}

TEST(any_remote_may_answer)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 5000);
    session *one = udp_open(s, source);
    udp_out(s, one, source, wire_endpoint4(198, 51, 100, 3, 9999), 5, 300);
    /* One session for all remotes, another one for another source port. */
    udp_in(s, source, wire_endpoint4(203, 0, 113, 9, 80), 6, 20, false);
    sim_pump(s);
    CHECK_EQ(1, sim_stats(s).sessions);
    udp_open(s, udp_application(4, 5001));
    udp_open(s, udp_application(6, 5000));
    CHECK_EQ(3, sim_stats(s).sessions);
    sim_close(s);
}

static void few_sessions(tf_config *config)
{
    config->max_sessions = 4;
    config->session_datagrams = 3;
    config->session_bytes = 16 * 1024;
}

TEST(least_recently_used_session_makes_room)
{
    sim *s = sim_open(few_sessions);
    session *sessions[5];
    for (uint16_t i = 0; i < 4; i++) {
        sessions[i] = udp_open(s, udp_application(4, (uint16_t)(100 + i)));
        sim_advance(s, SECONDS);
    }
    /* The oldest is used again, in one case by the application, in the other by the remote. */
    udp_in(s, udp_application(4, 100), udp_remote(4, 53), 1, 10, false);
    udp_out(s, sessions[1], udp_application(4, 101), udp_remote(4, 53), 1, 10);
    sessions[4] = udp_open(s, udp_application(4, 104));
    CHECK_EQ(1, sim_stats(s).sessions_evicted);
    CHECK((sessions[2]->seen & TF_EVENT_CLOSED) != 0);
    CHECK((sessions[0]->seen & TF_EVENT_CLOSED) == 0);
    CHECK((sessions[1]->seen & TF_EVENT_CLOSED) == 0);
    CHECK(sessions[2]->status < 0);
    uint8_t byte = 0;
    tf_endpoint from = udp_remote(4, 53);
    CHECK(tf_session_send(s->stack, s->now, sessions[2]->id, &from, &byte, 1) < 0);
    CHECK_EQ(TF_OK, tf_session_close(s->stack, sessions[2]->id));
    sessions[2]->released = true;
    CHECK_EQ(4, sim_stats(s).sessions);
    sim_close(s);
}

TEST(session_queue_is_bounded)
{
    sim *s = sim_open(few_sessions);
    tf_endpoint source = udp_application(4, 100);
    session *one = udp_open(s, source);
    for (uint64_t i = 0; i < 10; i++) {
        udp_in(s, source, udp_remote(4, 53), i, 100, false);
    }
    CHECK_EQ(7, sim_drops(s, TF_DROP_SESSION_QUEUE));
    tf_datagram *datagrams[8];
    CHECK_EQ(3, tf_session_receive(s->stack, one->id, datagrams, 8));
    for (uint64_t i = 0; i < 3; i++) {
        CHECK_EQ(100, pattern_check(i, 0, datagrams[i]->data, 100));
        tf_datagram_free(datagrams[i]);
    }
    /* By bytes, too. */
    for (uint64_t i = 0; i < 3; i++) {
        udp_in(s, source, udp_remote(4, 53), i, 9000, true);
    }
    CHECK_EQ(1, tf_session_receive(s->stack, one->id, datagrams, 8));
    tf_datagram_free(datagrams[0]);
    CHECK(sim_drops(s, TF_DROP_SESSION_QUEUE) >= 9);
    sim_close(s);
}

TEST(session_ends_after_idling)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 100);
    session *one = udp_open(s, source);
    sim_run(s, s->config.session_idle - SECONDS);
    udp_out(s, one, source, udp_remote(4, 9), 1, 10);
    sim_run(s, s->config.session_idle - SECONDS);
    udp_in(s, source, udp_remote(4, 9), 1, 10, false);
    sim_run(s, s->config.session_idle - SECONDS);
    CHECK((one->seen & TF_EVENT_CLOSED) == 0);
    sim_run(s, 2 * SECONDS);
    CHECK((one->seen & TF_EVENT_CLOSED) != 0);
    CHECK_EQ(TF_E_TIMEOUT, one->status);
    sim_close(s);
}

static bool ended(const session *one) { return (one->seen & TF_EVENT_CLOSED) != 0; }

/* Acceptance row 27 */
TEST(sessions_end_to_the_microsecond)
{
    sim *s = sim_open(NULL);
    CHECK_EQ(60 * SECONDS, s->config.session_idle);
    CHECK_EQ(10 * SECONDS, s->config.session_dns_idle);
    tf_endpoint source = udp_application(4, 100);
    /* Ten seconds after the answer, however long that took; sixty without one. */
    static const uint64_t delays[] = {0, 20 * MILLISECONDS, 30 * SECONDS, 0};
    for (uint32_t i = 0; i < 4; i++) {
        bool answered = i < 3;
        session *one = udp_open(s, source);
        sim_run(s, delays[i]);
        if (answered) {
            udp_out(s, one, source, udp_remote(4, 53), 1, 10);
        }
        sim_run(s, (answered ? 10 : 60) * SECONDS - 1);
        CHECK(!ended(one));
        sim_run(s, 1);
        CHECK(ended(one));
        CHECK_EQ(TF_E_TIMEOUT, one->status);
    }
    sim_close(s);
}

TEST(a_session_waits_for_every_name_server)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(6, 100);
    session *one = udp_open(s, source);
    udp_in(s, source, udp_remote(6, 53), 1, 10, false);
    udp_out(s, one, source, udp_remote(6, 53), 1, 10);
    sim_run(s, 40 * SECONDS);
    CHECK(!ended(one));
    udp_out(s, one, source, udp_remote(6, 53), 1, 10);
    /* An answer that nobody asked for, and one of another port, change nothing. */
    udp_out(s, one, source, udp_remote(6, 53), 1, 10);
    udp_out(s, one, source, udp_remote(6, 99), 1, 10);
    sim_run(s, 10 * SECONDS - 1);
    CHECK(!ended(one));
    sim_run(s, 1);
    CHECK(ended(one));
    /* One datagram to another port makes it an ordinary session for good. */
    one = udp_open(s, source);
    udp_in(s, source, udp_remote(6, 443), 1, 10, false);
    udp_out(s, one, source, udp_remote(6, 53), 1, 10);
    sim_run(s, 60 * SECONDS - 1);
    CHECK(!ended(one));
    sim_run(s, 1);
    CHECK(ended(one));
    sim_close(s);
}

TEST(a_set_idle_time_holds_for_name_servers_too)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 100);
    session *one = udp_open(s, source);
    CHECK_EQ(TF_OK, tf_session_set_idle(s->stack, s->now, one->id, 100 * SECONDS));
    udp_out(s, one, source, udp_remote(4, 53), 1, 10);
    sim_run(s, 100 * SECONDS - 1);
    CHECK(!ended(one));
    sim_run(s, 1);
    CHECK(ended(one));
    sim_close(s);
}

TEST(nobody_makes_room_for_a_session_that_does_not_come)
{
    sim *s = sim_open(few_sessions);
    /* Ended and not closed: these hold slots, of which there are twice the sessions and 64. */
    uint32_t slots = 2 * s->config.max_sessions + 64;
    for (uint32_t i = 0; i < slots; i++) {
        udp_open(s, udp_application(4, (uint16_t)(100 + i)));
    }
    uint64_t evicted = sim_stats(s).sessions_evicted;
    CHECK_EQ(slots - s->config.max_sessions, evicted);
    CHECK_EQ(0, udp_in(s, udp_application(4, 9999), udp_remote(4, 53), 1, 10, false));
    CHECK_EQ(1, sim_drops(s, TF_DROP_SESSION_QUEUE));
    CHECK_EQ(evicted, sim_stats(s).sessions_evicted);
    sim_close(s);
}

TEST(session_idle_can_be_set)
{
    sim *s = sim_open(NULL);
    session *one = udp_open(s, udp_application(6, 100));
    CHECK_EQ(TF_OK, tf_session_set_idle(s->stack, s->now, one->id, 5 * SECONDS));
    sim_run(s, 4 * SECONDS);
    CHECK((one->seen & TF_EVENT_CLOSED) == 0);
    sim_run(s, 2 * SECONDS);
    CHECK((one->seen & TF_EVENT_CLOSED) != 0);
    /* The application goes on from the same port: a new session. */
    session *next = udp_open(s, udp_application(6, 100));
    CHECK(next->id != one->id);
    sim_close(s);
}

TEST(closed_session_frees_its_queue)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 100);
    session *one = udp_open(s, source);
    for (uint64_t i = 0; i < 5; i++) {
        udp_in(s, source, udp_remote(4, 53), i, 1000, false);
    }
    CHECK_EQ(TF_OK, tf_session_close(s->stack, one->id));
    one->released = true;
    CHECK_EQ(TF_E_STALE, tf_session_close(s->stack, one->id));
    sim_pump(s);
    CHECK_EQ(0, sim_stats(s).sessions);
    CHECK_EQ(s->base_bytes, sim_stats(s).native_bytes);
    sim_close(s);
}

TEST(datagram_outlives_session_and_stack)
{
    sim *s = sim_open(NULL);
    tf_endpoint source = udp_application(4, 100);
    session *one = udp_open(s, source);
    udp_in(s, source, udp_remote(4, 53), 42, 1000, false);
    tf_datagram *datagram;
    CHECK_EQ(1, tf_session_receive(s->stack, one->id, &datagram, 1));
    sim_destroy(s);
    CHECK_EQ(1000, pattern_check(42, 0, datagram->data, 1000));
    tf_datagram_free(datagram);
}

/* Acceptance row 21 */
TEST(udp_over_ipv6_needs_a_checksum)
{
    sim *s = sim_open(NULL);
    uint8_t payload[4] = {1, 2, 3, 4};
    uint8_t packet[100];
    wire w = {.src = udp_application(6, 1),
              .dst = udp_remote(6, 2),
              .protocol = WIRE_UDP,
              .payload = payload,
              .payload_length = 4};
    uint32_t length = wire_build(&w, packet, sizeof packet);
    memset(packet + 46, 0, 2);
    CHECK_EQ(0, sim_input(s, packet, length, NULL));
    CHECK_EQ(1, sim_drops(s, TF_DROP_CHECKSUM));
    /* Over IPv4 it is optional (RFC 768). */
    w.src = udp_application(4, 1);
    w.dst = udp_remote(4, 2);
    length = wire_build(&w, packet, sizeof packet);
    memset(packet + 26, 0, 2);
    CHECK_EQ(1, sim_input(s, packet, length, NULL));
    sim_pump(s);
    CHECK_EQ(1, sim_stats(s).sessions);
    sim_close(s);
}

TEST(partial_checksum_of_a_datagram_is_accepted)
{
    sim *s = sim_open(NULL);
    static uint8_t packet[200];
    uint8_t payload[50];
    pattern_fill(1, 0, payload, sizeof payload);
    for (uint32_t family = 4; family <= 6; family += 2) {
        wire w = {.src = udp_application(family, 1),
                  .dst = udp_remote(family, 53),
                  .protocol = WIRE_UDP,
                  .payload = payload,
                  .payload_length = 50};
        uint32_t length = wire_build(&w, packet, sizeof packet);
        wire_make_partial(packet, length);
        CHECK_EQ(0, sim_input(s, packet, length, NULL));
        tf_offload offload = {
            .checksum = TF_CHECKSUM_PARTIAL, .checksum_start = family == 4 ? 20 : 40, .checksum_offset = 6};
        CHECK_EQ(1, sim_input(s, packet, length, &offload));
        sim_pump(s);
        udp_expect(s, sim_session(s)->id, udp_remote(family, 53), 1, 50);
    }
    sim_close(s);
}
