/* SPDX-License-Identifier: Apache-2.0
 *
 * tf_output_copy: an output entry as ordinary packets. A super-packet is cut
 * into its segments the way a device with TSO would (RFC 9293 headers: the
 * sequence number advances, PSH and FIN stay with the last one), and checksums
 * are completed.
 */
#include <string.h>

#include "checksum.h"
#include "tf_common.h"

static void put16(uint8_t *p, uint32_t value) {
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value) {
  put16(p, value >> 16);
  put16(p + 2, value & 0xFFFF);
}

static uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* Bytes offset..offset+length of everything behind the first slice. Returns how
 * many were copied (`room` at most), and adds all of them to the checksum. */
static uint64_t copy_payload(const tf_output *output, uint32_t offset, uint32_t length, uint8_t *target, uint32_t room, uint64_t sum) {
  uint32_t done = 0;
  for (uint32_t i = 1; i < output->slice_count && done < length; i++) {
    const tf_slice *slice = &output->slices[i];
    if (offset >= slice->length) {
      offset -= (uint32_t)slice->length;
      continue;
    }
    uint32_t part = (uint32_t)slice->length - offset;
    part = part < length - done ? part : length - done;
    const uint8_t *source = slice->data + offset;
    sum = (done & 1) == 0 ? tf_checksum_add(sum, source, part) : tf_checksum_add_odd(sum, source, part);
    if (done < room) {
      memcpy(target + done, source, part < room - done ? part : room - done);
    }
    done += part;
    offset = 0;
  }
  return sum;
}

int32_t tf_output_copy(const tf_output *output, uint32_t index, uint8_t *buffer, uint32_t capacity) {
  const tf_entry *entry = (const tf_entry *)output;
  if (index >= output->packets) {
    return TF_E_INVALID;
  }
  uint32_t header = (uint32_t)output->slices[0].length;
  if (output->offload.checksum != TF_CHECKSUM_PARTIAL) {
    memcpy(buffer, output->slices[0].data, header < capacity ? header : capacity);
    return (int32_t)header;
  }
  uint32_t transport = entry->transport;
  uint32_t headers = output->offload.header_length;
  uint32_t inline_payload = header - headers; /* of a copied segment */
  uint32_t payload = output->length - headers;
  uint32_t size = output->packets > 1 ? output->offload.gso_size : payload;
  uint32_t offset = index * size;
  uint32_t part = payload - offset < size ? payload - offset : size;
  uint32_t whole = headers + part;

  uint8_t copy[TF_ENTRY_HEADER];
  memcpy(copy, output->slices[0].data, headers);
  uint8_t *tcp = copy + transport;
  put32(tcp + 4, get32(tcp + 4) + offset);
  if (index + 1 < output->packets) {
    tcp[13] &= (uint8_t)~9u; /* PSH, FIN */
  }
  if (entry->version == 4) {
    put16(copy + 2, whole);
    put16(copy + 4, (uint32_t)(copy[4] << 8 | copy[5]) + index);
    put16(copy + 10, 0);
    uint16_t sum = (uint16_t)~tf_checksum_fold(tf_checksum_add(0, copy, 20));
    memcpy(copy + 10, &sum, 2);
  } else {
    put16(copy + 4, whole - 40);
  }
  put16(tcp + 16, 0);
  uint64_t sum = tf_checksum_pseudo(copy, 6, whole - transport);
  sum = tf_checksum_add(sum, tcp, headers - transport);
  uint32_t room = capacity > headers ? capacity - headers : 0;
  if (inline_payload != 0) {
    const uint8_t *bytes = output->slices[0].data + headers + offset;
    sum = tf_checksum_add(sum, bytes, part);
    memcpy(buffer + (room != 0 ? headers : 0), bytes, part < room ? part : room);
  } else {
    sum = copy_payload(output, offset, part, buffer + (room != 0 ? headers : 0), room, sum);
  }
  uint16_t folded = (uint16_t)~tf_checksum_fold(sum);
  memcpy(tcp + 16, &folded, 2);
  memcpy(buffer, copy, headers < capacity ? headers : capacity);
  return (int32_t)whole;
}
