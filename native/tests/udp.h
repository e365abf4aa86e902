/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the UDP tests.
 */
#ifndef TUNFLOW_TESTS_UDP_H
#define TUNFLOW_TESTS_UDP_H

#include "sim.h"

/* An application's endpoint and a remote one, family 4 or 6. */
tf_endpoint udp_application(uint32_t family, uint16_t port);
tf_endpoint udp_remote(uint32_t family, uint16_t port);
/* Opens a session by a datagram from `source`, and takes that datagram. */
session *udp_open(sim *s, tf_endpoint source);
/* Sends a datagram with `length` pattern bytes of `seed` into the stack,
 * fragmented to the MTU if `fragmented`; returns how many packets were taken. */
int32_t udp_in(sim *s, tf_endpoint source, tf_endpoint destination, uint64_t seed, uint32_t length,
               bool fragmented);
/* Receives one datagram from the session and checks everything about it. */
void udp_expect(sim *s, uint64_t id, tf_endpoint destination, uint64_t seed, uint32_t length);
/* Sends one to the application and checks what comes out of the stack. */
void udp_out(sim *s, const session *one, tf_endpoint application, tf_endpoint remote, uint64_t seed,
             uint32_t length);

#endif
