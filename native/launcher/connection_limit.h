/* A flood of SYNs would crowd the segments of established connections out of the TUN's one queue. So SYNs get a class of
 * the queueing discipline HTB for themselves, and wait there beyond 12,500 a second; whatever else there is goes past it.
 * The library does the same for the TUN devices that it creates (LinuxTunOptions.ConnectionRate). */
#ifndef TUNFLOW_LAUNCH_CONNECTION_LIMIT_H
#define TUNFLOW_LAUNCH_CONNECTION_LIMIT_H

/* Of a new interface. A kernel without HTB or u32 has to do without. */
void connection_limit_set(int netlink, unsigned int index);

#endif
