/* One rtnetlink request at a time: begin, attributes, transact. Results are 0 or a negative errno. */
#ifndef TUNFLOW_LAUNCH_NETLINK_H
#define TUNFLOW_LAUNCH_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct netlink_request {
    _Alignas(struct nlmsghdr) char bytes[512];
};

int netlink_open(void);

/* `body` is the fixed structure of the message type (ifinfomsg, ifaddrmsg, rtmsg). */
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body, size_t length);
void netlink_attribute(struct netlink_request *request, uint16_t type, const void *value, size_t length);

/* Attributes added between the two belong to the nested one. Returns the offset that netlink_nest_end takes. */
size_t netlink_nest_begin(struct netlink_request *request, uint16_t type);
void netlink_nest_end(struct netlink_request *request, size_t nest);

/* Sends the request and waits for the kernel's acknowledgement. */
int netlink_transact(int netlink, struct netlink_request *request);

/* The same for a question; the first `length` bytes of the answer's body (at most what it has) go to `body`. */
int netlink_ask(int netlink, struct netlink_request *request, void *body, size_t length);

#endif
