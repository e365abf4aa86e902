/* SPDX-License-Identifier: Apache-2.0 */
#include "tf_internal.h"

/* The only symbol of this copy that the rest of the library refers to. */
const tf_ops tf_instance_ops = {
    op_create, op_abort_all, op_destroy, op_set_mtu, op_deadline, op_tick, op_input, op_events,
    op_flow_get_details, op_flow_accept, op_flow_refuse, op_flow_receive, op_flow_consume, op_flow_write,
    op_flow_write_block, op_flow_writable, op_flow_shutdown, op_flow_discard, op_flow_abort, op_flow_close,
    op_session_get_source, op_session_receive, op_session_send, op_session_refuse, op_session_refuse_remote, op_session_set_idle,
    op_session_close, op_echo_receive, op_echo_answer, op_output_take, op_get_stats};
