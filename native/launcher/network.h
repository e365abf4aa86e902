#ifndef TUNFLOW_LAUNCH_NETWORK_H
#define TUNFLOW_LAUNCH_NETWORK_H

#include "failure.h"

/* Brings up the loopback and the TUN `name` of this namespace with its addresses and default routes.
 * *has_ipv6 is 0 when the kernel or the MTU leaves no IPv6; that is no failure. */
int network_configure(const char *name, unsigned int mtu, unsigned int *index, int *has_ipv6,
                      struct failure *failure);

#endif
