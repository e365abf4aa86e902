#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TUN_PATH "/dev/net/tun"

static int open_refused(int error, struct failure *failure)
{
    struct stat status;

    switch (error) {
    case ENOENT:
        return failure_set(failure, error, TUN_PATH " is missing: load the module with 'modprobe tun', or give the "
                           "container the device");
    case ENXIO:
    case ENODEV:
        return failure_set(failure, error, TUN_PATH " has no driver: load the module with 'modprobe tun'");
    case EACCES:
    case EPERM:
        if (stat(TUN_PATH, &status) == 0)
            return failure_set(failure, error, TUN_PATH " is closed to user %u: its mode is %04o, 0666 is usual; or "
                               "the container's device rules forbid it", geteuid(), status.st_mode & 07777u);
        break;
    default:
        break;
    }
    return failure_set(failure, error, "cannot open " TUN_PATH);
}

int tun_create(const char *name, struct failure *failure)
{
    struct ifreq request;
    int tun = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (tun < 0)
        return open_refused(errno, failure);
    memset(&request, 0, sizeof(request));
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
    if (ioctl(tun, TUNSETIFF, &request) != 0) {
        int error = errno;
        close(tun);
        return failure_set(failure, error, "cannot create the TUN device '%s'", name);
    }
    return tun;
}
