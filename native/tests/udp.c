/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

#include <stdlib.h>

int32_t udp_in(sim *s, tf_endpoint source, tf_endpoint destination, uint64_t seed, uint32_t length,
               bool fragmented)
{
    static uint8_t packet[WIRE_MAX];
    static uint8_t fragment[WIRE_MAX];
    static uint32_t id = 1;
    uint8_t *payload = malloc(length != 0 ? length : 1);
    CHECK(payload != NULL);
    pattern_fill(seed, 0, payload, length);
    wire w = {.src = source,
              .dst = destination,
              .protocol = WIRE_UDP,
              .payload = payload,
              .payload_length = length};
    uint32_t size = wire_build(&w, packet, sizeof packet);
    free(payload);
    CHECK(size != 0);
    if (!fragmented || size <= s->mtu) {
        return sim_input(s, packet, size, NULL);
    }
    id++;
    int32_t taken = 0;
    for (uint32_t i = 0;; i++) {
        uint32_t piece = wire_fragment(packet, size, s->mtu, id, i, fragment, sizeof fragment);
        if (piece == 0) {
            return taken;
        }
        taken += sim_input(s, fragment, piece, NULL);
    }
}

void udp_expect(sim *s, uint64_t id, tf_endpoint destination, uint64_t seed, uint32_t length)
{
    tf_datagram *datagram = NULL;
    CHECK_EQ(1, tf_session_receive(s->stack, id, &datagram, 1));
    CHECK(wire_same_endpoint(&destination, &datagram->destination));
    CHECK_EQ(length, datagram->length);
    CHECK_EQ(length, pattern_check(seed, 0, datagram->data, length));
    tf_datagram_free(datagram);
}

void udp_out(sim *s, const session *one, tf_endpoint application, tf_endpoint remote, uint64_t seed,
             uint32_t length)
{
    uint8_t *payload = malloc(length != 0 ? length : 1);
    CHECK(payload != NULL);
    pattern_fill(seed, 0, payload, length);
    CHECK_EQ(TF_OK, tf_session_send(s->stack, s->now, one->id, &remote, payload, length));
    free(payload);
    sim_pump(s);
    const packet *answer = sim_stray(s);
    CHECK(answer != NULL);
    CHECK_EQ(WIRE_UDP, answer->header.protocol);
    CHECK(wire_same_endpoint(&remote, &answer->header.src));
    CHECK(wire_same_endpoint(&application, &answer->header.dst));
    CHECK_EQ(length, answer->header.payload_length);
    CHECK_EQ(length, pattern_check(seed, 0, answer->header.payload, length));
    CHECK(sim_stray(s) == NULL);
}

tf_endpoint udp_application(uint32_t family, uint16_t port)
{
    return family == 4 ? wire_endpoint4(10, 0, 0, 2, port) : wire_endpoint6(2, port);
}

tf_endpoint udp_remote(uint32_t family, uint16_t port)
{
    return family == 4 ? wire_endpoint4(192, 0, 2, 77, port) : wire_endpoint6(0x777777, port);
}

session *udp_open(sim *s, tf_endpoint source)
{
    tf_endpoint destination = udp_remote(source.family, 53);
    CHECK_EQ(1, udp_in(s, source, destination, 1, 10, false));
    sim_pump(s);
    session *one = sim_session(s);
    CHECK((one->seen & TF_EVENT_SESSION) != 0);
    CHECK((one->seen & TF_EVENT_READABLE) != 0);
    udp_expect(s, one->id, destination, 1, 10);
    return one;
}
