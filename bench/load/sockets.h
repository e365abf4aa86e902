/* The client's sockets: where they come from and go to. All are non-blocking. */
#ifndef TUNFLOW_LOAD_SOCKETS_H
#define TUNFLOW_LOAD_SOCKETS_H

#include "address.h"

#include <stdint.h>

struct route {
    struct range target;
    struct range source; /* count 0: the system's choice */
};

/* `source` may be NULL. 0, or EXIT_USAGE after a message. */
int route_parse(const char *target, const char *source, struct route *route);

/*
 * A socket on its way to (SOCK_STREAM) or bound to (SOCK_DGRAM) the target of that number; -1 with errno. The ports are chosen at
 * connect(), per pair of addresses, so that rotation over targets or sources multiplies them and avoids those in TIME_WAIT.
 */
int route_connect(const struct route *route, uint64_t number, int type);

/* The pending error of a socket, 0 for none. */
int socket_error(int descriptor);

/* Closing sends an RST. */
void socket_reset_at_close(int descriptor);

void socket_no_delay(int descriptor);

/* Buffers of that many bytes each way, beyond the system's limit where that is allowed. */
void socket_buffers(int descriptor, int bytes);

/* As many descriptors as this process may have. 0, or EXIT_SETUP after a message if `wanted` are more. */
int sockets_allow(uint64_t wanted);

#endif
