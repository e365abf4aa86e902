/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of one stack, as a table: api.c reaches every isolated copy of
 * lwIP and the shim through it.
 */
#ifndef TF_OPS_H
#define TF_OPS_H

#include "tunflow_lwip.h"

typedef struct tf_ops {
  int32_t (*create)(uint32_t index, const tf_config *config, uint64_t now);
  int32_t (*abort_all)(uint64_t now);
  int32_t (*destroy)(void);
  int32_t (*set_mtu)(uint32_t mtu);
  uint64_t (*deadline)(void);
  int32_t (*tick)(uint64_t now);
  int32_t (*input)(uint64_t now, const tf_packet *packets, uint32_t count);
  int32_t (*events)(tf_event *events, uint32_t max);
  int32_t (*flow_get_details)(uint64_t id, tf_flow_details *details);
  int32_t (*flow_accept)(uint64_t now, uint64_t id);
  int32_t (*flow_refuse)(uint64_t now, uint64_t id, uint32_t refusal);
  int32_t (*flow_receive)(uint64_t id, tf_slice *slices, uint32_t max, uint32_t *count, uint32_t *end);
  int32_t (*flow_consume)(uint64_t now, uint64_t id, uint32_t length);
  int32_t (*flow_write)(uint64_t now, uint64_t id, const uint8_t *data, uint32_t length);
  int32_t (*flow_write_block)(uint64_t now, uint64_t id, uint8_t *block, const uint8_t *data, uint32_t length);
  int32_t (*flow_writable)(uint64_t id);
  int32_t (*flow_shutdown)(uint64_t now, uint64_t id);
  int32_t (*flow_discard)(uint64_t now, uint64_t id);
  int32_t (*flow_abort)(uint64_t now, uint64_t id);
  int32_t (*flow_close)(uint64_t now, uint64_t id, uint64_t linger);
  int32_t (*session_get_source)(uint64_t id, tf_endpoint *source);
  int32_t (*session_receive)(uint64_t id, tf_datagram **datagrams, uint32_t max);
  int32_t (*session_send)(uint64_t now, uint64_t id, const tf_endpoint *source, const uint8_t *data, uint32_t length);
  int32_t (*session_refuse)(uint64_t now, uint64_t id, const tf_datagram *datagram, uint32_t refusal);
  int32_t (*session_refuse_remote)(uint64_t now, uint64_t id, const tf_endpoint *destination, uint32_t refusal);
  int32_t (*session_set_idle)(uint64_t now, uint64_t id, uint64_t idle);
  int32_t (*session_close)(uint64_t id);
  int32_t (*echo_receive)(tf_datagram **requests, uint32_t max);
  int32_t (*echo_answer)(uint64_t now, tf_datagram *request, uint32_t refusal);
  int32_t (*output_take)(uint64_t now, tf_output **entries, uint32_t max);
  int32_t (*get_stats)(tf_stats *stats);
} tf_ops;

#endif
