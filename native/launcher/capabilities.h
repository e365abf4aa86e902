#ifndef TUNFLOW_LAUNCH_CAPABILITIES_H
#define TUNFLOW_LAUNCH_CAPABILITIES_H

#include "failure.h"

/* Root that may create namespaces and configure them without a user namespace. */
int capabilities_are_root(void);

/* Inside a user namespace, just before exec: nothing is inherited and the bounding set is cut down (protocol.h). */
int capabilities_limit(struct failure *failure);

#endif
