#include "netlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct nlmsghdr *header_of(struct netlink_request *request)
{
    return (struct nlmsghdr *)(void *)request->bytes;
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

static int send_request(int netlink, struct netlink_request *request)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct nlmsghdr *header = header_of(request);
    ssize_t count;

    do {
        count = sendto(netlink, request->bytes, header->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : 0;
}

/* An answer and the acknowledgement each come in a datagram of their own. */
static int receive_message(int netlink, char *message, size_t size)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)message;
    ssize_t count;

    do {
        count = recv(netlink, message, size, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return -errno;
    if ((size_t)count < sizeof(*header) || header->nlmsg_len > (size_t)count || header->nlmsg_len < sizeof(*header))
        return -EPROTO;
    if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
        return -EPROTO;
    return 0;
}

int netlink_transact(int netlink, struct netlink_request *request)
{
    return netlink_ask(netlink, request, NULL, 0);
}

int netlink_ask(int netlink, struct netlink_request *request, void *body, size_t length)
{
    static uint32_t sequence;
    _Alignas(struct nlmsghdr) char message[8192];
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)message;

    header_of(request)->nlmsg_seq = ++sequence;
    int result = send_request(netlink, request);
    while (result == 0) {
        result = receive_message(netlink, message, sizeof(message));
        if (result != 0 || header->nlmsg_seq != sequence)
            continue;
        if (header->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
        size_t available = header->nlmsg_len - NLMSG_HDRLEN;
        if (length != 0)
            memcpy(body, NLMSG_DATA(header), available < length ? available : length);
    }
    return result;
}
