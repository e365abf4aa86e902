/* SPDX-License-Identifier: Apache-2.0
 *
 * Only in builds with TF_TEST_HOOKS: what the C tests and the fuzzer need
 * beyond the ABI.
 */
#ifndef TF_TEST_HOOKS_H
#define TF_TEST_HOOKS_H

#include "tunflow_lwip.h"

/* The nth allocation of the stack from now on fails (0 = none), and besides
 * per_mille of all, in a fixed pseudo-random pattern. */
TF_API void tf_test_fail_allocation(uint32_t stack, uint64_t nth, uint32_t per_mille);

#endif
