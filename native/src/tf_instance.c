/* SPDX-License-Identifier: Apache-2.0
 *
 * One isolated stack: lwIP and the shim as a single translation unit. lwIP's
 * state is global, so the build compiles this file once per stack with all its
 * symbols renamed (see ../cmake). One unit also lets the compiler inline
 * across lwIP and the shim.
 */
/* Findings in lwIP itself, which stays as it is: parameters that some options
 * leave unused, and extension arguments indexed by a number that the compiler
 * cannot know to be 0. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Warray-bounds"
#ifdef __clang__
/* A macro takes the smaller of TCP_WND / 2 and the 16-bit mss: always the mss,
 * as intended. */
#pragma clang diagnostic ignored "-Wtautological-constant-out-of-range-compare"
#endif
#include "core/init.c"
#include "core/inet_chksum.c"
#include "core/ip.c"
#include "core/mem.c"
#include "core/memp.c"
#include "core/netif.c"
#include "core/pbuf.c"
#include "core/raw.c"
#include "core/timeouts.c"
#include "core/udp.c"
#include "core/tcp.c"
#include "core/tcp_in.c"
#include "core/tcp_out.c"
#include "core/ipv4/ip4.c"
#include "core/ipv4/ip4_addr.c"
#include "core/ipv4/ip4_frag.c"
#include "core/ipv6/icmp6.c"
#include "core/ipv6/ip6.c"
#include "core/ipv6/ip6_addr.c"
/* ip4_frag.c has a variable of this name. */
#define reassdatagrams reassdatagrams6
#include "core/ipv6/ip6_frag.c"
#undef reassdatagrams
#include "core/ipv6/nd6.c"
#pragma GCC diagnostic pop

#include "memory.c"
#include "table.c"
#include "timers.c"
#include "flow.c"
#include "flow_deadlines.c"
#include "flow_ops.c"
#include "syn_guard.c"
#include "tcp_open.c"
#include "tcp_receive.c"
#include "tcp_send.c"
#include "recovery.c"
#include "filter.c"
#include "acceptance.c"
#include "ahead.c"
#include "input.c"
#include "fragment.c"
#include "icmp.c"
#include "udp.c"
#include "output.c"
#include "output_fragments.c"
#include "stack.c"
#include "ops.c"
