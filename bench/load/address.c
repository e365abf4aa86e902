#include "address.h"

#include "failures.h"
#include "options.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 160
#define MOST_ADDRESSES (1u << 20)

static int parse_one(const char *text, union address *address, socklen_t *length)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->any.sa_family = AF_INET;
        *length = sizeof(address->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->any.sa_family = AF_INET6;
        *length = sizeof(address->v6);
        return 0;
    }
    return -1;
}

/* The last 32 bits; ranges stay within them. */
static uint32_t low_bits(const union address *address)
{
    uint32_t bits;

    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr);
    memcpy(&bits, address->v6.sin6_addr.s6_addr + 12, sizeof(bits));
    return ntohl(bits);
}

/* What stands behind the dash: a whole address, or its last octet (decimal) or group (hexadecimal). */
static int parse_last(const char *text, const union address *first, uint32_t *last)
{
    union address address;
    socklen_t length;
    char *end = NULL;

    if (parse_one(text, &address, &length) == 0) {
        if (address.any.sa_family != first->any.sa_family ||
            (length == sizeof(address.v6) && memcmp(&address.v6.sin6_addr, &first->v6.sin6_addr, 12) != 0))
            return -1;
        *last = low_bits(&address);
        return 0;
    }
    int v4 = first->any.sa_family == AF_INET;
    unsigned long number = strtoul(text, &end, v4 ? 10 : 16);
    uint32_t mask = v4 ? 0xff : 0xffff;
    if (*text == '\0' || *end != '\0' || number > mask)
        return -1;
    *last = (low_bits(first) & ~mask) | (uint32_t)number;
    return 0;
}

int range_parse_addresses(const char *text, struct range *range)
{
    char copy[LONGEST];
    uint32_t last;

    if (strlen(text) >= sizeof(copy))
        return usage_failed("'%s' is too long for a range of addresses", text);
    strcpy(copy, text);
    char *dash = strchr(copy, '-');
    if (dash != NULL)
        *dash++ = '\0';
    if (parse_one(copy, &range->first, &range->length) != 0)
        return usage_failed("'%s' is not an IPv4 or IPv6 address", copy);
    last = low_bits(&range->first);
    if (dash != NULL && parse_last(dash, &range->first, &last) != 0)
        return usage_failed("'%s' does not end a range of addresses that begins with %s", dash, copy);
    if (last < low_bits(&range->first) || last - low_bits(&range->first) >= MOST_ADDRESSES)
        return usage_failed("'%s' has no address, or more than %u", text, MOST_ADDRESSES);
    range->count = last - low_bits(&range->first) + 1;
    return 0;
}

int range_parse_endpoint(const char *text, struct range *range)
{
    char copy[LONGEST];
    uint64_t port = 0;
    size_t bracket = text[0] == '[' ? 1 : 0;
    const char *colon = strrchr(text, ':');

    if (colon == NULL || (bracket && colon[-1] != ']') || (!bracket && strchr(text, ':') != colon) ||
        number_parse(colon + 1, 1, 65535, &port) != 0)
        return usage_failed("'%s' is not ADDRESS:PORT, FIRST-LAST:PORT or [ADDRESS]:PORT", text);
    size_t length = (size_t)(colon - text) - 2 * bracket;
    if (length >= sizeof(copy))
        return usage_failed("'%s' is too long for a range of addresses", text);
    memcpy(copy, text + bracket, length);
    copy[length] = '\0';
    int code = range_parse_addresses(copy, range);
    if (range->first.any.sa_family == AF_INET6)
        range->first.v6.sin6_port = htons((uint16_t)port);
    else
        range->first.v4.sin_port = htons((uint16_t)port);
    return code;
}

union address range_at(const struct range *range, uint64_t number)
{
    union address address = range->first;
    uint32_t bits = htonl(low_bits(&address) + (uint32_t)(number % range->count));

    if (address.any.sa_family == AF_INET)
        address.v4.sin_addr.s_addr = bits;
    else
        memcpy(address.v6.sin6_addr.s6_addr + 12, &bits, sizeof(bits));
    return address;
}
