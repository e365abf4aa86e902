/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>

static FILE *file;

__attribute__((constructor)) static void open_capture(void)
{
    /* Magic number, version 2.4, zone, accuracy, snapshot length, LINKTYPE_RAW. */
    static const uint32_t header[] = {0xA1B2C3D4, 4u << 16 | 2, 0, 0, 65535, 101};
    const char *path = getenv("TUNFLOW_FUZZ_CAPTURE");
    if (path == NULL) {
        return;
    }
    file = fopen(path, "wbe");
    if (file == NULL || fwrite(header, sizeof header, 1, file) != 1) {
        perror(path);
        exit(2);
    }
}

void capture_packet(const uint8_t *packet, uint32_t length)
{
    if (file == NULL) {
        return;
    }
    uint32_t record[] = {0, 0, length, length};
    if (fwrite(record, sizeof record, 1, file) != 1 || fwrite(packet, 1, length, file) != length) {
        perror("capture");
        exit(2);
    }
}
