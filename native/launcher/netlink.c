#include "netlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct nlmsghdr *header_of(struct netlink_request *request)
{
    return (struct nlmsghdr *)request->bytes;
}

static void append(struct netlink_request *request, const void *data, size_t length)
{
    struct nlmsghdr *header = header_of(request);
    size_t offset = NLMSG_ALIGN(header->nlmsg_len);

    /* The requests of this program are fixed and small: running out of room is a mistake in the source. */
    assert(offset + length <= sizeof(request->bytes));
    if (length != 0)
        memcpy(request->bytes + offset, data, length);
    header->nlmsg_len = (uint32_t)(offset + length);
}

int netlink_open(void)
{
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    return netlink >= 0 ? netlink : -errno;
}

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body, size_t length)
{
    memset(request, 0, sizeof(*request));
    struct nlmsghdr *header = header_of(request);
    header->nlmsg_len = NLMSG_HDRLEN;
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(request, body, length);
}

void netlink_attribute(struct netlink_request *request, uint16_t type, const void *value, size_t length)
{
    struct nlattr attribute = {.nla_len = (uint16_t)(sizeof(struct nlattr) + length), .nla_type = type};

    append(request, &attribute, sizeof(attribute));
    append(request, value, length);
}

size_t netlink_nest_begin(struct netlink_request *request, uint16_t type)
{
    size_t nest = NLMSG_ALIGN(header_of(request)->nlmsg_len);

    netlink_attribute(request, type, NULL, 0);
    return nest;
}

void netlink_nest_end(struct netlink_request *request, size_t nest)
{
    struct nlattr *attribute = (struct nlattr *)(void *)(request->bytes + nest);

    attribute->nla_len = (uint16_t)(header_of(request)->nlmsg_len - nest);
}

int netlink_transact(int netlink, struct netlink_request *request)
{
    static uint32_t sequence;
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsghdr *header = header_of(request);
    _Alignas(struct nlmsghdr) char answer[8192];

    header->nlmsg_seq = ++sequence;
    ssize_t count;
    do {
        count = sendto(netlink, request->bytes, header->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    for (;;) {
        count = recv(netlink, answer, sizeof(answer), 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        /* Nothing but the acknowledgement answers these requests, and it comes in a datagram of its own. */
        struct nlmsghdr *message = (struct nlmsghdr *)answer;
        if ((size_t)count < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || message->nlmsg_type != NLMSG_ERROR)
            return -EPROTO;
        if (message->nlmsg_seq == sequence)
            return ((struct nlmsgerr *)NLMSG_DATA(message))->error;
    }
}
