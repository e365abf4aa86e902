/* TUN interfaces and what the kernel is asked to do with their packets. */
#ifndef TUNFLOW_COPY_TUN_H
#define TUNFLOW_COPY_TUN_H

/*
 * A new TUN of this name, non-blocking. With `offload` each packet has a struct virtio_net_hdr (10 bytes) in front of it, comes and goes with
 * a partial checksum, and TCP as super-packets of up to 64 KiB; without it there are bare packets. -1 with errno.
 */
int tun_open(const char *name, int offload);

#endif
