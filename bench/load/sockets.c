#include "sockets.h"

#include "failures.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Beside sockets: the standard ones, epoll, a timer. */
#define OTHER_DESCRIPTORS 16

int route_parse(const char *target, const char *source, struct route *route)
{
    memset(route, 0, sizeof(*route));
    int code = range_parse_endpoint(target, &route->target);
    if (code == 0 && source != NULL)
        code = range_parse_addresses(source, &route->source);
    if (code == 0 && source != NULL && route->source.first.any.sa_family != route->target.first.any.sa_family)
        return usage_failed("'%s' and '%s' are of different families", target, source);
    return code;
}

static int bind_source(int descriptor, const struct range *source, uint64_t number)
{
    union address local = range_at(source, number);
    int on = 1;

    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0)
        return -1;
    return bind(descriptor, &local.any, source->length);
}

int route_connect(const struct route *route, uint64_t number, int type)
{
    union address remote = range_at(&route->target, number);
    int descriptor = socket(remote.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (descriptor < 0)
        return -1;
    /* The sources change once all targets had their turn, or every pair of the two would not be used. */
    if (route->source.count > 0 && bind_source(descriptor, &route->source, number / route->target.count) != 0)
        goto failed;
    if (connect(descriptor, &remote.any, route->target.length) != 0 && errno != EINPROGRESS)
        goto failed;
    return descriptor;

failed:;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int socket_error(int descriptor)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        return errno;
    return error;
}

void socket_reset_at_close(int descriptor)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void socket_no_delay(int descriptor)
{
    int on = 1;

    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void socket_buffers(int descriptor, int bytes)
{
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int sockets_allow(uint64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return setup_failed("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return setup_failed("setrlimit");
    if (limit.rlim_max < wanted + OTHER_DESCRIPTORS) {
        errno = EMFILE;
        return setup_failed("%llu sockets are more than the %llu descriptors that this process may have",
                            (unsigned long long)wanted, (unsigned long long)limit.rlim_max);
    }
    return 0;
}
