/* The one epoll loop of the program, and its signals. Everything runs on one thread. */
#ifndef TUNFLOW_LOAD_LOOP_H
#define TUNFLOW_LOAD_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

/* Embedded in what is watched. A handler may end its own watch, by closing the descriptor, and no other. */
struct watch {
    void (*ready)(struct watch *watch, uint32_t events);
};

/* 0 or EXIT_SETUP after a message. SIGINT and SIGTERM are seen by loop_stopped only; SIGPIPE is ignored. */
int loop_open(void);

/* 0, or -1 with errno. */
int loop_add(int descriptor, uint32_t events, struct watch *watch);
int loop_change(int descriptor, uint32_t events, struct watch *watch);

/* Handles what is ready, and waits for it until the deadline (clock_now's time, or NEVER), at most. */
void loop_run_once(uint64_t deadline);

/* The signal that asked for the end, or 0. */
int loop_stopped(void);

/* Ends the loop as a signal does when stdin is at its end. 0 or EXIT_SETUP after a message. */
int loop_watch_stdin(void);
int loop_stdin_closed(void);

#endif
