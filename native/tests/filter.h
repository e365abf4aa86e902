/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers of the filter tests: good packets to spoil, and the check that a
 * spoilt one is dropped for the right reason and leaves no trace.
 */
#ifndef TUNFLOW_TESTS_FILTER_H
#define TUNFLOW_TESTS_FILTER_H

#include "sim.h"

extern const tf_endpoint application4;
extern const tf_endpoint server4;
extern const tf_endpoint application6;
extern const tf_endpoint server6;

wire syn(uint32_t family);
wire datagram(uint32_t family);

/* The stack drops these bytes, counts them under this reason and no other, and says nothing. */
void dropped_bytes(sim *s, const uint8_t *bytes, uint32_t length, tf_drop reason, int line);
void dropped_wire(sim *s, const wire *w, tf_drop reason, int line);

#define DROPPED(w, reason) dropped_wire(s, &(w), reason, __LINE__)
#define DROPPED_BYTES(bytes, length, reason) dropped_bytes(s, bytes, length, reason, __LINE__)

#endif
