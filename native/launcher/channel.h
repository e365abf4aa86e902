/* The socket to the caller: see protocol.h. */
#ifndef TUNFLOW_LAUNCH_CHANNEL_H
#define TUNFLOW_LAUNCH_CHANNEL_H

#include "failure.h"

/* Checks that it is an AF_UNIX socket and makes it close on exec. */
int channel_open(int socket, struct failure *failure);

/* Sends one message, with a copy of `descriptor` unless it is -1. */
int channel_send(int socket, const struct tfl_message *message, int descriptor);

/* 1: go, 0: the caller went away or sent something else. */
int channel_wait_for_go(int socket);

#endif
