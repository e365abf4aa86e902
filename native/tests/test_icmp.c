/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

static void with_echo(tf_config *config)
{
    config->flags |= TF_STACK_ECHO_REPLY;
}

static void without_echo(tf_config *config)
{
    config->flags &= ~(uint32_t)TF_STACK_ECHO_REPLY;
}

static void ping(sim *s, uint32_t family, const uint8_t *payload, uint32_t length)
{
    wire w = {.src = family == 4 ? wire_endpoint4(10, 0, 0, 2, 0) : wire_endpoint6(2, 0),
              .dst = family == 4 ? wire_endpoint4(8, 8, 8, 8, 0) : wire_endpoint6(0x8888, 0),
              .protocol = family == 4 ? WIRE_ICMP4 : WIRE_ICMP6,
              .icmp_type = family == 4 ? 8 : 128,
              .icmp_rest = 0x12345678,
              .payload = payload,
              .payload_length = length};
    sim_send_wire(s, &w);
    sim_pump(s);
}

TEST(echo_requests_are_answered)
{
    sim *s = sim_open(with_echo);
    static uint8_t payload[1400];
    pattern_fill(1, 0, payload, sizeof payload);
    static const uint32_t sizes[] = {0, 1, 56, 1400};
    for (uint32_t family = 4; family <= 6; family += 2) {
        for (uint32_t i = 0; i < 4; i++) {
            ping(s, family, payload, sizes[i]);
            const packet *answer = sim_stray(s);
            CHECK(answer != NULL);
            const wire *w = &answer->header;
            CHECK_EQ(family == 4 ? 0 : 129, w->icmp_type);
            CHECK_EQ(0, w->icmp_code);
            CHECK_EQ(0x12345678, w->icmp_rest);
            CHECK_EQ(sizes[i], w->payload_length);
            CHECK_EQ(sizes[i], pattern_check(1, 0, w->payload, sizes[i]));
            CHECK_EQ(family, w->src.family);
            CHECK_EQ(family == 4 ? 8 : 0x20, w->src.address[0]);
            CHECK(sim_stray(s) == NULL);
        }
    }
    sim_close(s);
}

TEST(echo_requests_are_dropped_by_policy)
{
    sim *s = sim_open(without_echo);
    uint8_t payload[10] = {0};
    ping(s, 4, payload, 10);
    ping(s, 6, payload, 10);
    CHECK(sim_stray(s) == NULL);
    CHECK_EQ(2, sim_drops(s, TF_DROP_ECHO));
    sim_close(s);
}

static void slow(tf_config *config)
{
    config->flags |= TF_STACK_ECHO_REPLY;
    config->icmp_per_second = 20;
}

TEST(echo_replies_are_rate_limited)
{
    sim *s = sim_open(slow);
    uint8_t payload[10] = {0};
    for (int second = 0; second < 3; second++) {
        int answered = 0;
        for (int i = 0; i < 100; i++) {
            ping(s, i % 2 == 0 ? 4 : 6, payload, 10);
            while (sim_stray(s) != NULL) {
                answered++;
            }
        }
        CHECK_EQ(20, answered);
        CHECK_EQ(80 * (second + 1), sim_drops(s, TF_DROP_ICMP_LIMIT));
        sim_run(s, SECONDS);
    }
    sim_close(s);
}

TEST(echo_with_a_wrong_checksum_is_dropped)
{
    sim *s = sim_open(with_echo);
    uint8_t packet[100];
    for (uint32_t family = 4; family <= 6; family += 2) {
        wire w = {.src = family == 4 ? wire_endpoint4(10, 0, 0, 2, 0) : wire_endpoint6(2, 0),
                  .dst = family == 4 ? wire_endpoint4(8, 8, 8, 8, 0) : wire_endpoint6(0x8888, 0),
                  .protocol = family == 4 ? WIRE_ICMP4 : WIRE_ICMP6,
                  .icmp_type = family == 4 ? 8 : 128};
        uint32_t length = wire_build(&w, packet, sizeof packet);
        packet[length - 1] ^= 0xFF;
        CHECK_EQ(0, sim_input(s, packet, length, NULL));
    }
    CHECK_EQ(2, sim_drops(s, TF_DROP_CHECKSUM));
    sim_close(s);
}

TEST(other_icmp_is_not_served)
{
    sim *s = sim_open(with_echo);
    /* Echo replies, errors, redirects, router and neighbour discovery. */
    static const uint8_t types4[] = {0, 3, 4, 5, 9, 10, 11, 12, 13, 17};
    static const uint8_t types6[] = {1, 2, 3, 4, 129, 130, 133, 134, 135, 136, 137};
    uint8_t payload[64] = {0};
    for (uint32_t i = 0; i < sizeof types4 + sizeof types6; i++) {
        bool v4 = i < sizeof types4;
        wire w = {.src = v4 ? wire_endpoint4(10, 0, 0, 2, 0) : wire_endpoint6(2, 0),
                  .dst = v4 ? wire_endpoint4(8, 8, 8, 8, 0) : wire_endpoint6(0x8888, 0),
                  .protocol = v4 ? WIRE_ICMP4 : WIRE_ICMP6,
                  .hop_limit = 255,
                  .icmp_type = v4 ? types4[i] : types6[i - sizeof types4],
                  .payload = payload,
                  .payload_length = sizeof payload};
        CHECK_EQ(0, sim_input_wire(s, &w));
        CHECK_EQ(i + 1, sim_drops(s, TF_DROP_PROTOCOL));
    }
    sim_run(s, 10 * SECONDS);
    CHECK(sim_stray(s) == NULL);
    sim_close(s);
}
