#include "network.h"
#include "connection_limit.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define IPV6_MINIMUM_MTU 1280 /* RFC 8200, section 5 */

static int link_up(int netlink, unsigned int index)
{
    struct netlink_request request;
    struct ifinfomsg link = {
        .ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

    netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
    return netlink_transact(netlink, &request);
}

static int set_mtu(int netlink, unsigned int index, uint32_t mtu)
{
    struct netlink_request request;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};

    netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
    netlink_attribute(&request, IFLA_MTU, &mtu, sizeof(mtu));
    return netlink_transact(netlink, &request);
}

/* No link-local address: with one, the kernel would send router solicitations and multicast reports into a tunnel
 * that nobody uses yet. Also the probe for IPv6: a kernel without it refuses. */
static int set_no_link_local(int netlink, unsigned int index)
{
    struct netlink_request request;
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
    uint8_t mode = IN6_ADDR_GEN_MODE_NONE;

    netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof(link));
    size_t families = netlink_nest_begin(&request, IFLA_AF_SPEC);
    size_t family = netlink_nest_begin(&request, AF_INET6);
    netlink_attribute(&request, IFLA_INET6_ADDR_GEN_MODE, &mode, sizeof(mode));
    netlink_nest_end(&request, family);
    netlink_nest_end(&request, families);
    return netlink_transact(netlink, &request);
}

static int add_address(int netlink, unsigned int index, int family, const char *text)
{
    struct netlink_request request;
    struct in6_addr address;
    size_t length = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    struct ifaddrmsg body = {
        .ifa_family = (uint8_t)family, .ifa_prefixlen = (uint8_t)(length * 8), .ifa_index = index};

    if (inet_pton(family, text, &address) != 1)
        return -EINVAL;
    netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
    netlink_attribute(&request, IFA_LOCAL, &address, length);
    netlink_attribute(&request, IFA_ADDRESS, &address, length);
    if (family == AF_INET6) {
        /* Duplicate address detection would keep the address unusable for its first second. */
        uint32_t flags = IFA_F_NODAD;
        netlink_attribute(&request, IFA_FLAGS, &flags, sizeof(flags));
    }
    return netlink_transact(netlink, &request);
}

static int add_default_route(int netlink, uint32_t index, int family)
{
    struct netlink_request request;
    struct rtmsg route = {
        .rtm_family = (uint8_t)family,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_STATIC,
        .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST,
    };

    netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof(route));
    netlink_attribute(&request, RTA_OIF, &index, sizeof(index));
    return netlink_transact(netlink, &request);
}

/* The kernel takes a new IPv6 address into service from a work queue. Until then answers to it are dropped, and a
 * command that starts at once would wait a second for its first retransmission. */
static void wait_until_local(int netlink, int family, const char *text)
{
    struct netlink_request request;
    struct in6_addr address;
    size_t length = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    const struct timespec pause = {.tv_nsec = 500000};

    if (inet_pton(family, text, &address) != 1)
        return;
    for (int attempt = 0; attempt < 2000; attempt++) {
        struct rtmsg route = {.rtm_family = (uint8_t)family, .rtm_dst_len = (uint8_t)(length * 8)};

        netlink_begin(&request, RTM_GETROUTE, 0, &route, sizeof(route));
        netlink_attribute(&request, RTA_DST, &address, length);
        route.rtm_type = RTN_UNSPEC;
        if (netlink_ask(netlink, &request, &route, sizeof(route)) == 0 && route.rtm_type == RTN_LOCAL)
            return;
        nanosleep(&pause, NULL);
    }
}

static void write_sysctl(const char *path, const char *text)
{
    /* Conveniences only: in containers /proc/sys is often read-only, and everything else still works. */
    int file = open(path, O_WRONLY | O_CLOEXEC);

    if (file < 0)
        return;
    ssize_t ignored = write(file, text, __builtin_strlen(text));
    (void)ignored;
    close(file);
}

/* Lets ping work without capabilities, as it does on the host of most distributions. */
static void allow_ping_sockets(void)
{
    char range[32];

    snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
    write_sysctl("/proc/sys/net/ipv4/ping_group_range", range);
}

static int configure_ipv6(int netlink, unsigned int index, const char *name)
{
    char path[96];

    /* A host that switches IPv6 off for new interfaces means its own network, not the tunnel. */
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
    write_sysctl(path, "0");
    return add_address(netlink, index, AF_INET6, TFL_DEVICE_IPV6);
}

static int configure(int netlink, const char *name, unsigned int mtu, unsigned int index, int *has_ipv6,
                     struct failure *failure)
{
    int result = link_up(netlink, if_nametoindex("lo"));

    if (result != 0)
        return failure_set(failure, -result, "cannot bring up the loopback interface");
    result = set_mtu(netlink, index, mtu);
    if (result != 0)
        return failure_set(failure, -result, "cannot set the MTU of '%s' to %u", name, mtu);
    *has_ipv6 = mtu >= IPV6_MINIMUM_MTU && set_no_link_local(netlink, index) == 0;
    result = add_address(netlink, index, AF_INET, TFL_DEVICE_IPV4);
    if (result != 0)
        return failure_set(failure, -result, "cannot give '%s' the address " TFL_DEVICE_IPV4, name);
    if (*has_ipv6)
        *has_ipv6 = configure_ipv6(netlink, index, name) == 0;
    connection_limit_set(netlink, index);
    result = link_up(netlink, index);
    if (result != 0)
        return failure_set(failure, -result, "cannot bring up '%s'", name);
    result = add_default_route(netlink, index, AF_INET);
    if (result != 0)
        return failure_set(failure, -result, "cannot add the IPv4 default route");
    if (*has_ipv6) {
        result = add_default_route(netlink, index, AF_INET6);
        if (result != 0)
            return failure_set(failure, -result, "cannot add the IPv6 default route");
        wait_until_local(netlink, AF_INET6, TFL_DEVICE_IPV6);
    }
    return 0;
}

int network_configure(const char *name, unsigned int mtu, unsigned int *index, int *has_ipv6,
                      struct failure *failure)
{
    int netlink = netlink_open();

    if (netlink < 0)
        return failure_set(failure, -netlink, "cannot open a netlink socket");
    *index = if_nametoindex(name);
    int result = *index != 0 ? configure(netlink, name, mtu, *index, has_ipv6, failure)
                             : failure_set(failure, errno, "the TUN device '%s' has disappeared", name);
    close(netlink);
    allow_ping_sockets();
    return result;
}
