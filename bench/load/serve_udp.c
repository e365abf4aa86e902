#include "loop.h"
#include "serve.h"
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define LARGEST 65536
#define BUFFERS (8 << 20)

struct server {
    struct watch watch;
    int descriptor;
};

union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr alignment;
};

static struct server s_servers[64];
static unsigned int s_count;
static uint8_t s_data[BATCH][LARGEST];
static struct iovec s_pieces[BATCH];
static union address s_peers[BATCH];
static union control s_controls[BATCH];
static struct mmsghdr s_messages[BATCH];

static void prepare(void)
{
    for (unsigned int i = 0; i < BATCH; i++) {
        s_pieces[i] = (struct iovec){.iov_base = s_data[i], .iov_len = LARGEST};
        s_messages[i].msg_hdr = (struct msghdr){
            .msg_name = &s_peers[i], .msg_namelen = sizeof(s_peers[i]), .msg_iov = &s_pieces[i], .msg_iovlen = 1,
            .msg_control = &s_controls[i], .msg_controllen = sizeof(s_controls[i])};
    }
}

/* The control data of a datagram says where it came to. Sent back, it says where the answer comes from; by which interface is the routes' choice. */
static void forget_interface(struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
            ((struct in_pktinfo *)(void *)CMSG_DATA(header))->ipi_ifindex = 0;
        else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
            ((struct in6_pktinfo *)(void *)CMSG_DATA(header))->ipi6_ifindex = 0;
    }
}

static void send_all(int descriptor, unsigned int count)
{
    unsigned int sent = 0;

    while (sent < count) {
        int result = sendmmsg(descriptor, s_messages + sent, count - sent, 0);
        if (result > 0) {
            sent += (unsigned int)result;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = descriptor, .events = POLLOUT};
            poll(&room, 1, 100);
        } else if (errno != ECONNREFUSED && errno != EINTR) {
            /* ECONNREFUSED tells of an earlier datagram; this one is tried again. */
            serve_counts.unanswered++;
            failures_add(&serve_counts.failures, errno);
            sent++;
        }
    }
}

static void on_datagrams(struct watch *watch, uint32_t events)
{
    struct server *server = (struct server *)watch;

    (void)events;
    prepare();
    int count = recvmmsg(server->descriptor, s_messages, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0) {
        if (errno != EAGAIN && errno != ECONNREFUSED)
            failures_add(&serve_counts.failures, errno);
        return;
    }
    for (int i = 0; i < count; i++) {
        s_pieces[i].iov_len = s_messages[i].msg_len;
        forget_interface(&s_messages[i].msg_hdr);
    }
    serve_counts.datagrams += (uint64_t)count;
    send_all(server->descriptor, (unsigned int)count);
}

int serve_udp(int descriptor)
{
    int on = 1;
    int family = 0;
    socklen_t length = sizeof(family);

    if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0 ||
        (family == AF_INET6 && setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) != 0) ||
        (family == AF_INET && setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) != 0))
        return setup_failed("setsockopt");
    socket_buffers(descriptor, BUFFERS);
    struct server *server = &s_servers[s_count++];
    *server = (struct server){.watch = {.ready = on_datagrams}, .descriptor = descriptor};
    return loop_add(descriptor, EPOLLIN, &server->watch) == 0 ? 0 : setup_failed("epoll_ctl");
}
