/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer target over the whole ABI. See world.h for what an input means.
 */
#include "program.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Acceptance row 3 */
/* Acceptance row 5 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Longer programs say nothing that shorter ones could not, and take longer to say it. */
    enum { most = 8192 };
    program p = {data, size < most ? size : most, 0};
    static world w;
    if (!world_open(&w, &p)) {
        return 0;
    }
    while (p.position < p.length) {
        uint8_t operation = next8(&p) & 31;
        switch (operation < OPERATIONS ? operation : operation & 15) {
        case OPERATION_SYN:
            packet_syn(&w, &p);
            break;
        case OPERATION_SEGMENT:
        case OPERATION_SEGMENT_TOO:
            packet_segment(&w, &p);
            break;
        case OPERATION_DATAGRAM:
            packet_datagram(&w, &p);
            break;
        case OPERATION_FRAGMENT:
            packet_fragment(&w, &p);
            break;
        case OPERATION_ECHO:
            packet_echo(&w, &p);
            break;
        case OPERATION_RAW:
            packet_raw(&w, &p);
            break;
        case OPERATION_FLOW:
        case OPERATION_FLOW_TOO:
            call_flow(&w, &p);
            break;
        case OPERATION_SESSION:
            call_session(&w, &p);
            break;
        case OPERATION_STACK:
            call_stack(&w, &p);
            break;
        case OPERATION_BLOCK:
            call_block(&w, &p);
            break;
        case OPERATION_FLUSH:
            packets_flush(&w);
            break;
        case OPERATION_OUTPUT:
            outputs_take(&w, OUTPUTS, false);
            break;
        case OPERATION_OUTPUT_KEEP:
            outputs_take(&w, 8, true);
            break;
        case OPERATION_BURST:
            packet_burst(&w, &p);
            break;
        case OPERATION_REACT:
            call_react(&w, &p);
            break;
        default:
            outputs_free(&w);
            break;
        }
        world_observe(&w);
    }
    world_close(&w);
    return 0;
}
