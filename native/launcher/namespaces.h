#ifndef TUNFLOW_LAUNCH_NAMESPACES_H
#define TUNFLOW_LAUNCH_NAMESPACES_H

#include "failure.h"

/* Moves this process into new namespaces: network, mount (private), and user when `user` is set. */
int namespaces_enter(int user, struct failure *failure);

#endif
