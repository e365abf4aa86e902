/*
 * tunflow-copy: two TUNs, and what is read from one is written to the other. One thread, one epoll, no stack: the least that anything
 * between two TUNs can cost, with offload (super-packets pass as they are) and without. The benchmarks' ratios refer to it.
 */
#include "copy.h"
#include "tun.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum exit_code { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_SETUP = 3, EXIT_DEVICE = 4 };

/* Packets of one direction before it is the other's turn. */
#define TURN 64

static int usage(int code)
{
    fputs("usage: tunflow-copy [--offload] FIRST SECOND\n"
          "Creates two TUNs and copies packets between them, both ways, until SIGTERM or SIGINT. Says so on stdout when both exist, and tells\n"
          "at the end in JSON what was copied. --offload: virtio headers, partial checksums and TCP super-packets. The interfaces may be moved\n"
          "to other network namespaces.\n", code == EXIT_DONE ? stdout : stderr);
    return code;
}

static int failed(int code, const char *what)
{
    fprintf(stderr, "tunflow-copy: %s: %s\n", what, strerror(errno));
    return code;
}

static int signal_descriptor(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return -1;
    return signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* `ways` are watched under their index; the last one is the signals. */
static int watch(int epoll, int descriptor, uint32_t index)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = index}};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
}

static int copy(int epoll, struct way ways[2])
{
    struct epoll_event events[3];

    for (;;) {
        int ready = epoll_wait(epoll, events, 3, -1);
        if (ready < 0 && errno != EINTR)
            return failed(EXIT_SETUP, "waiting");
        for (int i = 0; i < ready; i++) {
            uint32_t index = events[i].data.u32;
            if (index == 2)
                return EXIT_DONE;
            if (copy_some(&ways[index], TURN) < 0)
                return failed(EXIT_DEVICE, index == 0 ? "reading the first TUN" : "reading the second TUN");
        }
    }
}

static void report_way(const char *name, const struct way *way)
{
    printf("\"%s\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"large\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"errno\": %d}", name, way->packets,
           way->bytes, way->large, way->dropped, way->dropped_errno);
}

static int run(const char *first, const char *second, int offload)
{
    int tuns[2] = {tun_open(first, offload), -1};

    if (tuns[0] < 0)
        return failed(EXIT_SETUP, first);
    tuns[1] = tun_open(second, offload);
    if (tuns[1] < 0)
        return failed(EXIT_SETUP, second);
    struct way ways[2] = {{.from = tuns[0], .to = tuns[1]}, {.from = tuns[1], .to = tuns[0]}};
    int signals = signal_descriptor();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (signals < 0 || epoll < 0 || watch(epoll, tuns[0], 0) != 0 || watch(epoll, tuns[1], 1) != 0 || watch(epoll, signals, 2) != 0)
        return failed(EXIT_SETUP, "preparing to wait");
    printf("tunflow-copy: copying between %s and %s\n", first, second);
    fflush(stdout);
    int code = copy(epoll, ways);
    putchar('{');
    report_way("forth", &ways[0]);
    fputs(", ", stdout);
    report_way("back", &ways[1]);
    puts("}");
    return code;
}

int main(int argc, char **argv)
{
    const char *names[2];
    int offload = 0, count = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(EXIT_DONE);
        if (strcmp(argv[i], "--offload") == 0)
            offload = 1;
        else if (argv[i][0] == '-' || count == 2)
            return usage(EXIT_USAGE);
        else
            names[count++] = argv[i];
    }
    return count == 2 ? run(names[0], names[1], offload) : usage(EXIT_USAGE);
}
