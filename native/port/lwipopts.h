/* SPDX-License-Identifier: Apache-2.0
 *
 * lwIP's options for the shim: raw API only, one netif, no threads, no timers
 * of its own, everything that a TUN's far end does not need compiled out.
 * Options that cure a known trap of lwIP say so and can be taken back by a
 * test-only TF_UNCURE_ macro, to prove that the tests would notice.
 */
#ifndef TF_LWIPOPTS_H
#define TF_LWIPOPTS_H

#define LWIP_HOOK_FILENAME "tf_hooks.h"

/* ---- execution model */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_STATS 0
#define LWIP_NETIF_API 0

/* ---- memory: the shim's counting allocator serves everything */
#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC tf_lwip_malloc
#define MEM_CUSTOM_CALLOC tf_lwip_calloc
#define MEM_CUSTOM_FREE tf_lwip_free
#define MEMP_MEM_MALLOC 1
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_POOL_SIZE 0
#define PBUF_POOL_BUFSIZE 1536 /* unused; its default overflows with a large TCP_MSS */
#define PBUF_LINK_HLEN 0

/* ---- protocols */
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_RAW 1
/* Echo and errors are answered by the shim (icmp.c), which quotes exactly and
 * limits the rate; lwIP's own ICMP would answer without a limit. */
#define LWIP_ICMP 0
#define LWIP_ICMP6 1
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_DHCP 0
#define LWIP_AUTOIP 0
#define LWIP_IGMP 0
#define LWIP_DNS 0
#define LWIP_IPV6_MLD 0
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_FORWARD 0
#define LWIP_ND6_QUEUEING 0
#define LWIP_ND6_TCP_REACHABILITY_HINTS 0
#define LWIP_ND6_ALLOW_RA_UPDATES 0
#define IP_FORWARD 0
#define IP_OPTIONS_ALLOWED 0

/* ---- checksums: the filter verifies, output.c completes; lwIP does IPv4
 * headers and whole UDP datagrams (these before they are fragmented) */
#define CHECKSUM_GEN_IP 1
#define CHECKSUM_GEN_UDP 1
#define CHECKSUM_GEN_TCP 0
#define CHECKSUM_GEN_ICMP6 1
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_UDP 0
#define CHECKSUM_CHECK_TCP 0
#define CHECKSUM_CHECK_ICMP6 0
#define LWIP_CHKSUM tf_lwip_checksum

/* ---- fragments */
#define IP_REASSEMBLY 1
#define IP_FRAG 0 /* output.c cuts packets itself */
#define LWIP_IPV6_REASS 1
#define LWIP_IPV6_FRAG 0
#define IP_REASS_MAXAGE 15
#define IPV6_REASS_MAXAGE 15
#if !TF_UNCURE_REASSEMBLY_LIMIT
#define IP_REASS_MAX_PBUFS 256
#else
#define IP_REASS_MAX_PBUFS 60000
#endif
#define MEMP_NUM_REASSDATA 16
/* On 64-bit systems the fragment header has no room for the pointers that lwIP
 * otherwise stores in place of it: an assertion at the first timer tick. */
#if !TF_UNCURE_FRAG_COPYHEADER
#define IPV6_FRAG_COPYHEADER 1
#endif

/* ---- TCP */
/* Segments of up to 64 KiB (MTU 65535) exceed what the sanity checks foresee. */
#if !TF_UNCURE_SANITY
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#endif
#define TCP_MSS 65495
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 5
#define TCP_WND (1024 * 1024)
#define TCP_SND_BUF (1024 * 1024)
#define TCP_SND_QUEUELEN 16384
#define TCP_SNDLOWAT 2048
/* RFC 6298 2: one second until there is a measurement. */
#define LWIP_TCP_RTO_TIME 1000
#define TCP_TTL 64
#define UDP_TTL 64
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_KEEPALIVE 0
#define TCP_LISTEN_BACKLOG 0
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
/* Writes never copy, so that no segment is over-allocated; lwIP's over-sized
 * segments can fail "inconsistent oversize vs. space" on hostile windows. */
#if !TF_UNCURE_OVERSIZE
#define TCP_OVERSIZE 0
#endif
/* A short MSL would shorten LAST_ACK too, and reset transfers under loss; the
 * shim ends TIME_WAIT by itself. */
#if !TF_UNCURE_MSL
#define TCP_MSL 30000UL
#else
#define TCP_MSL 1000UL
#endif
/* Out-of-order data: never more than the flow may receive anyway, in few
 * enough pieces that bookkeeping cannot outgrow the payload. */
#if !TF_UNCURE_OOSEQ_LIMIT
#define TCP_OOSEQ_BYTES_LIMIT(pcb) tf_ooseq_bytes(pcb)
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) 512
#endif
/* lwIP's threshold is a quarter of the compile-time window: flows with smaller
 * windows would never announce that theirs re-opened. */
#if !TF_UNCURE_WINDOW_UPDATE
#define TCP_WND_UPDATE_THRESHOLD tf_window_threshold(pcb)
#endif

struct tcp_pcb;
unsigned tf_ooseq_bytes(const struct tcp_pcb *pcb);
unsigned tf_window_threshold(const struct tcp_pcb *pcb);

#endif
