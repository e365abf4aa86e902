/* What the servers of one process share. */
#ifndef TUNFLOW_LOAD_SERVE_H
#define TUNFLOW_LOAD_SERVE_H

#include "address.h"
#include "failures.h"

#include <stdint.h>

enum service { SERVICE_ECHO, SERVICE_EXCHANGE, SERVICE_ONCE, SERVICE_SINK, SERVICE_SOURCE, SERVICE_SILENT, SERVICE_UDP };

struct serve_settings {
    uint64_t request; /* bytes that make an exchange of SERVICE_EXCHANGE and SERVICE_ONCE */
    uint64_t answer;
};

struct serve_counts {
    uint64_t accepted;
    uint64_t open;
    uint64_t received; /* bytes of streams */
    uint64_t sent;
    uint64_t datagrams;
    uint64_t unanswered; /* datagrams whose answer the system did not take */
    struct failures failures;
};

extern struct serve_settings serve_settings;
extern struct serve_counts serve_counts;

/* A socket bound to the address; -1 with errno. IPv6's unspecified address takes both families. */
int serve_bind(const union address *address, socklen_t length, int type);

/* Serve on a bound socket from now on. 0, or EXIT_SETUP after a message. */
int serve_tcp(int listener, enum service service);
int serve_udp(int descriptor);

/* Closes every connection. */
void serve_tcp_end(void);

#endif
