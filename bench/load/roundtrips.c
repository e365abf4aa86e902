#include "roundtrips.h"

#include "clock.h"
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_deadline(struct channel *channel, uint64_t deadline)
{
    channel->deadline = deadline;
    if (deadline < channel->owner->next)
        channel->owner->next = deadline;
}

static void send_next(struct channel *channel);

/* A failure ends a connection, whose bytes can't be told apart any more; datagrams go on. */
static void answered(struct channel *channel, int failure)
{
    struct roundtrips *trips = channel->owner;
    uint64_t now = clock_now();

    channel->waits = 0;
    trips->busy--;
    failures_add(&trips->failures, failure);
    if (failure == 0)
        histogram_add(&trips->durations, now - channel->sent_at);
    if (failure != 0 && !trips->datagrams) {
        close(channel->descriptor);
        channel->descriptor = -1;
        channel->deadline = NEVER;
        trips->alive--;
    } else if (trips->interval > 0) {
        set_deadline(channel, now + trips->interval);
    } else if (failure == 0) {
        send_next(channel);
    } else {
        /* From the loop: an error at each call would be a recursion without end. */
        set_deadline(channel, now + NANOSECONDS_PER_MILLISECOND);
    }
}

static void receive_datagrams(struct channel *channel)
{
    static uint8_t data[EXCHANGE_PIECE];
    struct roundtrips *trips = channel->owner;
    uint64_t number = 0;

    /* Until the socket is empty, as the watch tells of changes only. */
    for (;;) {
        ssize_t count = recv(channel->descriptor, data, sizeof(data), 0);
        if (count < 0) {
            if (errno != EAGAIN && channel->waits)
                answered(channel, errno);
            else if (errno == EAGAIN)
                return;
            continue;
        }
        memcpy(&number, data, (size_t)count < sizeof(number) ? (size_t)count : sizeof(number));
        if (!channel->waits || (size_t)count < sizeof(number) || number != channel->number) {
            trips->late++;
            continue;
        }
        int same = (size_t)count == trips->bytes &&
                   memcmp(data + sizeof(number), exchange_pattern((uint8_t)number), (size_t)count - sizeof(number)) == 0;
        answered(channel, same ? 0 : FAILURE_MISMATCH);
    }
}

static void receive_stream(struct channel *channel)
{
    int sent = exchange_send(&channel->exchange, channel->descriptor);
    int result = sent == 0 || sent == EXCHANGE_WAITS ? exchange_receive(&channel->exchange, channel->descriptor) : sent;

    if (result != EXCHANGE_WAITS && (result != 0 || sent == 0))
        answered(channel, result);
}

static void ready(struct watch *watch, uint32_t events)
{
    struct channel *channel = (struct channel *)watch;

    if (channel->owner->datagrams)
        receive_datagrams(channel);
    else if (channel->waits)
        receive_stream(channel);
    else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 && channel->descriptor >= 0) {
        /* Between two round trips nothing may come. */
        int failure = exchange_end(channel->descriptor);
        if (failure == EXCHANGE_WAITS)
            return;
        channel->waits = 1;
        channel->owner->busy++;
        answered(channel, failure == 0 ? FAILURE_EARLY_END : failure);
    }
}

static int send_datagram(struct channel *channel)
{
    static uint8_t data[EXCHANGE_PIECE];
    size_t length = (size_t)channel->owner->bytes;

    memcpy(data, &channel->number, sizeof(channel->number));
    memcpy(data + sizeof(channel->number), exchange_pattern((uint8_t)channel->number), length - sizeof(channel->number));
    return send(channel->descriptor, data, length, 0) < 0 ? errno : 0;
}

static void send_next(struct channel *channel)
{
    struct roundtrips *trips = channel->owner;

    if (trips->left == 0) {
        channel->deadline = NEVER;
        return;
    }
    trips->left--;
    trips->busy++;
    channel->waits = 1;
    channel->number++;
    channel->sent_at = clock_now();
    set_deadline(channel, channel->sent_at + trips->timeout);
    if (trips->datagrams) {
        int failure = send_datagram(channel);
        if (failure != 0)
            answered(channel, failure);
        return;
    }
    channel->exchange = (struct exchange){.to_send = trips->bytes, .to_receive = trips->bytes, .first = (uint8_t)channel->number};
    int failure = exchange_send(&channel->exchange, channel->descriptor);
    if (failure != 0 && failure != EXCHANGE_WAITS)
        answered(channel, failure);
}

static void look_at_deadlines(struct roundtrips *trips)
{
    uint64_t now = clock_now();

    if (now < trips->next)
        return;
    trips->next = NEVER;
    for (uint64_t i = 0; i < trips->parallel; i++) {
        struct channel *channel = &trips->channels[i];
        if (channel->descriptor < 0)
            continue;
        if (channel->deadline <= now) {
            if (channel->waits)
                answered(channel, FAILURE_TIMEOUT);
            else
                send_next(channel);
        }
        if (channel->descriptor >= 0 && channel->deadline < trips->next)
            trips->next = channel->deadline;
    }
}

void roundtrips_run(struct roundtrips *trips, uint64_t count, uint64_t until)
{
    uint64_t now;

    trips->left = count;
    trips->next = 0;
    for (uint64_t i = 0; i < trips->parallel; i++)
        trips->channels[i].deadline = 0;
    while ((now = clock_now()) < until && loop_stopped() == 0 && trips->alive > 0) {
        look_at_deadlines(trips);
        if (trips->busy == 0 && trips->left == 0)
            return;
        loop_run_once(trips->next < until ? trips->next : until);
    }
    /* What is under way is waited for, and counts. */
    trips->left = 0;
    while (trips->busy > 0 && loop_stopped() == 0) {
        look_at_deadlines(trips);
        loop_run_once(trips->next);
    }
}

int roundtrips_open(struct roundtrips *trips)
{
    trips->channels = calloc(trips->parallel, sizeof(*trips->channels));
    if (trips->channels == NULL)
        return setup_failed("memory for %llu channels", (unsigned long long)trips->parallel);
    for (uint64_t i = 0; i < trips->parallel; i++) {
        struct channel *channel = &trips->channels[i];
        *channel = (struct channel){.watch = {.ready = ready}, .owner = trips};
        channel->descriptor = route_connect(trips->route, i, trips->datagrams ? SOCK_DGRAM : SOCK_STREAM);
        if (channel->descriptor < 0)
            return setup_failed("socket %llu", (unsigned long long)i);
        if (!trips->datagrams)
            socket_no_delay(channel->descriptor);
        if (loop_add(channel->descriptor, EPOLLIN | EPOLLOUT | EPOLLET, &channel->watch) != 0)
            return setup_failed("epoll_ctl");
        trips->alive++;
    }
    /* A connection that is not there yet takes the first request once it is. */
    roundtrips_run(trips, trips->parallel, NEVER);
    trips->durations = (struct histogram){0};
    trips->late = 0;
    return 0;
}

void roundtrips_forget_results(struct roundtrips *trips)
{
    trips->durations = (struct histogram){0};
    trips->failures = (struct failures){0};
    trips->late = 0;
}

void roundtrips_close(struct roundtrips *trips)
{
    for (uint64_t i = 0; trips->channels != NULL && i < trips->parallel; i++) {
        if (trips->channels[i].descriptor >= 0)
            close(trips->channels[i].descriptor);
    }
    free(trips->channels);
    trips->channels = NULL;
}

void roundtrips_report(const struct roundtrips *trips, const char *name)
{
    report_object(name);
    report_count("count", trips->durations.count);
    report_count("late", trips->late);
    report_failures(&trips->failures);
    report_durations("round_trip_us", &trips->durations);
    report_close();
}
