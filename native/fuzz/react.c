/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls at the moment of an event, before anything else reaches the stack: the
 * orderings that a callback's re-entrancy would bring in a stack with callbacks.
 */
#include "counters.h"
#include "world.h"

/* Which event, which call, its operands. Without a call: none from now on. */
void call_react(world *w, program *p)
{
    uint8_t event = next8(p);
    reaction *one = &w->reactions[event % REACTIONS];
    one->set = (event & 0x80) == 0;
    if (one->set) {
        one->what = next8(p);
        one->operands[0] = next8(p);
        one->operands[1] = next8(p);
    }
}

void world_react(world *w, const tf_event *event)
{
    bool session = (event->id >> 56 & 1) != 0;
    for (uint32_t bit = 0; bit < REACTIONS; bit++) {
        const reaction *one = &w->reactions[bit];
        if (!one->set || (event->flags >> bit & 1) == 0) {
            continue;
        }
        count->reactions++;
        program operands = {one->operands, sizeof one->operands, 0};
        if (session) {
            session_action(w, event->id, one->what, &operands);
        } else {
            flow_action(w, event->id, one->what, &operands);
        }
    }
}
