#include "loop.h"

#include "clock.h"
#include "failures.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define BATCH 256

static int s_epoll = -1;
static volatile sig_atomic_t s_signal;
static int s_stdin_closed;
static sigset_t s_waiting; /* the mask while nothing is handled */

static void on_signal(int number)
{
    s_signal = number;
}

int loop_open(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;

    s_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s_epoll < 0)
        return setup_failed("epoll_create1");
    /* They arrive while epoll_pwait waits and at no other time, so none is missed between a look and the wait. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &s_waiting);
    sigdelset(&s_waiting, SIGINT);
    sigdelset(&s_waiting, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int loop_add(int descriptor, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(s_epoll, EPOLL_CTL_ADD, descriptor, &event);
}

int loop_change(int descriptor, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(s_epoll, EPOLL_CTL_MOD, descriptor, &event);
}

static int timeout_until(uint64_t deadline)
{
    if (deadline == NEVER)
        return -1;
    uint64_t now = clock_now();
    if (deadline <= now)
        return 0;
    /* Up: waking before the deadline would only mean to wait again. */
    uint64_t wait = (deadline - now + NANOSECONDS_PER_MILLISECOND - 1) / NANOSECONDS_PER_MILLISECOND;
    return wait > 3600000 ? 3600000 : (int)wait;
}

void loop_run_once(uint64_t deadline)
{
    static struct epoll_event events[BATCH];
    int count = epoll_pwait(s_epoll, events, BATCH, timeout_until(deadline), &s_waiting);

    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
}

int loop_stopped(void)
{
    return s_signal;
}

static void on_stdin(struct watch *watch, uint32_t events)
{
    char ignored[256];

    (void)watch;
    (void)events;
    ssize_t count = read(STDIN_FILENO, ignored, sizeof(ignored));
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        s_stdin_closed = 1;
        epoll_ctl(s_epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
}

int loop_watch_stdin(void)
{
    static struct watch watch = {.ready = on_stdin};

    if (loop_add(STDIN_FILENO, EPOLLIN, &watch) == 0)
        return 0;
    /* A file, /dev/null: at its end from the beginning. */
    if (errno == EPERM || errno == EBADF) {
        s_stdin_closed = 1;
        return 0;
    }
    return setup_failed("watching stdin");
}

int loop_stdin_closed(void)
{
    return s_stdin_closed;
}
