/* SPDX-License-Identifier: Apache-2.0
 *
 * The two doorbells of one boot. Host to core is a pipe, because its ends have file flags of their own: a core cannot make a
 * kick block, and a full pipe means "rung already". Core to host is an eventfd that the host never reads with a
 * blocking read. Which notify ids were rung stands in the control page, a hint that the core may spoil to its own harm only.
 */
#ifndef RP_BELLS_H
#define RP_BELLS_H

#include <stdint.h>

struct rp_bells {
    int pipe_read; /* kept open by the host too: a kick after the core's death is then no SIGPIPE */
    int pipe_write;
    int event;
    uint64_t *to_core;
    uint64_t *to_host;
    uint64_t kicks; /* bells that were really rung; a statistic */
};

/* 0 or negative errno with nothing left open. control_page: a struct ecu_control_page in shared memory. */
int rp_bells_open(struct rp_bells *bells, void *control_page);
void rp_bells_close(struct rp_bells *bells);

/* Ring the core for a notify id (0..63; an id that is none of these rings without saying which). Any thread; never blocks. */
void rp_kick(struct rp_bells *bells, uint32_t notify_id);

/* Take the ids that the core has rung since the last call. */
uint64_t rp_bells_take(struct rp_bells *bells);

#endif
