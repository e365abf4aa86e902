/*
 * Name resolution of the command.
 *
 * The C library asks, in this order: nscd's socket, the sources in nsswitch.conf (of which systemd-resolved and
 * avahi are reached over Unix sockets), the servers in resolv.conf. Unix sockets in the file system pass through a
 * network namespace, so each of them would resolve names outside the tunnel. In this mount namespace therefore
 *   - the directories of those sockets are covered by empty, read-only file systems,
 *   - "hosts" in nsswitch.conf becomes "files dns", everything else in it stays,
 *   - resolv.conf names the tunnel's server; the host's search list and options stay.
 * Limits: a socket directory that the host creates later, by starting nscd meanwhile, is not covered. A resolv.conf
 * that the host replaces by renaming a new file over it appears in the namespace, too (the kernel drops mounts on
 * files that go away); its servers are then reached, or not, through the tunnel as any other address.
 */
#ifndef TUNFLOW_LAUNCH_RESOLVER_H
#define TUNFLOW_LAUNCH_RESOLVER_H

#include "failure.h"

int resolver_configure(const char *server, struct failure *failure);

#endif
