/* The order of things: protocol.h. */
#include "capabilities.h"
#include "channel.h"
#include "namespaces.h"
#include "network.h"
#include "options.h"
#include "resolver.h"
#include "tun.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#ifndef TUNFLOW_VERSION
#define TUNFLOW_VERSION "0.0.0"
#endif

static void message_begin(struct tfl_message *message, enum tfl_kind kind)
{
    memset(message, 0, sizeof(*message));
    message->magic = TFL_MAGIC;
    message->version = TFL_VERSION;
    message->kind = (uint16_t)kind;
}

/* To the caller, or to stderr when there is nobody to tell. */
static int report(int socket, enum tfl_kind kind, const struct failure *failure, int code)
{
    struct tfl_message message;

    message_begin(&message, kind);
    message.error = failure->error;
    message.exit_code = code;
    memcpy(message.text, failure->text, sizeof(message.text));
    if (socket < 0 || channel_send(socket, &message, -1) != 0)
        fprintf(stderr, "tunflow-launch: %s\n", failure->text);
    return code;
}

static int send_ready(const struct options *options, unsigned int index, uint32_t flags, int tun)
{
    struct tfl_message message;

    message_begin(&message, TFL_READY);
    message.flags = flags;
    message.mtu = options->mtu;
    message.interface_index = index;
    memcpy(message.name, options->name, strlen(options->name));
    return channel_send(options->socket, &message, tun);
}

/* Builds the command's world and returns the flags for the ready message, or -1. The caller owns *tun. */
static int prepare(const struct options *options, int *tun, unsigned int *index, struct failure *failure)
{
    int user = !capabilities_are_root();
    int has_ipv6 = 0;

    if (namespaces_enter(user, failure) != 0)
        return -1;
    *tun = tun_create(options->name, failure);
    if (*tun < 0)
        return -1;
    if (network_configure(options->name, options->mtu, index, &has_ipv6, failure) != 0 ||
        resolver_configure(options->dns, failure) != 0)
        return -1;
    if (user && capabilities_limit(failure) != 0)
        return -1;
    return (has_ipv6 ? TFL_HAS_IPV6 : 0) | (user ? TFL_USER_NAMESPACE : 0);
}

static int run(const struct options *options)
{
    struct failure failure;
    unsigned int index = 0;
    int tun = -1;

    if (channel_open(options->socket, &failure) != 0)
        return report(-1, TFL_FAILED, &failure, EXIT_USAGE);
    int flags = prepare(options, &tun, &index, &failure);
    if (flags < 0)
        return report(options->socket, TFL_FAILED, &failure, EXIT_SETUP);
    if (send_ready(options, index, (uint32_t)flags, tun) != 0)
        return EXIT_SETUP;
    /* From here on the caller holds the only descriptor: the device lives exactly as long as the tunnel. */
    close(tun);
    if (!channel_wait_for_go(options->socket))
        return EXIT_SETUP;
    /* A managed caller ignores SIGPIPE and exec would hand that down, but programs in pipelines count on the default. */
    signal(SIGPIPE, SIG_DFL);
    execvp(options->command[0], options->command);
    int code = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    failure_set(&failure, errno, "cannot execute '%s'", options->command[0]);
    return report(options->socket, TFL_EXEC_FAILED, &failure, code);
}

int main(int argc, char **argv)
{
    struct options options;
    struct failure failure;

    /* Everything here is meant to run with the caller's own rights; lent ones would let anyone mount over /etc. */
    if (getauxval(AT_SECURE) != 0) {
        fputs("tunflow-launch: must not be installed set-user-ID or with file capabilities\n", stderr);
        return EXIT_USAGE;
    }
    switch (options_parse(argc, argv, &options, &failure)) {
    case OPTIONS_HELP:
        puts("usage: tunflow-launch --socket FD [--mtu N] [--dns ADDRESS] [--name NAME] -- COMMAND [ARGUMENT...]\n"
             "Part of tunflow: runs COMMAND behind a TUN device and passes the device's descriptor over the socket.");
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        puts("tunflow-launch " TUNFLOW_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_RUN:
        return run(&options);
    case OPTIONS_INVALID:
    default:
        return report(options.socket, TFL_FAILED, &failure, EXIT_USAGE);
    }
}
