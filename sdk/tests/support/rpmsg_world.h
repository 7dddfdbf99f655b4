/* SPDX-License-Identifier: Apache-2.0
 *
 * What surrounds the remote rpmsg: shared memory with a loaded table, two rings and buffers, and the host
 * operations. The host's side of the rings is not here: support/rpmsg_host.h has an honest one,
 * support/rpmsg_script.h a hostile one.
 */
#ifndef ECUSDK_TESTS_RPMSG_WORLD_H
#define ECUSDK_TESTS_RPMSG_WORLD_H

#include "check.h"

#include <ecusdk/errno.h>
#include <ecusdk/rpmsg.h>

#include <string.h>

#define WORLD_BASE 0x40000000u /* device address of the memory */
#define WORLD_SIZE 0x30000u
#define WORLD_RING_DA(index) (WORLD_BASE + 0x1000u + 0x4000u * (index))
#define WORLD_BUFFER_DA (WORLD_BASE + 0x10000u)
#define WORLD_BUFFER_SIZE 512u
#define WORLD_ALIGN 16u
#define WORLD_TABLE_SIZE 200u
#define WORLD_BUCKETS 64u
#define WORLD_NOTIFY_ID(index) (4u + (index)) /* not 0 and 1: nothing may take the ring number for the id */

/* Offsets in the table below. */
enum { TABLE_CARVEOUT = 28, TABLE_TRACE = 84, TABLE_VDEV = 132, TABLE_VRING = TABLE_VDEV + 28 };

struct world {
    uint8_t *host; /* the host's mapping */
    uint8_t *remote;
    uint32_t num; /* of each ring */
    struct ecu_host_ops ops;
    struct ecu_rpmsg rp;
    struct ecu_endpoint *buckets[WORLD_BUCKETS];
    uint32_t kicks[2];
    uint64_t now_ns;
    uint32_t waits;
    int (*on_wait)(struct world *world, uint64_t deadline_ns);
};

static inline void world_put32(struct world *world, size_t offset, uint32_t value)
{
    memcpy(world->host + offset, &value, sizeof value);
}

static inline void world_kick(void *context, uint32_t notify_id)
{
    struct world *world = context;

    CHECK(notify_id == world->rp.notify_id[0] || notify_id == world->rp.notify_id[1]);
    world->kicks[notify_id == world->rp.notify_id[0] ? 0 : 1]++;
}

static inline uint64_t world_now(void *context)
{
    return ((struct world *)context)->now_ns;
}

static inline void *world_da_to_va(void *context, uint64_t da, size_t size)
{
    struct world *world = context;

    if (da < WORLD_BASE || size > WORLD_SIZE || da - WORLD_BASE > WORLD_SIZE - size)
        return NULL;
    return world->remote + (da - WORLD_BASE);
}

static inline int world_wait(void *context, uint64_t deadline_ns)
{
    struct world *world = context;

    world->waits++;
    return world->on_wait(world, deadline_ns);
}

/* Carve-out, trace, vdev with two rings: as a host leaves it when it sets DRIVER_OK. */
static inline void world_table(struct world *world, uint32_t gfeatures)
{
    static const uint32_t head[] = {1, 3, 0, 0, TABLE_CARVEOUT, TABLE_TRACE, TABLE_VDEV};
    static const uint32_t types[] = {0, 2, 3};

    memset(world->host, 0, WORLD_TABLE_SIZE);
    memcpy(world->host, head, sizeof head);
    for (uint32_t i = 0; i < 3; i++)
        world_put32(world, head[4 + i], types[i]);
    world_put32(world, TABLE_VDEV + 4, ECU_VIRTIO_ID_RPMSG);
    world_put32(world, TABLE_VDEV + 12, 1);
    world_put32(world, TABLE_VDEV + 16, gfeatures);
    world->host[TABLE_VDEV + 24] = 7;
    world->host[TABLE_VDEV + 25] = 2;
    for (uint32_t i = 0; i < 2; i++) {
        world_put32(world, TABLE_VRING + 20 * i, WORLD_RING_DA(i));
        world_put32(world, TABLE_VRING + 20 * i + 4, WORLD_ALIGN);
        world_put32(world, TABLE_VRING + 20 * i + 8, world->num);
        world_put32(world, TABLE_VRING + 20 * i + 12, WORLD_NOTIFY_ID(i));
    }
}

/* host and remote: WORLD_SIZE bytes, twice mapped or the same. num: at most 64. */
static inline void world_open(struct world *world, uint8_t *host, uint8_t *remote, uint32_t num,
                              uint32_t gfeatures)
{
    *world = (struct world){.host = host, .remote = remote, .num = num};
    world->ops = (struct ecu_host_ops){
        .size = sizeof world->ops,
        .abi = ECU_ABI,
        .context = world,
        .kick = world_kick,
        .now_ns = world_now,
        .da_to_va = world_da_to_va,
    };
    memset(host, 0, WORLD_SIZE);
    world_table(world, gfeatures);
    CHECK(ecu_rpmsg_init(&world->rp, &world->ops, world->buckets, WORLD_BUCKETS) == 0);
}

/* What must hold whenever no call is running. */
static inline void world_check(const struct world *world)
{
    const struct ecu_rpmsg *rp = &world->rp;
    uint32_t endpoints = 0;

    for (uint32_t i = 0; i < WORLD_BUCKETS; i++) {
        for (const struct ecu_endpoint *ept = rp->buckets[i]; ept != NULL; ept = ept->next) {
            CHECK(ept->rpmsg == rp && (ept->addr & (WORLD_BUCKETS - 1)) == i && (rp->up || !ept->announced));
            endpoints++;
        }
    }
    CHECK(endpoints == rp->num_endpoints);
    CHECK(rp->num_borrowed <= ECU_RPMSG_BORROW_MAX);
    CHECK(rp->num_borrowed + rp->num_spare <= ECU_RPMSG_BORROW_MAX + 1);
    CHECK(!rp->batching && !rp->corked);
    CHECK(!rp->up || (rp->tx.num_unkicked == 0 && rp->rx.num_unkicked == 0));
    if (rp->up && rp->tx.broken == ECU_RULE_NONE) {
        CHECK(ecu_device_num_taken(&rp->tx) == rp->num_borrowed + rp->num_spare);
        CHECK(rp->tx.used_idx == rp->tx.used_published);
    }
    if (rp->up && rp->rx.broken == ECU_RULE_NONE)
        CHECK(ecu_device_num_taken(&rp->rx) == rp->num_held && rp->rx.used_idx == rp->rx.used_published);
}

#endif
