/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate in front of lwIP: transport headers, checksums and offload fields.
 */
#include <string.h>

#include "filter.h"

TEST(drop_port_zero)
{
    sim *s = sim_open(NULL);
    for (uint32_t i = 0; i < 8; i++) {
        wire w = (i & 1) == 0 ? syn((i & 2) == 0 ? 4 : 6) : datagram((i & 2) == 0 ? 4 : 6);
        if ((i & 4) == 0) {
            w.src.port = 0;
        } else {
            w.dst.port = 0;
        }
        DROPPED(w, TF_DROP_PORT);
    }
    sim_close(s);
}

TEST(drop_other_protocols)
{
    sim *s = sim_open(NULL);
    for (uint32_t protocol = 0; protocol < 256; protocol++) {
        uint8_t payload[40] = {0};
        wire w = {.src = application4,
                  .dst = server4,
                  .protocol = (uint8_t)protocol,
                  .payload = payload,
                  .payload_length = sizeof payload};
        bool served = protocol == WIRE_TCP || protocol == WIRE_UDP || protocol == WIRE_ICMP4;
        if (!served) {
            DROPPED(w, TF_DROP_PROTOCOL);
        }
    }
    sim_close(s);
}

TEST(drop_tcp_header_and_flags)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[100];
    for (uint32_t family = 4; family <= 6; family += 2) {
        uint32_t ip = family == 4 ? 20 : 40;
        wire w = syn(family);
        for (uint32_t offset = 0; offset < 16; offset++) {
            if (offset == 5) {
                continue;
            }
            uint32_t length = wire_build(&w, bytes, sizeof bytes);
            bytes[ip + 12] = (uint8_t)(offset << 4);
            wire_fix_checksums(bytes, length);
            DROPPED_BYTES(bytes, length, TF_DROP_TCP_HEADER);
        }
        static const uint8_t flags[] = {0,
                                        WIRE_PSH,
                                        WIRE_URG,
                                        WIRE_FIN,
                                        WIRE_SYN | WIRE_FIN,
                                        WIRE_SYN | WIRE_RST,
                                        0x3F,
                                        WIRE_SYN | WIRE_FIN | WIRE_ACK};
        for (size_t i = 0; i < sizeof flags; i++) {
            w = syn(family);
            w.flags = flags[i];
            DROPPED(w, TF_DROP_TCP_FLAGS);
        }
    }
    sim_close(s);
}

TEST(drop_malformed_tcp_options)
{
    sim *s = sim_open(NULL);
    static const struct {
        uint8_t length;
        uint8_t bytes[12];
    } options[] = {
        {4, {2, 3, 5, 0}},     /* MSS of the wrong length */
        {4, {2, 5, 5, 0}},
        {4, {2, 0, 5, 0}},     /* length zero would never end */
        {4, {3, 1, 0, 0}},
        {4, {1, 1, 1, 2}},     /* kind without a length */
        {4, {1, 1, 2, 4}},     /* reaches beyond the header */
        {4, {8, 10, 0, 0}},
        {4, {5, 255, 0, 0}},
        {4, {3, 4, 0, 0}},     /* window scale of the wrong length */
        {4, {4, 4, 0, 0}},     /* SACK permitted of the wrong length */
        {8, {2, 4, 5, 0xB4, 3, 3, 3, 77}},
        {8, {254, 4, 0, 0, 253, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        for (uint32_t family = 4; family <= 6; family += 2) {
            wire w = syn(family);
            w.options_length = options[i].length;
            memcpy(w.options, options[i].bytes, options[i].length);
            DROPPED(w, TF_DROP_TCP_OPTIONS);
        }
    }
    /* Anything may follow the end of the list; unknown kinds are skipped. */
    static const struct {
        uint8_t length;
        uint8_t bytes[8];
    } good[] = {{4, {0, 2, 3, 9}}, {8, {2, 4, 5, 0xB4, 0, 2, 9, 9}}, {4, {253, 4, 1, 2}}, {4, {1, 1, 1, 0}}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        wire w = syn(4);
        w.src.port = (uint16_t)(100 + i);
        w.options_length = good[i].length;
        memcpy(w.options, good[i].bytes, good[i].length);
        CHECK_EQ(1, sim_input_wire(s, &w));
    }
    sim_close(s);
}

TEST(drop_udp_header)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[100];
    static const uint16_t lengths[] = {0, 7, 19, 65535};
    for (uint32_t family = 4; family <= 6; family += 2) {
        for (size_t i = 0; i < 4; i++) {
            wire w = datagram(family);
            uint32_t length = wire_build(&w, bytes, sizeof bytes);
            wire_write16(bytes + (family == 4 ? 24 : 44), lengths[i]);
            wire_fix_checksums(bytes, length);
            DROPPED_BYTES(bytes, length, TF_DROP_UDP_HEADER);
        }
    }
    sim_close(s);
}

TEST(drop_wrong_checksums)
{
    uint8_t bytes[100];
    for (uint32_t i = 0; i < 4; i++) {
        sim *s = sim_open(NULL);
        wire w = i < 2 ? syn(i % 2 == 0 ? 4 : 6) : datagram(i % 2 == 0 ? 4 : 6);
        uint32_t length = wire_build(&w, bytes, sizeof bytes);
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes[length - 1] ^= (uint8_t)(1 << bit);
            DROPPED_BYTES(bytes, length, TF_DROP_CHECKSUM);
            bytes[length - 1] ^= (uint8_t)(1 << bit);
        }
        /* What the device vouches for is not verified. */
        bytes[length - 1] ^= 0x55;
        tf_offload valid = {.checksum = TF_CHECKSUM_VALID};
        CHECK_EQ(1, sim_input(s, bytes, length, &valid));
        sim_close(s);
    }
}

static void trusting(tf_config *config)
{
    config->flags |= TF_STACK_TRUST_CHECKSUMS;
}

TEST(trusted_checksums_are_not_verified)
{
    sim *s = sim_open(trusting);
    uint8_t bytes[100];
    wire w = syn(4);
    uint32_t length = wire_build(&w, bytes, sizeof bytes);
    bytes[36] ^= 0x55;
    CHECK_EQ(1, sim_input(s, bytes, length, NULL));
    sim_pump(s);
    CHECK_EQ(1, s->flow_count);
    sim_close(s);
}

TEST(drop_contradicting_offload)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[200];
    wire w = syn(4);
    w.flags = WIRE_ACK;
    w.payload = (const uint8_t *)"0123456789012345678901234567890123456789";
    w.payload_length = 40;
    uint32_t length = wire_build(&w, bytes, sizeof bytes);
    wire_make_partial(bytes, length);
    const tf_offload good = {.checksum = TF_CHECKSUM_PARTIAL,
                             .gso_type = TF_GSO_TCP4,
                             .gso_size = 20,
                             .header_length = 40,
                             .checksum_start = 20,
                             .checksum_offset = 16};
    tf_offload bad[12];
    for (size_t i = 0; i < 12; i++) {
        bad[i] = good;
    }
    bad[0].checksum = 3;
    bad[1].gso_type = 3;
    bad[2].gso_size = 0;
    bad[3].gso_type = TF_GSO_TCP6;
    bad[4].checksum_start = 24;
    bad[5].checksum_offset = 6;
    bad[6].checksum_start = 65535;
    bad[7].checksum_offset = 65535;
    for (size_t i = 0; i < 8; i++) {
        uint64_t before = sim_drops(s, TF_DROP_OFFLOAD);
        CHECK_EQ(0, sim_input(s, bytes, length, &bad[i]));
        CHECK_EQ(before + 1, sim_drops(s, TF_DROP_OFFLOAD));
    }
    CHECK_EQ(0, tf_output_pending(s->stack));
    /* A super-packet of UDP there is not. */
    w = datagram(4);
    length = wire_build(&w, bytes, sizeof bytes);
    CHECK_EQ(0, sim_input(s, bytes, length, &good));
    CHECK_EQ(9, sim_drops(s, TF_DROP_OFFLOAD));
    sim_close(s);
}

TEST(padding_behind_a_packet_is_cut)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[200];
    for (uint32_t family = 4; family <= 6; family += 2) {
        wire w = datagram(family);
        uint32_t length = wire_build(&w, bytes, sizeof bytes);
        memset(bytes + length, 0xEE, 20);
        CHECK_EQ(1, sim_input(s, bytes, length + 20, NULL));
        sim_pump(s);
        tf_datagram *one;
        CHECK_EQ(1, tf_session_receive(s->stack, sim_session(s)->id, &one, 1));
        CHECK_EQ(10, one->length);
        tf_datagram_free(one);
    }
    sim_close(s);
}
