/* SPDX-License-Identifier: Apache-2.0
 *
 * Refused datagrams: ICMP errors that an application's socket is found by.
 */
#include <string.h>

#include "udp.h"

static void check_refusal(tf_endpoint source, tf_refusal refusal, uint8_t type, uint8_t code, uint32_t length)
{
    sim *s = sim_open(NULL);
    session *one = udp_open(s, source);
    tf_endpoint destination = udp_remote(source.family, 4433);
    udp_in(s, source, destination, 3, length, true);
    tf_datagram *datagram;
    CHECK_EQ(1, tf_session_receive(s->stack, one->id, &datagram, 1));
    CHECK_EQ(refusal == TF_REFUSE_SILENT ? 0 : 1,
             tf_session_refuse(s->stack, s->now, one->id, datagram, (uint32_t)refusal) &
                 (refusal == TF_REFUSE_SILENT ? 0 : 1));
    CHECK_EQ(TF_E_INVALID, tf_session_refuse(s->stack, s->now, one->id, datagram, 99));
    tf_datagram_free(datagram);
    sim_pump(s);
    const packet *answer = sim_stray(s);
    if (refusal == TF_REFUSE_SILENT) {
        CHECK(answer == NULL);
        sim_close(s);
        return;
    }
    CHECK(answer != NULL);
    const wire *w = &answer->header;
    bool v4 = source.family == 4;
    CHECK_EQ(v4 ? WIRE_ICMP4 : WIRE_ICMP6, w->protocol);
    CHECK_EQ(type, w->icmp_type);
    CHECK_EQ(code, w->icmp_code);
    CHECK(wire_same_address(&destination, &w->src));
    CHECK(wire_same_address(&source, &w->dst));
    uint32_t ip = v4 ? 20 : 40;
    CHECK(answer->length <= (v4 ? 576 : 1280));
    CHECK(w->payload_length >= ip + 8);
    CHECK_EQ(source.port, wire_read16(w->payload + ip));
    CHECK_EQ(destination.port, wire_read16(w->payload + ip + 2));
    CHECK_EQ(8 + length, wire_read16(w->payload + ip + 4));
    uint32_t quoted = w->payload_length - ip - 8;
    CHECK_EQ(quoted, pattern_check(3, 0, w->payload + ip + 8, quoted));
    CHECK(sim_stray(s) == NULL);
    sim_close(s);
}

/* Weakness W21 */
TEST(refused_datagrams_get_icmp)
{
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t lengths[] = {0, 100, 1400};
        check_refusal(udp_application(4, 700), TF_REFUSE_RESET, 3, 3, lengths[i]);
        check_refusal(udp_application(4, 700), TF_REFUSE_HOST_UNREACHABLE, 3, 1, lengths[i]);
        check_refusal(udp_application(4, 700), TF_REFUSE_NETWORK_UNREACHABLE, 3, 0, lengths[i]);
        check_refusal(udp_application(4, 700), TF_REFUSE_PROHIBITED, 3, 13, lengths[i]);
        check_refusal(udp_application(4, 700), TF_REFUSE_SILENT, 0, 0, lengths[i]);
        check_refusal(udp_application(6, 700), TF_REFUSE_RESET, 1, 4, lengths[i]);
        check_refusal(udp_application(6, 700), TF_REFUSE_HOST_UNREACHABLE, 1, 3, lengths[i]);
        check_refusal(udp_application(6, 700), TF_REFUSE_NETWORK_UNREACHABLE, 1, 0, lengths[i]);
        check_refusal(udp_application(6, 700), TF_REFUSE_PROHIBITED, 1, 1, lengths[i]);
    }
}

/* Weakness W21 */
TEST(late_refusals_get_icmp)
{
    /* The datagram is gone; the quote is made up, and must be one that a socket is found by. */
    for (uint32_t family = 4; family <= 6; family += 2) {
        sim *s = sim_open(NULL);
        tf_endpoint source = udp_application(family, 700);
        session *one = udp_open(s, source);
        tf_endpoint destination = udp_remote(family, 4433);
        CHECK_EQ(1, tf_session_refuse_remote(s->stack, s->now, one->id, &destination, TF_REFUSE_RESET));
        sim_pump(s);
        const packet *answer = sim_stray(s);
        CHECK(answer != NULL);
        const wire *w = &answer->header;
        CHECK_EQ(family == 4 ? 3 : 1, w->icmp_type);
        CHECK_EQ(family == 4 ? 3 : 4, w->icmp_code);
        CHECK(wire_same_address(&destination, &w->src));
        CHECK(wire_same_address(&source, &w->dst));
        wire quote;
        const char *error = wire_parse(w->payload, w->payload_length, &quote);
        CHECK(error == NULL || strcmp(error, "UDP without a checksum") == 0);
        CHECK_EQ(WIRE_UDP, quote.protocol);
        CHECK(wire_same_endpoint(&source, &quote.src));
        CHECK(wire_same_endpoint(&destination, &quote.dst));
        CHECK_EQ(0, quote.payload_length);
        tf_endpoint other = udp_remote(family == 4 ? 6 : 4, 1);
        CHECK_EQ(TF_E_INVALID, tf_session_refuse_remote(s->stack, s->now, one->id, &other, TF_REFUSE_RESET));
        CHECK_EQ(TF_E_INVALID, tf_session_refuse_remote(s->stack, s->now, one->id, &destination, 99));
        CHECK_EQ(0, tf_session_refuse_remote(s->stack, s->now, one->id, &destination, TF_REFUSE_SILENT));
        sim_pump(s);
        CHECK(sim_stray(s) == NULL);
        sim_close(s);
    }
}

static void slow_icmp(tf_config *config)
{
    config->icmp_per_second = 10;
}

/* Weakness W21 */
TEST(icmp_errors_are_rate_limited)
{
    sim *s = sim_open(slow_icmp);
    tf_endpoint source = udp_application(4, 700);
    session *one = udp_open(s, source);
    for (int second = 0; second < 3; second++) {
        int32_t sent = 0;
        for (uint32_t i = 0; i < 30; i++) {
            udp_in(s, source, udp_remote(4, 9), 1, 10, false);
            tf_datagram *datagram;
            CHECK_EQ(1, tf_session_receive(s->stack, one->id, &datagram, 1));
            int32_t result = tf_session_refuse(s->stack, s->now, one->id, datagram, TF_REFUSE_RESET);
            CHECK(result == 0 || result == 1);
            sent += result;
            tf_datagram_free(datagram);
        }
        CHECK_EQ(10, sent);
        CHECK_EQ(20 * (second + 1), sim_drops(s, TF_DROP_ICMP_LIMIT));
        sim_run(s, SECONDS);
    }
    sim_close(s);
}
