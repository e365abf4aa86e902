#include "exchange.h"

#include "failures.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

const uint8_t *exchange_pattern(uint8_t first)
{
    static uint8_t pattern[EXCHANGE_PIECE + 256];

    if (pattern[1] == 0) {
        for (size_t i = 0; i < sizeof(pattern); i++)
            pattern[i] = (uint8_t)i;
    }
    return pattern + first;
}

static size_t piece(uint64_t left)
{
    return left < EXCHANGE_PIECE ? (size_t)left : EXCHANGE_PIECE;
}

int exchange_send(struct exchange *exchange, int descriptor)
{
    while (exchange->sent < exchange->to_send) {
        const uint8_t *data = exchange_pattern((uint8_t)(exchange->first + exchange->sent));
        ssize_t count = send(descriptor, data, piece(exchange->to_send - exchange->sent), MSG_NOSIGNAL);
        if (count < 0)
            return errno == EAGAIN ? EXCHANGE_WAITS : errno;
        exchange->sent += (uint64_t)count;
    }
    return 0;
}

int exchange_receive(struct exchange *exchange, int descriptor)
{
    static uint8_t data[EXCHANGE_PIECE];

    while (exchange->received < exchange->to_receive) {
        ssize_t count = recv(descriptor, data, piece(exchange->to_receive - exchange->received), 0);
        if (count < 0)
            return errno == EAGAIN ? EXCHANGE_WAITS : errno;
        if (count == 0)
            return FAILURE_EARLY_END;
        if (memcmp(data, exchange_pattern((uint8_t)(exchange->first + exchange->received)), (size_t)count) != 0)
            return FAILURE_MISMATCH;
        exchange->received += (uint64_t)count;
    }
    return 0;
}

int exchange_end(int descriptor)
{
    uint8_t byte;
    ssize_t count = recv(descriptor, &byte, sizeof(byte), 0);

    if (count < 0)
        return errno == EAGAIN ? EXCHANGE_WAITS : errno;
    return count == 0 ? 0 : FAILURE_EXTRA;
}
