#include "clock.h"
#include "exchange.h"
#include "loop.h"
#include "serve.h"
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 65535 /* the system cuts it to its own limit */
#define ACCEPT_BATCH 64
#define ONE_SEGMENT 500 /* larger answers need TCP_NODELAY, or their last segment waits for an acknowledgment */

struct listener {
    struct watch watch;
    struct listener *next;
    int descriptor;
    enum service service;
};

/* What came and could not be sent back yet waits in `kept`, and nothing more is read meanwhile. */
struct connection {
    struct watch watch;
    struct connection *next;
    struct connection *previous;
    int descriptor;
    enum service service;
    int watches_out;
    int no_delay;
    uint64_t position; /* bytes of the current request */
    uint64_t answered; /* bytes of the current answer */
    uint8_t first;
    uint8_t *kept;
    size_t kept_length;
    size_t kept_sent;
};

static struct listener *s_listeners;
static struct connection s_connections = {.next = &s_connections, .previous = &s_connections}; /* a ring's head */
static int s_paused; /* out of descriptors: a connection that ends lets the listeners go on */
static uint8_t s_buffer[EXCHANGE_PIECE];

static void pause_listeners(int paused)
{
    s_paused = paused;
    for (struct listener *listener = s_listeners; listener != NULL; listener = listener->next)
        loop_change(listener->descriptor, paused ? 0 : EPOLLIN, &listener->watch);
}

static void end(struct connection *connection, int failure)
{
    failures_add(&serve_counts.failures, failure);
    serve_counts.open--;
    connection->next->previous = connection->previous;
    connection->previous->next = connection->next;
    close(connection->descriptor);
    free(connection->kept);
    free(connection);
    if (s_paused)
        pause_listeners(0);
}

static void watch_out(struct connection *connection, int wanted)
{
    if (connection->watches_out == wanted)
        return;
    connection->watches_out = wanted;
    loop_change(connection->descriptor, wanted ? EPOLLOUT : EPOLLIN, &connection->watch);
}

/* The count, or -1 with errno; 0 when the socket takes nothing now. */
static ssize_t send_some(struct connection *connection, const uint8_t *data, size_t length)
{
    ssize_t count = send(connection->descriptor, data, length, MSG_NOSIGNAL);

    if (count < 0)
        return errno == EAGAIN ? 0 : -1;
    serve_counts.sent += (uint64_t)count;
    return count;
}

/* 0 to go on, else a failure. */
static int send_back(struct connection *connection, const uint8_t *data, size_t length)
{
    ssize_t count = send_some(connection, data, length);

    if (count < 0)
        return errno;
    if ((size_t)count == length)
        return 0;
    connection->kept_length = length - (size_t)count;
    connection->kept_sent = 0;
    connection->kept = malloc(connection->kept_length);
    if (connection->kept == NULL)
        return ENOMEM;
    memcpy(connection->kept, data + count, connection->kept_length);
    watch_out(connection, 1);
    return 0;
}

static int send_kept(struct connection *connection)
{
    ssize_t count = send_some(connection, connection->kept + connection->kept_sent, connection->kept_length - connection->kept_sent);

    if (count < 0)
        return errno;
    connection->kept_sent += (size_t)count;
    if (connection->kept_sent == connection->kept_length) {
        free(connection->kept);
        connection->kept = NULL;
        watch_out(connection, 0);
    }
    return 0;
}

/* The answer's next bytes, as far as they are taken. 1 when it is whole. A negative result is -errno. */
static int send_answer(struct connection *connection)
{
    while (connection->answered < serve_settings.answer) {
        uint64_t left = serve_settings.answer - connection->answered;
        size_t length = left < EXCHANGE_PIECE ? (size_t)left : EXCHANGE_PIECE;
        ssize_t count = send_some(connection, exchange_pattern((uint8_t)(connection->first + connection->answered)), length);
        if (count <= 0) {
            watch_out(connection, 1);
            return count < 0 ? -errno : 0;
        }
        connection->answered += (uint64_t)count;
    }
    connection->position = 0;
    watch_out(connection, 0);
    return 1;
}

static void send_source(struct connection *connection)
{
    ssize_t count = EXCHANGE_PIECE;

    /* A few, however fast they are taken: the others want their turn. */
    for (int i = 0; i < 4 && count == EXCHANGE_PIECE; i++)
        count = send_some(connection, exchange_pattern(0), EXCHANGE_PIECE);
    if (count < 0)
        end(connection, errno);
}

static void on_request(struct connection *connection)
{
    int result = send_answer(connection);

    if (result < 0 || (result > 0 && connection->service == SERVICE_ONCE))
        end(connection, -(result < 0 ? result : 0));
}

static void read_some(struct connection *connection)
{
    size_t most = sizeof(s_buffer);
    int exchanges = connection->service == SERVICE_EXCHANGE || connection->service == SERVICE_ONCE;

    if (exchanges && serve_settings.request - connection->position < most)
        most = (size_t)(serve_settings.request - connection->position);
    ssize_t count = recv(connection->descriptor, s_buffer, most, 0);
    if (count <= 0) {
        if (count == 0 || errno != EAGAIN)
            end(connection, count == 0 ? 0 : errno);
        return;
    }
    serve_counts.received += (uint64_t)count;
    if (!connection->no_delay && (count > ONE_SEGMENT || (exchanges && serve_settings.answer > ONE_SEGMENT))) {
        connection->no_delay = 1;
        socket_no_delay(connection->descriptor);
    }
    if (exchanges) {
        if (connection->position == 0)
            connection->first = s_buffer[0];
        connection->position += (uint64_t)count;
        if (connection->position == serve_settings.request) {
            connection->answered = 0;
            on_request(connection);
        }
    } else if (connection->service == SERVICE_ECHO) {
        int failure = send_back(connection, s_buffer, (size_t)count);
        if (failure != 0)
            end(connection, failure);
    }
}

static void on_connection(struct watch *watch, uint32_t events)
{
    struct connection *connection = (struct connection *)watch;

    if (connection->service == SERVICE_SILENT || (events & EPOLLERR) != 0) {
        end(connection, socket_error(connection->descriptor));
    } else if ((events & (EPOLLIN | EPOLLHUP)) != 0 && !connection->watches_out) {
        read_some(connection);
    } else if ((events & EPOLLOUT) != 0) {
        if (connection->service == SERVICE_SOURCE) {
            send_source(connection);
        } else if (connection->kept != NULL) {
            int failure = send_kept(connection);
            if (failure != 0)
                end(connection, failure);
        } else {
            on_request(connection);
        }
    }
}

static int accept_one(struct listener *listener)
{
    uint32_t events = listener->service == SERVICE_SOURCE ? EPOLLIN | EPOLLOUT : EPOLLIN;
    int descriptor = accept4(listener->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (descriptor < 0)
        return errno;
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        close(descriptor);
        return ENOMEM;
    }
    connection->watch.ready = on_connection;
    connection->descriptor = descriptor;
    connection->service = listener->service;
    connection->next = s_connections.next;
    connection->previous = &s_connections;
    connection->next->previous = connection->previous->next = connection;
    /* Of the silent ones the end alone counts: RDHUP comes though nothing is read, and once. */
    if (listener->service == SERVICE_SILENT)
        events = EPOLLRDHUP | EPOLLET;
    serve_counts.accepted++;
    serve_counts.open++;
    if (loop_add(descriptor, events, &connection->watch) != 0)
        end(connection, errno);
    return 0;
}

static void on_listener(struct watch *watch, uint32_t events)
{
    struct listener *listener = (struct listener *)watch;
    int failure = 0;

    (void)events;
    for (int i = 0; i < ACCEPT_BATCH && failure == 0; i++)
        failure = accept_one(listener);
    if (failure == 0 || failure == EAGAIN || failure == ECONNABORTED)
        return;
    failures_add(&serve_counts.failures, failure);
    if (serve_counts.open > 0)
        pause_listeners(1);
}

int serve_tcp(int descriptor, enum service service)
{
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL || listen(descriptor, BACKLOG) != 0)
        return setup_failed("listening");
    *listener = (struct listener){.watch = {.ready = on_listener}, .next = s_listeners, .descriptor = descriptor, .service = service};
    s_listeners = listener;
    return loop_add(descriptor, EPOLLIN, &listener->watch) == 0 ? 0 : setup_failed("epoll_ctl");
}

void serve_tcp_end(void)
{
    while (s_connections.next != &s_connections)
        end(s_connections.next, 0);
}
