// SPDX-License-Identifier: Apache-2.0
// include: "rp_bells.h"
// include: "rp_service.h"
// include: "rp_lifeline.h"

struct rp_bells {
    int pipe_read;
    int pipe_write;
    int event;
    uint64_t *to_core;
    uint64_t *to_host;
    uint64_t kicks;
};
int rp_bells_open(struct rp_bells *bells, void *control_page);
void rp_bells_close(struct rp_bells *bells);
void rp_kick(struct rp_bells *bells, uint32_t notify_id);

bool rp_forked(void);

struct rp_lifeline;
struct rp_lifeline *rp_lifeline_new(void);
void rp_lifeline_free(struct rp_lifeline *lifeline);
int rp_lifeline_watch(struct rp_lifeline *lifeline, int fd, int hangup_only);
void rp_lifeline_cut(struct rp_lifeline *lifeline);
int rp_lifeline_is_cut(const struct rp_lifeline *lifeline);
int rp_lifeline_fd(const struct rp_lifeline *lifeline);
