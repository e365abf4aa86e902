#include "udp.h"

#include "clock.h"
#include "exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t s_data[UDP_BATCH][EXCHANGE_PIECE];
static struct iovec s_pieces[UDP_BATCH];
static struct mmsghdr s_messages[UDP_BATCH];

static void prepare(size_t length)
{
    for (unsigned int i = 0; i < UDP_BATCH; i++) {
        s_pieces[i] = (struct iovec){.iov_base = s_data[i], .iov_len = length};
        s_messages[i].msg_hdr = (struct msghdr){.msg_iov = &s_pieces[i], .msg_iovlen = 1};
    }
}

unsigned int udp_send(struct udp_flow *flow, unsigned int count)
{
    uint64_t now = clock_now();

    count = count < UDP_BATCH ? count : UDP_BATCH;
    prepare((size_t)flow->bytes);
    for (unsigned int i = 0; i < count; i++) {
        uint64_t number = flow->next + i;
        memcpy(s_data[i], &number, sizeof(number));
        memcpy(s_data[i] + sizeof(number), &now, sizeof(now));
        memcpy(s_data[i] + UDP_HEADER, exchange_pattern((uint8_t)number), (size_t)flow->bytes - UDP_HEADER);
        flow->seen[number % UDP_REMEMBERED / 8] &= (uint8_t)~(1u << number % 8);
    }
    int sent = sendmmsg(flow->descriptor, s_messages, count, 0);
    if (sent < 0) {
        if (errno != EAGAIN)
            failures_add(&flow->results->failures, errno);
        return 0;
    }
    flow->next += (uint64_t)sent;
    flow->waiting += (uint64_t)sent;
    flow->results->sent += (uint64_t)sent;
    return (unsigned int)sent;
}

static void take(struct udp_flow *flow, const uint8_t *data, size_t length, uint64_t now)
{
    uint64_t number, left;

    if (length != flow->bytes) {
        failures_add(&flow->results->failures, FAILURE_MISMATCH);
        return;
    }
    memcpy(&number, data, sizeof(number));
    memcpy(&left, data + sizeof(number), sizeof(left));
    if (number >= flow->next || left > now || memcmp(data + UDP_HEADER, exchange_pattern((uint8_t)number), length - UDP_HEADER) != 0) {
        failures_add(&flow->results->failures, FAILURE_MISMATCH);
        return;
    }
    uint8_t *seen = &flow->seen[number % UDP_REMEMBERED / 8];
    uint8_t bit = (uint8_t)(1u << number % 8);
    if (flow->next - number <= UDP_REMEMBERED) {
        if ((*seen & bit) != 0) {
            flow->results->copies++;
            return;
        }
        *seen |= bit;
    }
    flow->results->received++;
    flow->waiting -= flow->waiting > 0;
    flow->progress_at = now;
    histogram_add(&flow->results->durations, now - left);
}

void udp_receive(struct udp_flow *flow)
{
    for (;;) {
        prepare(EXCHANGE_PIECE);
        int count = recvmmsg(flow->descriptor, s_messages, UDP_BATCH, 0, NULL);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            failures_add(&flow->results->failures, errno);
        uint64_t now = clock_now();
        for (int i = 0; i < count; i++)
            take(flow, s_data[i], s_messages[i].msg_len, now);
    }
}
