/* SPDX-License-Identifier: Apache-2.0
 *
 * A host bus and a core of the SDK over one piece of shared memory, as rproc boots them but without Python: the
 * same control page, bells, hand-over and resource table. The core may live in the same thread or in a child.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "rp_bus.h"

#include <ecusdk/env.h>

#define PAIR_HOST_ADDR 1024u /* first endpoint of the host */
#define PAIR_CORE_ADDR 1024u /* first endpoint of the core */

struct pair_config {
    uint32_t num;         /* descriptors of each ring, and buffers of each direction */
    uint32_t buffer_size; /* header included */
    uint64_t spin_ns;     /* of rp_recv */
    bool event_idx;
};

struct pair {
    struct pair_config config;
    uint8_t *memory; /* the host's mapping */
    size_t size;
    int fd;
    int control[2]; /* host's end, core's end */
    struct ecu_driver rx, tx;
    struct ecu_driver_slot *slots;
    struct rp_bells bells;
    struct rp_lifeline *lifeline;
    struct rp_bus *bus;
};

/* The core's half. */
struct pair_core {
    struct ecu_env env;
    struct ecu_host_ops ops;
    struct ecu_rpmsg rp;
    struct ecu_endpoint **buckets;
    struct ecu_endpoint *endpoints;
    uint64_t kicks; /* with pair_core_count_kicks */
};

void pair_open(struct pair *pair, const struct pair_config *config);
void pair_start_bus(struct pair *pair); /* after a fork: the service thread would not live in the child */
void pair_close(struct pair *pair);

/* Map everything a second time, by the hand-over, and bring the link up. num_endpoints from PAIR_CORE_ADDR on. */
void pair_core_open(struct pair_core *core, struct pair *pair, uint32_t num_endpoints, ecu_rx_fn on_message,
                    void *context);
void pair_core_close(struct pair_core *core);

/* One thread is host and core: nobody sleeps, so a bell is counted and not rung. */
void pair_core_count_kicks(struct pair_core *core);

_Noreturn void fail(const char *what);

/* A benchmark has no use for a half-working world. */
static inline void must(bool good, const char *what)
{
    if (!good)
        fail(what);
}

#endif
