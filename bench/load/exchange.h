/*
 * One request and its answer on a TCP connection. Byte i of a request is its first byte plus i (mod 256), and of the answer, too:
 * whoever echoes answers rightly, and bytes that are lost, repeated or another connection's are seen.
 */
#ifndef TUNFLOW_LOAD_EXCHANGE_H
#define TUNFLOW_LOAD_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

struct exchange {
    uint64_t to_send;
    uint64_t to_receive;
    uint64_t sent;
    uint64_t received;
    uint8_t first;
};

#define EXCHANGE_WAITS INT32_MAX

/*
 * Both go on until the socket would block: EXCHANGE_WAITS. 0 when everything is sent, or received; else a failure, as in failures.h.
 * Call both whenever the socket is ready: a peer that echoes takes no more while its answer isn't read.
 */
int exchange_send(struct exchange *exchange, int descriptor);
int exchange_receive(struct exchange *exchange, int descriptor);

/* 0 at the peer's end of the stream, EXCHANGE_WAITS, or a failure; bytes are one, too (FAILURE_EXTRA). */
int exchange_end(int descriptor);

/* `length` bytes of the pattern, at most EXCHANGE_PIECE, that begin with `first`. */
#define EXCHANGE_PIECE 65536
const uint8_t *exchange_pattern(uint8_t first);

#endif
