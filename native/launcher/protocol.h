/*
 * tunflow-launch: command line and socket protocol, version 1.
 *
 * tunflow-launch runs one command in new mount and network namespaces (and in a new user namespace where the
 * caller is not root) whose only way out is a TUN device, and hands the TUN's descriptor to its caller. It is a
 * separate, single-threaded program because a process with more than one thread may not unshare its user
 * namespace, and a managed runtime has threads from its first instruction on.
 *
 * COMMAND LINE
 *   tunflow-launch --socket FD [--mtu N] [--dns ADDRESS] [--name NAME] -- COMMAND [ARGUMENT...]
 *     --socket FD      connected AF_UNIX socket (SOCK_STREAM or SOCK_SEQPACKET), inherited from the caller
 *     --mtu N          MTU of the TUN in bytes, 68 to 65535, default 1500; below 1280 there is no IPv6
 *     --dns ADDRESS    IPv4 or IPv6 address written to the command's resolv.conf, default TFL_DNS_IPV4
 *     --name NAME      interface name, 1 to 15 bytes, default tun0
 *   --help and --version print to stdout and exit 0.
 *
 * CONVERSATION (l = launcher, c = caller)
 *   1. l -> c  one struct tfl_message, kind TFL_READY, with the TUN's descriptor as SCM_RIGHTS. The device is up,
 *              has its addresses and default routes; it was opened with IFF_TUN | IFF_NO_PI | IFF_VNET_HDR and has
 *              no offload enabled. The caller owns the descriptor: closing the last copy removes the device.
 *   2. c -> l  the single byte TFL_GO as soon as the tunnel is being served. Closing the socket instead makes the
 *              launcher exit without running anything.
 *   3. l       executes COMMAND. The socket closes on a successful exec, so the caller sees end of file.
 *   Any failure on the way: l -> c one struct tfl_message of kind TFL_FAILED (or TFL_EXEC_FAILED when COMMAND could
 *   not be executed), then the launcher exits. `text` is one line for the user that names the setting at fault.
 *   A message is always TFL_MESSAGE_SIZE bytes, in the byte order of the machine.
 *
 * EXIT CODES before exec: 2 wrong usage, 125 the environment could not be built or the caller went away,
 *   126 COMMAND could not be executed, 127 COMMAND was not found. After exec: those of COMMAND.
 *
 * LIFETIME. The launcher leaves when the socket reaches end of file while it waits. It does not use PR_SET_PDEATHSIG:
 *   that signal is sent when the *thread* that forked exits, and the caller's thread pool retires threads at will.
 *   COMMAND inherits neither the socket nor the TUN, so when the caller dies later, the device disappears and COMMAND
 *   is left without a network (never with the host's). Forwarding signals to COMMAND is the caller's part.
 *
 * RIGHTS. As root (CAP_SYS_ADMIN and CAP_NET_ADMIN) no user namespace is made and COMMAND keeps what the caller had.
 *   Otherwise COMMAND keeps the caller's user and group id in the user namespace, has no capabilities, and its
 *   bounding set is cut down to CAP_NET_RAW and CAP_NET_BIND_SERVICE (both only valid inside): without these two the
 *   kernel refuses to execute programs such as ping that carry them as file capabilities.
 */
#ifndef TUNFLOW_LAUNCH_PROTOCOL_H
#define TUNFLOW_LAUNCH_PROTOCOL_H

#include <assert.h>
#include <stdint.h>

#define TFL_MAGIC 0x314C4654u /* "TFL1" in memory on a little-endian machine */
#define TFL_VERSION 1
#define TFL_GO 'G'

/* Addresses inside the tunnel. Host prefixes (/32, /128), so that as little as possible of anyone's private address
 * space is hidden; everything else leaves by the default routes. The IPv6 ones lie in an RFC 4193 prefix whose
 * global id was drawn at random once. */
#define TFL_DEVICE_IPV4 "10.0.85.1"
#define TFL_DEVICE_IPV6 "fd7e:5f1a:3c9d::1"
/* Stand for the host's 127.0.0.1 and ::1, when the caller allows that; else the caller refuses them. */
#define TFL_HOST_LOOPBACK_IPV4 "10.0.85.2"
#define TFL_HOST_LOOPBACK_IPV6 "fd7e:5f1a:3c9d::2"
/* Where the caller answers DNS on behalf of the host's resolver. */
#define TFL_DNS_IPV4 "10.0.85.3"
#define TFL_DNS_IPV6 "fd7e:5f1a:3c9d::3"

enum tfl_kind {
    TFL_READY = 1,
    TFL_FAILED = 2,
    TFL_EXEC_FAILED = 3,
};

enum tfl_flags {
    TFL_HAS_IPV6 = 1u << 0,       /* the device has its IPv6 address and default route */
    TFL_USER_NAMESPACE = 1u << 1, /* COMMAND runs in a new user namespace */
};

#define TFL_MESSAGE_SIZE 512
#define TFL_NAME_SIZE 16
#define TFL_TEXT_SIZE (TFL_MESSAGE_SIZE - 28 - TFL_NAME_SIZE)

struct tfl_message {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;             /* enum tfl_kind */
    int32_t error;             /* errno of a failure, 0 if it has none */
    int32_t exit_code;         /* what the launcher will exit with after a failure */
    uint32_t flags;            /* enum tfl_flags */
    uint32_t mtu;              /* bytes */
    uint32_t interface_index;  /* in the new network namespace */
    char name[TFL_NAME_SIZE];  /* interface name, zero-terminated */
    char text[TFL_TEXT_SIZE];  /* failures: one line of UTF-8, zero-terminated */
};

static_assert(sizeof(struct tfl_message) == TFL_MESSAGE_SIZE, "the message has a fixed size on every platform");

#endif
