#ifndef TUNFLOW_LAUNCH_TUN_H
#define TUNFLOW_LAUNCH_TUN_H

#include "failure.h"

/* Creates the TUN `name` in this network namespace; the descriptor closes on exec. Returns it, or -1. */
int tun_create(const char *name, struct failure *failure);

#endif
