/* SPDX-License-Identifier: Apache-2.0
 *
 * Opcodes of a fuzz program, shared by the target and the seed generator. New
 * ones go to the end: bytes from OPERATIONS to 31 mean what they mean modulo 16
 * until then, so that programs keep their meaning.
 */
#ifndef TUNFLOW_FUZZ_PROGRAM_H
#define TUNFLOW_FUZZ_PROGRAM_H

enum {
    OPERATION_SYN,
    OPERATION_SEGMENT,
    OPERATION_SEGMENT_TOO,
    OPERATION_DATAGRAM,
    OPERATION_FRAGMENT,
    OPERATION_ECHO,
    OPERATION_RAW,
    OPERATION_FLOW,
    OPERATION_FLOW_TOO,
    OPERATION_SESSION,
    OPERATION_STACK,
    OPERATION_BLOCK,
    OPERATION_FLUSH,
    OPERATION_OUTPUT,
    OPERATION_OUTPUT_KEEP,
    OPERATION_OUTPUT_FREE,
    OPERATION_REACT,
    OPERATION_BURST,
    OPERATIONS
};

_Static_assert(OPERATIONS <= 32, "an opcode has five bits");

#endif
