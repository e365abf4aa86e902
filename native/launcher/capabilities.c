#include "capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libc has no wrapper for these two. */
static int capabilities_get(struct __user_cap_data_struct sets[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(SYS_capget, &header, sets);
}

static int capabilities_set(const struct __user_cap_data_struct sets[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(SYS_capset, &header, sets);
}

int capabilities_are_root(void)
{
    struct __user_cap_data_struct sets[2];

    if (geteuid() != 0 || capabilities_get(sets) != 0)
        return 0;
    return (sets[0].effective & (1u << CAP_SYS_ADMIN)) != 0 && (sets[0].effective & (1u << CAP_NET_ADMIN)) != 0;
}

int capabilities_limit(struct failure *failure)
{
    struct __user_cap_data_struct sets[2];

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return failure_set(failure, errno, "cannot clear the ambient capabilities");
    if (capabilities_get(sets) != 0)
        return failure_set(failure, errno, "cannot read the capabilities");
    sets[0].inheritable = 0;
    sets[1].inheritable = 0;
    if (capabilities_set(sets) != 0)
        return failure_set(failure, errno, "cannot clear the inheritable capabilities");
    /* Asked of the kernel, not of the header: the running kernel may know more capabilities. */
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (capability == CAP_NET_RAW || capability == CAP_NET_BIND_SERVICE)
            continue;
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
            return failure_set(failure, errno, "cannot drop capability %lu from the bounding set", capability);
    }
    return 0;
}
