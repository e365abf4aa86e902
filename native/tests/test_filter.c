/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate in front of lwIP: each reason to drop, by a packet made for it.
 */
#include <string.h>

#include "peer.h"

static const tf_endpoint application4 = {.address = {10, 0, 0, 2}, .port = 40000, .family = 4};
static const tf_endpoint server4 = {.address = {192, 0, 2, 1}, .port = 80, .family = 4};
static const tf_endpoint application6 = {.address = {0x20, 1, 0xd, 0xb8, [15] = 2}, .port = 40000, .family = 6};
static const tf_endpoint server6 = {.address = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 80, .family = 6};

static wire syn(uint32_t family)
{
    wire w = {.src = family == 4 ? application4 : application6,
              .dst = family == 4 ? server4 : server6,
              .protocol = WIRE_TCP,
              .seq = 1000,
              .flags = WIRE_SYN,
              .window = 65535};
    return w;
}

static wire datagram(uint32_t family)
{
    wire w = syn(family);
    w.protocol = WIRE_UDP;
    w.payload = (const uint8_t *)"0123456789";
    w.payload_length = 10;
    return w;
}

/* The stack drops these bytes, counts them under this reason and no other, and says nothing. */
static void dropped_bytes(sim *s, const uint8_t *bytes, uint32_t length, tf_drop reason, int line)
{
    tf_stats before = sim_stats(s);
    int32_t taken = sim_input(s, bytes, length, NULL);
    tf_stats after = sim_stats(s);
    for (uint32_t i = 0; i < TF_DROP_REASONS; i++) {
        uint64_t expected = before.drops[i] + (i == (uint32_t)reason ? 1 : 0);
        if (after.drops[i] != expected) {
            test_fail(__FILE__, line, "drops[%u]: expected %llu, got %llu", i,
                      (unsigned long long)expected, (unsigned long long)after.drops[i]);
        }
    }
    CHECK_EQ(0, taken);
    CHECK_EQ(before.native_bytes, after.native_bytes);
    CHECK_EQ(0, tf_output_pending(s->stack));
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
}

static void dropped_wire(sim *s, const wire *w, tf_drop reason, int line)
{
    static uint8_t bytes[WIRE_MAX];
    uint32_t length = wire_build(w, bytes, sizeof bytes);
    CHECK(length != 0);
    dropped_bytes(s, bytes, length, reason, line);
}

#define DROPPED(w, reason) dropped_wire(s, &(w), reason, __LINE__)
#define DROPPED_BYTES(bytes, length, reason) dropped_bytes(s, bytes, length, reason, __LINE__)

TEST(every_short_packet_is_dropped)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[80];
    for (uint32_t nibble = 0; nibble < 16; nibble++) {
        for (uint32_t length = 0; length <= 80; length++) {
            for (uint32_t fill = 0; fill < 3; fill++) {
                memset(bytes, fill == 0 ? 0 : fill == 1 ? 0xFF : 0x41, sizeof bytes);
                bytes[0] = (uint8_t)(nibble << 4 | (fill == 2 ? 5 : fill));
                uint64_t before = 0;
                uint64_t after = 0;
                tf_stats stats = sim_stats(s);
                for (uint32_t i = 0; i < TF_DROP_REASONS; i++) {
                    before += stats.drops[i];
                }
                CHECK_EQ(0, sim_input(s, bytes, length, NULL));
                stats = sim_stats(s);
                for (uint32_t i = 0; i < TF_DROP_REASONS; i++) {
                    after += stats.drops[i];
                }
                CHECK_EQ(before + 1, after);
            }
        }
    }
    CHECK_EQ(0, tf_output_pending(s->stack));
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
    sim_close(s);
}

TEST(every_truncation_is_dropped)
{
    /* Each kind of packet, cut at each length. */
    sim *s = sim_open(NULL);
    static uint8_t bytes[200];
    for (uint32_t kind = 0; kind < 4; kind++) {
        wire w = kind < 2 ? syn(kind % 2 == 0 ? 4 : 6) : datagram(kind % 2 == 0 ? 4 : 6);
        uint32_t length = wire_build(&w, bytes, sizeof bytes);
        for (uint32_t cut = 0; cut < length; cut++) {
            DROPPED_BYTES(bytes, cut, TF_DROP_LENGTH);
        }
    }
    sim_close(s);
}

TEST(drop_length_and_version)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[100];
    wire w = syn(4);
    uint32_t length = wire_build(&w, bytes, sizeof bytes);
    DROPPED_BYTES(bytes, 0, TF_DROP_LENGTH);
    bytes[0] = 0x55;
    DROPPED_BYTES(bytes, length, TF_DROP_VERSION);
    bytes[0] = 0x05;
    DROPPED_BYTES(bytes, length, TF_DROP_VERSION);
    /* Total length below the header's. */
    wire_build(&w, bytes, sizeof bytes);
    wire_write16(bytes + 2, 19);
    wire_fix_checksums(bytes, length);
    DROPPED_BYTES(bytes, length, TF_DROP_LENGTH);
    /* An IPv6 jumbo payload length. */
    w = syn(6);
    length = wire_build(&w, bytes, sizeof bytes);
    wire_write16(bytes + 4, 0);
    DROPPED_BYTES(bytes, length, TF_DROP_LENGTH);
    sim_close(s);
}

static void mtu_576(tf_config *config)
{
    config->mtu = 576;
}

TEST(no_ipv6_below_its_least_mtu)
{
    sim *s = sim_open(mtu_576);
    wire w = syn(6);
    DROPPED(w, TF_DROP_VERSION);
    w = syn(4);
    CHECK_EQ(1, sim_input_wire(s, &w));
    sim_close(s);
}

TEST(drop_ip_header_and_options)
{
    sim *s = sim_open(NULL);
    uint8_t bytes[100];
    wire w = syn(4);
    uint32_t length = wire_build(&w, bytes, sizeof bytes);
    bytes[0] = 0x44;
    DROPPED_BYTES(bytes, length, TF_DROP_IP_HEADER);
    wire_build(&w, bytes, sizeof bytes);
    bytes[10] ^= 1;
    DROPPED_BYTES(bytes, length, TF_DROP_IP_HEADER);
    /* With options: 24 bytes of header, correct checksum. */
    wire_build(&w, bytes, sizeof bytes);
    memmove(bytes + 24, bytes + 20, length - 20);
    memset(bytes + 20, 1, 4);
    bytes[0] = 0x46;
    wire_write16(bytes + 2, (uint16_t)(length + 4));
    wire_fix_checksums(bytes, length + 4);
    DROPPED_BYTES(bytes, length + 4, TF_DROP_IP_OPTIONS);
    sim_close(s);
}

TEST(drop_ipv6_extension_headers)
{
    sim *s = sim_open(NULL);
    static const uint8_t kinds[] = {0, 43, 51, 60, 135, 139, 140};
    uint8_t bytes[200];
    wire w = syn(6);
    for (size_t i = 0; i < sizeof kinds; i++) {
        uint32_t length = wire_build(&w, bytes, sizeof bytes);
        memmove(bytes + 48, bytes + 40, length - 40);
        memset(bytes + 40, 0, 8);
        bytes[40] = WIRE_TCP;
        bytes[6] = kinds[i];
        wire_write16(bytes + 4, (uint16_t)(length + 8 - 40));
        DROPPED_BYTES(bytes, length + 8, TF_DROP_EXTENSION);
        /* A header that claims to be longer than the packet. */
        bytes[41] = 255;
        DROPPED_BYTES(bytes, length + 8, TF_DROP_EXTENSION);
        DROPPED_BYTES(bytes, 48, TF_DROP_LENGTH);
    }
    sim_close(s);
}

TEST(drop_sources_that_nobody_has)
{
    sim *s = sim_open(NULL);
    static const uint8_t sources4[][4] = {{0, 0, 0, 0}, {0, 1, 2, 3}, {127, 0, 0, 1}, {127, 255, 0, 9}, {224, 0, 0, 1}, {239, 1, 1, 1}, {240, 0, 0, 1}, {255, 255, 255, 255}};
    for (size_t i = 0; i < sizeof sources4 / sizeof sources4[0]; i++) {
        wire w = syn(4);
        memcpy(w.src.address, sources4[i], 4);
        DROPPED(w, TF_DROP_SOURCE);
        w = datagram(4);
        memcpy(w.src.address, sources4[i], 4);
        DROPPED(w, TF_DROP_SOURCE);
    }
    static const uint8_t sources6[][16] = {{0}, {[15] = 1}, {0xFF, 2, [15] = 1}, {[10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1}};
    for (size_t i = 0; i < sizeof sources6 / sizeof sources6[0]; i++) {
        wire w = syn(6);
        memcpy(w.src.address, sources6[i], 16);
        DROPPED(w, TF_DROP_SOURCE);
    }
    sim_close(s);
}

TEST(drop_destinations_that_are_not_served)
{
    sim *s = sim_open(NULL);
    static const uint8_t closed4[][4] = {{0, 0, 0, 0}, {0, 9, 9, 9}, {127, 0, 0, 1}, {127, 9, 9, 9}};
    for (size_t i = 0; i < sizeof closed4 / sizeof closed4[0]; i++) {
        wire w = syn(4);
        memcpy(w.dst.address, closed4[i], 4);
        DROPPED(w, TF_DROP_DESTINATION);
    }
    static const uint8_t closed6[][16] = {{0}, {[15] = 1}, {[10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1}};
    for (size_t i = 0; i < sizeof closed6 / sizeof closed6[0]; i++) {
        wire w = syn(6);
        memcpy(w.dst.address, closed6[i], 16);
        DROPPED(w, TF_DROP_DESTINATION);
    }
    static const uint8_t many4[][4] = {{224, 0, 0, 251}, {239, 255, 255, 250}, {255, 255, 255, 255}};
    for (size_t i = 0; i < sizeof many4 / sizeof many4[0]; i++) {
        wire w = datagram(4);
        memcpy(w.dst.address, many4[i], 4);
        DROPPED(w, TF_DROP_MULTICAST);
        w = syn(4);
        memcpy(w.dst.address, many4[i], 4);
        DROPPED(w, TF_DROP_MULTICAST);
    }
    wire w = datagram(6);
    memset(w.dst.address, 0, 16);
    w.dst.address[0] = 0xFF;
    w.dst.address[1] = 2;
    w.dst.address[15] = 0xFB;
    DROPPED(w, TF_DROP_MULTICAST);
    sim_close(s);
}

TEST(drop_land)
{
    sim *s = sim_open(NULL);
    for (uint32_t family = 4; family <= 6; family += 2) {
        wire w = syn(family);
        w.dst = w.src;
        DROPPED(w, TF_DROP_LAND);
        w.dst.port = 81;
        DROPPED(w, TF_DROP_LAND);
        w = datagram(family);
        w.dst = w.src;
        DROPPED(w, TF_DROP_LAND);
    }
    sim_close(s);
}

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
        wire w = {.src = application4, .dst = server4, .protocol = (uint8_t)protocol, .payload = payload, .payload_length = sizeof payload};
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
        static const uint8_t flags[] = {0, WIRE_PSH, WIRE_URG, WIRE_FIN, WIRE_SYN | WIRE_FIN, WIRE_SYN | WIRE_RST, 0x3F, WIRE_SYN | WIRE_FIN | WIRE_ACK};
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
    const tf_offload good = {.checksum = TF_CHECKSUM_PARTIAL, .gso_type = TF_GSO_TCP4, .gso_size = 20, .header_length = 40, .checksum_start = 20, .checksum_offset = 16};
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
