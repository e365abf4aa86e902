/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of every test: nothing may be left.
 */
#include "sim.h"

#include <stdlib.h>

#include "peer.h"

static void free_models(sim *s)
{
    packet_clear(&s->to_stack);
    packet_clear(&s->to_peers);
    packet_clear(&s->fragments);
    while (s->stray.first != NULL) {
        sim_stray(s);
    }
    sim_stray(s);
    peers_free(s);
    while (s->flows != NULL) {
        flow *f = s->flows;
        s->flows = f->next;
        flow_free(f);
    }
    while (s->sessions != NULL) {
        session *one = s->sessions;
        s->sessions = one->next;
        free(one);
    }
}

void sim_destroy(sim *s)
{
    CHECK_EQ(0, sim_stats(s).asserts);
    CHECK_EQ(TF_OK, tf_stack_destroy(s->stack));
    tf_stats stats;
    CHECK(tf_stack_get_stats(s->stack, &stats) < 0);
    for (uint32_t i = 0; i < s->dummy_count; i++) {
        CHECK_EQ(TF_OK, tf_stack_destroy(s->dummies[i]));
    }
    free_models(s);
    free(s);
}

static void release_all(sim *s)
{
    for (flow *f = s->flows; f != NULL; f = f->next) {
        if (!f->released) {
            sim_release_flow(s, f, 0);
        }
    }
    for (session *one = s->sessions; one != NULL; one = one->next) {
        if (!one->released) {
            one->released = true;
            CHECK_EQ(TF_OK, tf_session_close(s->stack, one->id));
        }
    }
}

void sim_close(sim *s)
{
    s->hold_output = false;
    sim_pump(s);
    /* Events may name flows and sessions that the test has not met yet. */
    release_all(s);
    sim_run(s, 5 * SECONDS);
    release_all(s);
    /* Longer than any timer of an orphan: LAST_ACK, TIME_WAIT, reassembly. */
    peers_abort(s);
    sim_run(s, 300 * SECONDS + s->config.half_closed_timeout);

    tf_stats stats = sim_stats(s);
    CHECK_EQ(0, stats.asserts);
    CHECK_EQ(0, stats.flows);
    CHECK_EQ(0, stats.flows_pending);
    CHECK_EQ(0, stats.flows_half_open);
    CHECK_EQ(0, stats.flows_time_wait);
    CHECK_EQ(0, stats.sessions);
    CHECK_EQ(0, stats.output_entries);
    CHECK_EQ(s->base_bytes, stats.native_bytes);
    CHECK(stats.native_bytes_peak >= stats.native_bytes);
    /* An idle stack has no timer and says nothing. */
    CHECK(tf_stack_deadline(s->stack) == TF_NO_DEADLINE);
    CHECK_EQ(0, tf_output_pending(s->stack));
    sim_destroy(s);
}
