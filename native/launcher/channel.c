#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int channel_open(int socket, struct failure *failure)
{
    int domain = 0;
    socklen_t length = sizeof(domain);

    if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0)
        return failure_set(failure, errno, "--socket: descriptor %d is not a socket", socket);
    if (domain != AF_UNIX)
        return failure_set(failure, 0, "--socket: descriptor %d is not a Unix socket", socket);
    /* The command must not hold it: its end of file tells the caller that exec succeeded. */
    if (fcntl(socket, F_SETFD, FD_CLOEXEC) != 0)
        return failure_set(failure, errno, "--socket: FD_CLOEXEC");
    /* The waits below block; the caller's runtime may have made its end, and so this one, non-blocking. */
    int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || fcntl(socket, F_SETFL, flags & ~O_NONBLOCK) != 0)
        return failure_set(failure, errno, "--socket: O_NONBLOCK");
    return 0;
}

int channel_send(int socket, const struct tfl_message *message, int descriptor)
{
    union {
        struct cmsghdr header; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    size_t sent = 0;

    while (sent < sizeof(*message)) {
        struct iovec data = {.iov_base = (char *)message + sent, .iov_len = sizeof(*message) - sent};
        struct msghdr out = {.msg_iov = &data, .msg_iovlen = 1};

        if (descriptor >= 0 && sent == 0) {
            memset(&control, 0, sizeof(control));
            out.msg_control = control.bytes;
            out.msg_controllen = sizeof(control.bytes);
            struct cmsghdr *header = CMSG_FIRSTHDR(&out);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
        }
        ssize_t count = sendmsg(socket, &out, MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        sent += (size_t)count;
    }
    return 0;
}

int channel_wait_for_go(int socket)
{
    for (;;) {
        char byte = 0;
        ssize_t count = read(socket, &byte, 1);

        if (count < 0 && errno == EINTR)
            continue;
        return count == 1 && byte == TFL_GO;
    }
}
