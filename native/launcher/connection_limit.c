#include "connection_limit.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define SYNS_PER_SECOND 12500u
#define SYN_SIZE 80u /* the longest: every SYN counts as much */
#define SYN_BURST_NS 50000000u
#define NS_PER_TICK 64u
#define QDISC 0x00010000u /* 1: */
#define SYN_CLASS 0x00010001u

static void begin_traffic(struct netlink_request *request, uint16_t type, const struct tcmsg *body, const char *kind)
{
    netlink_begin(request, type, NLM_F_CREATE | NLM_F_EXCL, body, sizeof(*body));
    netlink_attribute(request, TCA_KIND, kind, strlen(kind) + 1);
}

static int add_discipline(int netlink, unsigned int index)
{
    struct netlink_request request;
    struct tcmsg body = {.tcm_ifindex = (int)index, .tcm_handle = QDISC, .tcm_parent = TC_H_ROOT};
    struct tc_htb_glob global = {.version = TC_HTB_PROTOVER, .rate2quantum = 10};

    begin_traffic(&request, RTM_NEWQDISC, &body, "htb");
    size_t options = netlink_nest_begin(&request, TCA_OPTIONS);
    netlink_attribute(&request, TCA_HTB_INIT, &global, sizeof(global));
    netlink_nest_end(&request, options);
    return netlink_transact(netlink, &request);
}

static int add_syn_class(int netlink, unsigned int index)
{
    struct netlink_request request;
    struct tcmsg body = {.tcm_ifindex = (int)index, .tcm_handle = SYN_CLASS, .tcm_parent = QDISC};
    struct tc_htb_opt class = {
        .rate = {.linklayer = TC_LINKLAYER_ETHERNET, .mpu = SYN_SIZE, .rate = SYNS_PER_SECOND * SYN_SIZE},
        .buffer = SYN_BURST_NS / NS_PER_TICK,
        .cbuffer = SYN_BURST_NS / NS_PER_TICK,
        .quantum = 16 * SYN_SIZE,
    };

    class.ceil = class.rate;
    begin_traffic(&request, RTM_NEWTCLASS, &body, "htb");
    size_t options = netlink_nest_begin(&request, TCA_OPTIONS);
    netlink_attribute(&request, TCA_HTB_PARMS, &class, sizeof(class));
    netlink_nest_end(&request, options);
    return netlink_transact(netlink, &request);
}

struct syn_selector {
    struct tc_u32_sel header;
    struct tc_u32_key keys[4];
};

static int add_syn_filter(int netlink, unsigned int index, uint16_t protocol, uint32_t priority,
                          const struct syn_selector *selector)
{
    struct netlink_request request;
    struct tcmsg body = {
        .tcm_ifindex = (int)index, .tcm_parent = QDISC, .tcm_info = TC_H_MAKE(priority << 16, htons(protocol))};
    uint32_t class = SYN_CLASS;

    begin_traffic(&request, RTM_NEWTFILTER, &body, "u32");
    size_t options = netlink_nest_begin(&request, TCA_OPTIONS);
    netlink_attribute(&request, TCA_U32_CLASSID, &class, sizeof(class));
    netlink_attribute(&request, TCA_U32_SEL, selector,
                      sizeof(selector->header) + selector->header.nkeys * sizeof(selector->keys[0]));
    netlink_nest_end(&request, options);
    return netlink_transact(netlink, &request);
}

/* Words of the packet: a header without options, no later fragment, TCP; SYN and not ACK. */
static int add_syn_filters(int netlink, unsigned int index)
{
    const struct syn_selector ipv4 = {
        .header = {.flags = TC_U32_TERMINAL, .nkeys = 4},
        .keys = {{.off = 0, .mask = htonl(0xff000000), .val = htonl(0x45000000)},
                 {.off = 4, .mask = htonl(0x00001fff)},
                 {.off = 8, .mask = htonl(0x00ff0000), .val = htonl(0x00060000)},
                 {.off = 32, .mask = htonl(0x00120000), .val = htonl(0x00020000)}},
    };
    const struct syn_selector ipv6 = {
        .header = {.flags = TC_U32_TERMINAL, .nkeys = 2},
        .keys = {{.off = 4, .mask = htonl(0x0000ff00), .val = htonl(0x00000600)},
                 {.off = 52, .mask = htonl(0x00120000), .val = htonl(0x00020000)}},
    };
    int result = add_syn_filter(netlink, index, ETH_P_IP, 1, &ipv4);

    return result != 0 ? result : add_syn_filter(netlink, index, ETH_P_IPV6, 2, &ipv6);
}

void connection_limit_set(int netlink, unsigned int index)
{
    if (add_discipline(netlink, index) != 0)
        return;
    if (add_syn_class(netlink, index) != 0 || add_syn_filters(netlink, index) != 0) {
        struct netlink_request request;
        struct tcmsg body = {.tcm_ifindex = (int)index, .tcm_handle = QDISC, .tcm_parent = TC_H_ROOT};

        netlink_begin(&request, RTM_DELQDISC, 0, &body, sizeof(body));
        (void)netlink_transact(netlink, &request);
    }
}
