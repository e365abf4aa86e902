/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that programs send, as a capture file (pcap, LINKTYPE_RAW), for
 * tests that cannot run programs.
 */
#ifndef TUNFLOW_FUZZ_CAPTURE_H
#define TUNFLOW_FUZZ_CAPTURE_H

#include <stdint.h>

/* Appends to the file that the environment variable TUNFLOW_FUZZ_CAPTURE names; nothing without one. */
void capture_packet(const uint8_t *packet, uint32_t length);

#endif
