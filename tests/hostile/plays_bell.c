/* SPDX-License-Identifier: Apache-2.0
 *
 * The doorbell. docs/hand-over.md
 */
#define _GNU_SOURCE
#include "plays.h"

#include <sched.h>
#include <unistd.h>

/* Between the rings the host gets a chance to answer: bells that merge are one bell. */
static void storm(struct stage *stage)
{
    for (uint32_t i = 0; i < STORM_RINGS; i++) {
        stage_bell(stage);
        if (i % 8 == 0)
            sched_yield();
    }
}

static void all_ids(struct stage *stage)
{
    __atomic_store_n(&stage->page->to_host, UINT64_MAX, __ATOMIC_SEQ_CST);
    stage_bell(stage);
}

static void without_id(struct stage *stage)
{
    __atomic_store_n(&stage->page->to_host, 0, __ATOMIC_SEQ_CST);
    stage_bell(stage);
}

/* A host that read its bell with a blocking read would sleep after the drain, one that wrote to it after
 * the fill. */
static void filled_and_drained(struct stage *stage)
{
    uint64_t most = UINT64_MAX - 1;
    ssize_t ignored = write(stage->bell, &most, sizeof most);

    (void)ignored;
    for (int i = 0; i < 100; i++)
        stage_bell(stage);
    ignored = read(stage->bell, &most, sizeof most);
    (void)ignored;
}

const struct play plays_bell[] = {
    {"bell_storm", ECU_RULE_BELL_STORM, PLAY_DROPPED, PLAY_HOST_RUNS, 1, storm},
    {"bell_all_notify_ids", ECU_RULE_NONE, PLAY_IGNORED, 0, 0, all_ids},
    {"bell_without_notify_id", ECU_RULE_NONE, PLAY_IGNORED, 0, 0, without_id},
    {"bell_filled_and_drained", ECU_RULE_NONE, PLAY_IGNORED, 0, 0, filled_and_drained},
    {0},
};
