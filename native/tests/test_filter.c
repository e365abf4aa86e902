/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate in front of lwIP: each reason to drop an IP header, by a packet made for it.
 */
#include <string.h>

#include "filter.h"

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
    static const uint8_t sources4[][4] = {{0, 0, 0, 0},     {0, 1, 2, 3},        {127, 0, 0, 1},
                                          {127, 255, 0, 9}, {224, 0, 0, 1},      {239, 1, 1, 1},
                                          {240, 0, 0, 1},   {255, 255, 255, 255}};
    for (size_t i = 0; i < sizeof sources4 / sizeof sources4[0]; i++) {
        wire w = syn(4);
        memcpy(w.src.address, sources4[i], 4);
        DROPPED(w, TF_DROP_SOURCE);
        w = datagram(4);
        memcpy(w.src.address, sources4[i], 4);
        DROPPED(w, TF_DROP_SOURCE);
    }
    static const uint8_t sources6[][16] = {
        {0}, {[15] = 1}, {0xFF, 2, [15] = 1}, {[10] = 0xFF, [11] = 0xFF, [12] = 10, [15] = 1}};
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
