/* Ranges of addresses in text: "198.51.100.1-250:80", "[2001:db8::1-ff]:80", "192.0.2.1-192.0.3.250". */
#ifndef TUNFLOW_LOAD_ADDRESS_H
#define TUNFLOW_LOAD_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct range {
    union address first;
    socklen_t length; /* of each */
    uint32_t count;   /* at least 1 */
};

/* A range with a port. 0, or EXIT_USAGE after saying what is wrong. */
int range_parse_endpoint(const char *text, struct range *range);

/* The same without a port. */
int range_parse_addresses(const char *text, struct range *range);

/* The address of a number, round and round. */
union address range_at(const struct range *range, uint64_t number);

#endif
