/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static counters in_memory;
counters *count = &in_memory;

__attribute__((constructor)) static void open_counters(void)
{
    const char *path = getenv("TUNFLOW_FUZZ_COUNTERS");
    if (path == NULL) {
        return;
    }
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    void *shared = MAP_FAILED;
    if (file >= 0 && ftruncate(file, sizeof(counters)) == 0) {
        shared = mmap(NULL, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    if (shared == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    close(file);
    count = shared;
}
