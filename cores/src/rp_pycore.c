/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_pycore.h"

#include <ecusdk/env.h>
#include <ecusdk/rpmsg.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUM_BUCKETS 64u
#define NUM_VRINGS 2u
/* Messages that wait for Python. More stay in the ring, so that a core that does not keep up slows its host
 * down, as hardware would. */
#define QUEUE_LIMIT (4u << 20)

struct queued {
    struct rp_pycore_message message;
    uint32_t stride; /* this header, the data and the padding behind it */
};

/* A growable first-in first-out queue in one piece of memory: [head, tail) is in use. */
struct queue {
    char *bytes;
    size_t size;
    size_t head;
    size_t tail;
};

struct rp_pycore {
    struct ecu_env env;
    struct ecu_rpmsg rpmsg;
    struct ecu_endpoint *buckets[NUM_BUCKETS];
    struct ecu_endpoint **endpoints; /* by number; NULL once closed */
    uint32_t num_endpoints;
    struct queue queue;
    bool has_rpmsg;
    bool out_of_memory;
};

/* ---- queue ---- */

static int make_room(struct queue *queue, size_t size)
{
    if (queue->size - queue->tail >= size)
        return 0;
    memmove(queue->bytes, queue->bytes + queue->head, queue->tail - queue->head);
    queue->tail -= queue->head;
    queue->head = 0;
    if (queue->size - queue->tail >= size)
        return 0;
    size_t larger = queue->size * 2 + size;
    char *bytes = realloc(queue->bytes, larger);
    if (bytes == NULL)
        return -ENOMEM;
    queue->bytes = bytes;
    queue->size = larger;
    return 0;
}

static int push(struct queue *queue, uint32_t endpoint, const struct ecu_message *msg)
{
    struct queued entry = {.message = {.endpoint = endpoint, .src = msg->src, .len = msg->len}};
    entry.stride = ((uint32_t)sizeof entry + msg->len + 7u) & ~7u;
    if (make_room(queue, entry.stride) != 0)
        return -ENOMEM;
    char *at = queue->bytes + queue->tail;
    memcpy(at, &entry, sizeof entry);
    memcpy(at + sizeof entry, msg->data, msg->len);
    queue->tail += entry.stride;
    return 0;
}

static enum ecu_rx on_message(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct rp_pycore *core = (struct rp_pycore *)((char *)ept->rpmsg - offsetof(struct rp_pycore, rpmsg));
    if (push(&core->queue, (uint32_t)(uintptr_t)ept->context, msg) != 0)
        core->out_of_memory = true;
    return ECU_RX_DONE;
}

int rp_pycore_take(struct rp_pycore *core, struct rp_pycore_message *message, void *data, size_t size)
{
    struct queue *queue = &core->queue;
    struct queued entry;
    if (queue->head == queue->tail)
        return 0;
    memcpy(&entry, queue->bytes + queue->head, sizeof entry);
    *message = entry.message;
    size_t stored = entry.message.len < size ? entry.message.len : size;
    memcpy(data, queue->bytes + queue->head + sizeof entry, stored);
    queue->head += entry.stride;
    if (queue->head == queue->tail)
        queue->head = queue->tail = 0;
    return 1;
}

/* ---- life ---- */

static int prepare_rpmsg(struct rp_pycore *core)
{
    int result = ecu_rpmsg_init(&core->rpmsg, &core->env.ops, core->buckets, NUM_BUCKETS);
    if (result == 0)
        result = ecu_rpmsg_boot(&core->rpmsg, core->env.table, core->env.table_size);
    core->has_rpmsg = result == 0;
    return result == -ENODEV ? 0 : result;
}

static struct rp_pycore *fail(struct rp_pycore *core, int control, int result, int *error)
{
    close(control);
    free(core);
    *error = result;
    return NULL;
}

struct rp_pycore *rp_pycore_open(int control, int log_fd, int *error)
{
    struct rp_pycore *core = calloc(1, sizeof *core);
    if (core == NULL)
        return fail(NULL, control, -ENOMEM, error);
    int result = ecu_env_open(&core->env, control);
    if (result != 0)
        return fail(core, control, result, error);
    core->env.log_fd = log_fd;
    result = prepare_rpmsg(core);
    if (result == 0)
        return core;
    (void)ecu_env_error(&core->env, -result, "its own resource table is refused");
    ecu_env_close(&core->env);
    free(core);
    *error = result;
    return NULL;
}

void rp_pycore_close(struct rp_pycore *core)
{
    if (core == NULL)
        return;
    ecu_env_close(&core->env);
    for (uint32_t i = 0; i < core->num_endpoints; i++)
        free(core->endpoints[i]);
    free(core->endpoints);
    free(core->queue.bytes);
    free(core);
}

const char *rp_pycore_name(const struct rp_pycore *core)
{
    return core->env.name;
}

int rp_pycore_ready(struct rp_pycore *core)
{
    return ecu_env_ready(&core->env);
}

int rp_pycore_error(struct rp_pycore *core, int error, const char *text)
{
    return ecu_env_error(&core->env, error, text);
}

int rp_pycore_stopped(struct rp_pycore *core)
{
    return ecu_env_send(&core->env, ECU_CTL_STOPPED);
}

int rp_pycore_reset_done(struct rp_pycore *core)
{
    return ecu_env_send(&core->env, ECU_CTL_RESET_DONE);
}

/* ---- endpoints ---- */

static struct ecu_endpoint *find(const struct rp_pycore *core, uint32_t endpoint)
{
    return endpoint < core->num_endpoints ? core->endpoints[endpoint] : NULL;
}

int rp_pycore_endpoint(struct rp_pycore *core, const char *name, uint32_t addr, uint32_t dst)
{
    uint32_t number = core->num_endpoints;
    if (!core->has_rpmsg)
        return -ENODEV;
    struct ecu_endpoint **grown = realloc(core->endpoints, (number + 1u) * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    core->endpoints = grown;
    struct ecu_endpoint *ept = calloc(1, sizeof *ept);
    if (ept == NULL)
        return -ENOMEM;
    int result = ecu_rpmsg_open(&core->rpmsg, ept, name, addr, on_message, (void *)(uintptr_t)number);
    if (result != 0) {
        free(ept);
        return result;
    }
    if (dst != ECU_RPMSG_ADDR_ANY)
        ept->dst = dst;
    core->endpoints[number] = ept;
    core->num_endpoints = number + 1;
    return (int)number;
}

int rp_pycore_endpoint_close(struct rp_pycore *core, uint32_t endpoint)
{
    struct ecu_endpoint *ept = find(core, endpoint);
    if (ept == NULL)
        return -ENOENT;
    int result = ecu_rpmsg_close(ept);
    core->endpoints[endpoint] = NULL;
    free(ept);
    return result;
}

uint32_t rp_pycore_addr(const struct rp_pycore *core, uint32_t endpoint)
{
    const struct ecu_endpoint *ept = find(core, endpoint);
    return ept != NULL ? ept->addr : ECU_RPMSG_ADDR_ANY;
}

uint32_t rp_pycore_dst(const struct rp_pycore *core, uint32_t endpoint)
{
    const struct ecu_endpoint *ept = find(core, endpoint);
    return ept != NULL ? ept->dst : ECU_RPMSG_ADDR_ANY;
}

uint32_t rp_pycore_mtu(const struct rp_pycore *core)
{
    return core->has_rpmsg ? ecu_rpmsg_mtu(&core->rpmsg) : 0;
}

int rp_pycore_send(struct rp_pycore *core, uint32_t endpoint, uint32_t dst, const void *data, size_t len,
                   uint64_t deadline_ns)
{
    struct ecu_endpoint *ept = find(core, endpoint);
    if (ept == NULL)
        return -ENOENT;
    if (dst == ECU_RPMSG_ADDR_ANY)
        dst = ept->dst;
    int result = ecu_rpmsg_trysendto(ept, dst, data, len);
    /* Waiting is the SDK's, to the endpoint's own peer; another one is lent to it for the time. */
    if (result == -ENOMEM && deadline_ns != 0) {
        uint32_t peer = ept->dst;
        ept->dst = dst;
        result = ecu_rpmsg_send(ept, data, len, deadline_ns);
        ept->dst = peer;
    }
    return result;
}

/* ---- waiting ---- */

static int change_links(struct rp_pycore *core, uint32_t changed)
{
    for (uint32_t vdev = 0; vdev < core->env.num_vdevs; vdev++) {
        if ((changed & 1u << vdev) == 0)
            continue;
        int result = ecu_rpmsg_link(&core->rpmsg, vdev, core->env.vdev_up[vdev]);
        if (result < 0)
            return result;
    }
    return 0;
}

/* Every ring is looked at whatever the bits say: they are a hint, and a blocking send may have taken one of
 * them. */
static int receive(struct rp_pycore *core)
{
    if (!core->has_rpmsg || !core->rpmsg.up || core->queue.tail - core->queue.head > QUEUE_LIMIT)
        return 0;
    for (uint32_t i = 0; i < NUM_VRINGS; i++) {
        int result = ecu_rpmsg_notify(&core->rpmsg, core->rpmsg.notify_id[i]);
        if (result < 0)
            return result;
    }
    return core->out_of_memory ? -ENOMEM : 0;
}

static bool has_messages(const struct rp_pycore *core)
{
    return core->queue.head != core->queue.tail;
}

static int64_t translate(uint32_t seen)
{
    return (seen & ECU_EVENT_LINK ? RP_PYCORE_LINK : 0) | (seen & ECU_EVENT_RESET ? RP_PYCORE_RESET : 0) |
           (seen & (ECU_EVENT_STOP | ECU_EVENT_DETACH) ? RP_PYCORE_STOP : 0) |
           (seen & ECU_EVENT_HANGUP ? RP_PYCORE_HANGUP : 0) | (seen & ECU_EVENT_STEP ? RP_PYCORE_STEP : 0);
}

int64_t rp_pycore_wait(struct rp_pycore *core, uint64_t deadline_ns)
{
    struct ecu_events events = {0};
    bool pending = core->has_rpmsg && core->rpmsg.up && ecu_rpmsg_pending(&core->rpmsg);
    int result = ecu_env_wait(&core->env, has_messages(core) || pending ? 0 : deadline_ns, &events);
    if (result == 0 && core->has_rpmsg && (events.seen & ECU_EVENT_LINK) != 0)
        result = change_links(core, events.link_changed);
    if (result == 0)
        result = receive(core);
    if (result < 0)
        return result;
    return translate(events.seen) | (has_messages(core) ? RP_PYCORE_MESSAGES : 0);
}
