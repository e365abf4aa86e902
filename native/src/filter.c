/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate in front of lwIP: nothing malformed, nothing from or to an address
 * that no host may use, no header chain that lwIP would have to walk. Several
 * known over-reads and assertions of lwIP cannot be reached behind it.
 */
#include "tf_internal.h"

#define PASSED (-1)

static int is_mapped(const uint8_t *a) {
  static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return memcmp(a, prefix, sizeof prefix) == 0;
}

/* Unspecified (::) and loopback (::1). */
static int is_reserved6(const uint8_t *a) {
  static const uint8_t zero[15];
  return memcmp(a, zero, sizeof zero) == 0 && a[15] <= 1;
}

/* RFC 1122 3.2.1.3 and RFC 6890: "this network", loopback, multicast, class E
 * and broadcast are nobody's source; RFC 4291 2.5 and 2.7 for IPv6. */
int tf_source_allowed(uint32_t family, const uint8_t *a) {
  if (family == 4) {
    return a[0] != 0 && a[0] != 127 && a[0] < 224;
  }
  return a[0] != 0xFF && !is_reserved6(a) && !is_mapped(a);
}

static int check_destination(uint32_t family, const uint8_t *a) {
  if (family == 4) {
    int broadcast = a[0] == 255 && a[1] == 255 && a[2] == 255 && a[3] == 255;
    if ((a[0] >= 224 && a[0] < 240) || broadcast) {
      return TF_DROP_MULTICAST;
    }
    return a[0] == 0 || a[0] == 127 || a[0] >= 240 ? TF_DROP_DESTINATION : PASSED;
  }
  if (a[0] == 0xFF) {
    return TF_DROP_MULTICAST;
  }
  return is_reserved6(a) || is_mapped(a) ? TF_DROP_DESTINATION : PASSED;
}

static int check_addresses(tf_parsed *parsed) {
  uint32_t size = parsed->version == 4 ? 4 : 16;
  const uint8_t *source = parsed->ip + (parsed->version == 4 ? 12 : 8);
  const uint8_t *destination = source + size;
  if (!tf_source_allowed(parsed->version, source)) {
    return TF_DROP_SOURCE;
  }
  int reason = check_destination(parsed->version, destination);
  if (reason == TF_DROP_MULTICAST && (tf.config.flags & TF_STACK_MULTICAST) != 0 && parsed->protocol == 17) {
    /* lwIP's IPv6 input takes no groups that it has not joined, and fragments go there. */
    reason = parsed->fragment && parsed->version == 6 ? TF_DROP_MULTICAST : PASSED;
  }
  if (reason != PASSED) {
    return reason;
  }
  if (memcmp(source, destination, size) == 0) {
    return TF_DROP_LAND;
  }
  memcpy(parsed->key.source, source, size);
  memcpy(parsed->key.destination, destination, size);
  parsed->key.family = parsed->version;
  return PASSED;
}

static int parse4(uint8_t *data, uint32_t length, tf_parsed *parsed) {
  if (length < 20) {
    return TF_DROP_LENGTH;
  }
  uint32_t header = (data[0] & 15u) * 4;
  uint32_t total = tf_get16(data + 2);
  if (header < 20) {
    return TF_DROP_IP_HEADER;
  }
  if (total < header || total > length) {
    return TF_DROP_LENGTH;
  }
  if (header > 20) {
    return TF_DROP_IP_OPTIONS;
  }
  if (tf_checksum_fold(tf_checksum_add(0, data, 20)) != 0xFFFF) {
    return TF_DROP_IP_HEADER;
  }
  parsed->length = total;
  parsed->transport = 20;
  parsed->protocol = data[9];
  parsed->fragment = (tf_get16(data + 6) & 0x3FFF) != 0; /* offset or more-fragments */
  return PASSED;
}

static int parse6(uint8_t *data, uint32_t length, tf_parsed *parsed) {
  if (length < 40) {
    return TF_DROP_LENGTH;
  }
  uint32_t payload = tf_get16(data + 4);
  if (payload == 0 || 40 + payload > length) {
    return TF_DROP_LENGTH;
  }
  parsed->length = 40 + payload;
  parsed->transport = 40;
  parsed->protocol = data[6];
  parsed->fragment = 0;
  switch (data[6]) {
    case 44:
      if (payload < 8) {
        return TF_DROP_LENGTH;
      }
      parsed->protocol = data[40];
      parsed->fragment = 1;
      return PASSED;
    case 0: case 43: case 50: case 51: case 60: case 135: case 139: case 140:
#if !TF_UNCURE_EXTENSIONS
      return TF_DROP_EXTENSION;
#else
      return PASSED;
#endif
    default:
      return PASSED;
  }
}

/* Lengths of the options that lwIP reads; it trusts them. */
static int options_valid(const uint8_t *option, uint32_t length) {
  while (length != 0) {
    uint8_t kind = option[0];
    if (kind == 0) {
      return 1;
    }
    if (kind == 1) {
      option++;
      length--;
      continue;
    }
    if (length < 2 || option[1] < 2 || option[1] > length) {
      return 0;
    }
    uint8_t size = option[1];
    if ((kind == 2 && size != 4) || (kind == 3 && size != 3) || (kind == 4 && size != 2) || (kind == 8 && size != 10)) {
      return 0;
    }
    option += size;
    length -= size;
  }
  return 1;
}

static int parse_tcp(tf_parsed *parsed) {
  uint32_t left = parsed->length - parsed->transport;
  if (left < 20) {
    return TF_DROP_LENGTH;
  }
  const uint8_t *tcp = parsed->ip + parsed->transport;
  uint32_t header = (uint32_t)(tcp[12] >> 4) * 4;
  if (header < 20 || header > left) {
    return TF_DROP_TCP_HEADER;
  }
  memcpy(&parsed->key.source_port, tcp, 2);
  memcpy(&parsed->key.destination_port, tcp + 2, 2);
  if (parsed->key.source_port == 0 || parsed->key.destination_port == 0) {
    return TF_DROP_PORT;
  }
  uint8_t flags = parsed->tcp_flags = tcp[13] & 0x3F;
  if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) == 0 || ((flags & TCP_SYN) != 0 && (flags & (TCP_FIN | TCP_RST)) != 0)) {
    return TF_DROP_TCP_FLAGS;
  }
#if !TF_UNCURE_TCP_OPTIONS
  if (!options_valid(tcp + 20, header - 20)) {
    return TF_DROP_TCP_OPTIONS;
  }
#else
  (void)options_valid;
#endif
  parsed->payload = parsed->transport + header;
  return PASSED;
}

static int parse_udp(tf_parsed *parsed) {
  uint32_t left = parsed->length - parsed->transport;
  if (left < 8) {
    return TF_DROP_LENGTH;
  }
  const uint8_t *udp = parsed->ip + parsed->transport;
  uint32_t length = tf_get16(udp + 4);
  if (length < 8 || length > left) {
    return TF_DROP_UDP_HEADER;
  }
  memcpy(&parsed->key.source_port, udp, 2);
  memcpy(&parsed->key.destination_port, udp + 2, 2);
  if (parsed->key.source_port == 0 || parsed->key.destination_port == 0) {
    return TF_DROP_PORT;
  }
  parsed->length = parsed->transport + length;
  parsed->payload = parsed->transport + 8;
  return PASSED;
}

static int parse_transport(tf_parsed *parsed) {
  const uint8_t *body = parsed->ip + parsed->transport;
  uint32_t left = parsed->length - parsed->transport;
  if (parsed->protocol == 6) {
    return parse_tcp(parsed);
  }
  if (parsed->protocol == 17) {
    return parse_udp(parsed);
  }
  if (parsed->protocol == (parsed->version == 4 ? 1 : 58)) {
    if (left < 8) {
      return TF_DROP_LENGTH;
    }
    parsed->payload = parsed->transport + 8;
    return body[0] == (parsed->version == 4 ? 8 : 128) && body[1] == 0 ? PASSED : TF_DROP_PROTOCOL;
  }
  return TF_DROP_PROTOCOL;
}

/* Could a fragment be one of an echo request that somebody answers? */
static int echo_wanted(const tf_parsed *parsed) {
  return (tf.config.flags & (TF_STACK_ECHO_REPLY | TF_STACK_ECHO_QUEUE)) != 0 && parsed->protocol == (parsed->version == 4 ? 1 : 58);
}

/* Do the offload fields describe this very packet? */
static int check_offload(const tf_parsed *parsed, const tf_offload *offload) {
  if (offload->checksum > TF_CHECKSUM_VALID || offload->gso_type > TF_GSO_TCP6) {
    return TF_DROP_OFFLOAD;
  }
  if (offload->gso_type == TF_GSO_NONE && offload->checksum != TF_CHECKSUM_PARTIAL) {
    return PASSED;
  }
  if (parsed->fragment) {
    return TF_DROP_OFFLOAD;
  }
  if (offload->gso_type != TF_GSO_NONE &&
      (parsed->protocol != 6 || offload->gso_size == 0 || parsed->version != (offload->gso_type == TF_GSO_TCP4 ? 4 : 6))) {
    return TF_DROP_OFFLOAD;
  }
  if (offload->checksum == TF_CHECKSUM_PARTIAL) {
    uint32_t field = parsed->protocol == 6 ? 16 : 6;
    if ((parsed->protocol != 6 && parsed->protocol != 17) || offload->checksum_start != parsed->transport ||
        offload->checksum_offset != field) {
      return TF_DROP_OFFLOAD;
    }
  }
  return PASSED;
}

/* Returns -1 and what was learnt, or the reason to drop. */
int tf_filter(uint8_t *data, uint32_t length, const tf_offload *offload, tf_parsed *parsed) {
  memset(parsed, 0, sizeof *parsed);
  if (length == 0 || length > TF_MAX_PACKET) {
    return TF_DROP_LENGTH;
  }
  parsed->ip = data;
  parsed->version = data[0] >> 4;
  int reason;
  if (parsed->version == 4) {
    reason = parse4(data, length, parsed);
  } else if (parsed->version == 6) {
    reason = tf.config.mtu < 1280 ? TF_DROP_VERSION : parse6(data, length, parsed);
  } else {
    reason = TF_DROP_VERSION;
  }
  if (reason != PASSED) {
    return reason;
  }
  reason = check_addresses(parsed);
  if (reason != PASSED) {
    return reason;
  }
  if (parsed->fragment) {
    if (parsed->protocol != 6 && parsed->protocol != 17 && !echo_wanted(parsed)) {
      return TF_DROP_FRAGMENT;
    }
  } else {
    reason = parse_transport(parsed);
    if (reason != PASSED) {
      return reason;
    }
  }
  return check_offload(parsed, offload);
}

/* The transport checksum, unless the device vouches for it. */
int tf_verify_checksum(const tf_parsed *parsed, const tf_offload *offload) {
  const uint8_t *body = parsed->ip + parsed->transport;
  uint32_t length = parsed->length - parsed->transport;
  if (parsed->protocol == 17 && offload->checksum != TF_CHECKSUM_PARTIAL && body[6] == 0 && body[7] == 0) {
#if !TF_UNCURE_UDP6_CHECKSUM
    return parsed->version == 4; /* RFC 768: none; RFC 8200 8.1: not over IPv6 */
#else
    return 1;
#endif
  }
  if (offload->checksum != TF_CHECKSUM_UNVERIFIED || (tf.config.flags & TF_STACK_TRUST_CHECKSUMS) != 0) {
    return 1;
  }
  uint64_t sum = parsed->protocol == 1 ? 0 : tf_checksum_pseudo(parsed->ip, parsed->protocol, length);
  return tf_checksum_fold(tf_checksum_add(sum, body, length)) == 0xFFFF;
}
