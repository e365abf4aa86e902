/* SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's hooks, as macros over the shim's functions.
 */
#ifndef TF_HOOKS_H
#define TF_HOOKS_H

#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"

struct netif;
struct tcp_pcb;
struct tcp_hdr;

u32_t tf_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote, u16_t remote_port);
u32_t *tf_note_output(const struct tcp_pcb *pcb, const struct tcp_hdr *header, u32_t *options);
int tf_adopt_destination4(struct pbuf *packet, struct netif *netif);
int tf_adopt_destination6(struct pbuf *packet, struct netif *netif);

#if !TF_UNCURE_ISN
#define LWIP_HOOK_TCP_ISN tf_isn
#endif
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) tf_note_output(pcb, header, options)
#define LWIP_HOOK_IP4_INPUT tf_adopt_destination4
#define LWIP_HOOK_IP6_INPUT tf_adopt_destination6

#endif
