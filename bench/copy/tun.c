#include "tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int set_up(int tun, const char *name, int offload)
{
    struct ifreq request;

    if (strlen(name) >= sizeof(request.ifr_name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memset(&request, 0, sizeof(request));
    request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL | (offload ? IFF_VNET_HDR : 0));
    memcpy(request.ifr_name, name, strlen(name));
    if (ioctl(tun, TUNSETIFF, &request) != 0)
        return -1;
    return offload ? ioctl(tun, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) : 0;
}

int tun_open(const char *name, int offload)
{
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (tun < 0 || set_up(tun, name, offload) == 0)
        return tun;
    int error = errno;
    close(tun);
    errno = error;
    return -1;
}
