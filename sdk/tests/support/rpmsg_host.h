/* SPDX-License-Identifier: Apache-2.0
 *
 * An honest host on the other mapping, as Linux's virtio_rpmsg_bus: 2 x num buffers of 512 bytes, the first
 * half for messages to the host and all of them offered before the link comes up.
 */
#ifndef ECUSDK_TESTS_RPMSG_HOST_H
#define ECUSDK_TESTS_RPMSG_HOST_H

#include "twice.h"

#include "rpmsg_world.h"

struct rpmsg_host {
    struct world world; /* first: the context of the host operations */
    struct twice memory;
    struct ecu_driver rings[2];
    struct ecu_driver_slot slots[2][64];
    uint32_t fresh; /* transmit buffers never used */
    uint32_t buffer_of[64]; /* descriptor id -> transmit buffer */
    uint32_t last_buffer;    /* of host_receive */
};

struct host_message {
    struct ecu_rpmsg_hdr hdr;
    uint8_t bytes[WORLD_BUFFER_SIZE]; /* the message as it lies in memory, header first */
    uint32_t used_len;
};

static inline uint32_t host_buffer_da(uint32_t index)
{
    return WORLD_BUFFER_DA + WORLD_BUFFER_SIZE * index;
}

static inline uint8_t *host_va(struct rpmsg_host *host, uint32_t da)
{
    return host->memory.host + (da - WORLD_BASE);
}

static inline void host_offer_empty(struct rpmsg_host *host, uint32_t index)
{
    struct ecu_buffer part = {.da = host_buffer_da(index), .len = WORLD_BUFFER_SIZE, .device_writes = true};

    CHECK(ecu_driver_offer(&host->rings[0], &part, 1) == (int)index); /* id and buffer stay together: LIFO */
    ecu_driver_publish(&host->rings[0]);
}

/* Fresh rings, as Linux makes them on every start; the first num_empty receive buffers are offered. */
static inline void host_reset_rings(struct rpmsg_host *host, uint32_t num_empty)
{
    uint32_t num = host->world.num;
    size_t size = ecu_vring_size(num, WORLD_ALIGN);
    struct ecu_vring ring;

    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *base = host_va(host, WORLD_RING_DA(i));

        memset(base, 0, size);
        CHECK(ecu_vring_map(&ring, base, size, num, WORLD_ALIGN) == 0);
        CHECK(ecu_driver_init(&host->rings[i], &ring, host->slots[i]) == 0);
    }
    ecu_driver_quiet(&host->rings[1]); /* Linux wants no bell for sent buffers */
    for (uint32_t i = 0; i < num_empty; i++)
        host_offer_empty(host, i);
    host->fresh = 0;
}

static inline void host_open(struct rpmsg_host *host, uint32_t num, uint32_t gfeatures)
{
    memset(host, 0, sizeof *host);
    host->memory = twice_make(WORLD_SIZE);
    world_open(&host->world, host->memory.host, host->memory.remote, num, gfeatures);
    host_reset_rings(host, num);
    CHECK(ecu_rpmsg_boot(&host->world.rp, host->memory.remote, WORLD_TABLE_SIZE) == 0);
}

static inline void host_close(struct rpmsg_host *host)
{
    twice_free(&host->memory);
}

/* Take one message off ring 0 without giving its buffer back; false when there is none. */
static inline bool host_peek(struct rpmsg_host *host, struct host_message *message)
{
    struct ecu_reaped reaped;
    int rc = ecu_driver_reap(&host->rings[0], &reaped);

    CHECK(rc >= 0);
    if (rc == 0)
        return false;
    memcpy(message->bytes, host_va(host, host_buffer_da(reaped.id)), WORLD_BUFFER_SIZE);
    memcpy(&message->hdr, message->bytes, sizeof message->hdr);
    message->used_len = reaped.len;
    host->last_buffer = reaped.id;
    return true;
}

static inline bool host_receive(struct rpmsg_host *host, struct host_message *message)
{
    if (!host_peek(host, message))
        return false;
    host_offer_empty(host, host->last_buffer);
    return true;
}

/* Put raw bytes into ring 1 as one message: the header is the caller's. Returns 0 or -ENOSPC. */
static inline int host_post(struct rpmsg_host *host, const void *bytes, uint32_t len)
{
    struct ecu_driver *ring = &host->rings[1];
    struct ecu_reaped reaped;
    struct ecu_buffer part = {.len = len};
    uint32_t buffer = host->fresh;
    int rc;

    if (host->fresh < host->world.num) {
        host->fresh++;
    } else {
        rc = ecu_driver_reap(ring, &reaped);
        CHECK(rc >= 0);
        if (rc == 0)
            return -ECU_ENOSPC;
        buffer = host->buffer_of[reaped.id];
    }
    part.da = host_buffer_da(host->world.num + buffer);
    memcpy(host_va(host, (uint32_t)part.da), bytes, len);
    rc = ecu_driver_offer(ring, &part, 1);
    CHECK(rc >= 0);
    host->buffer_of[rc] = buffer;
    ecu_driver_publish(ring);
    return 0;
}

static inline int host_send(struct rpmsg_host *host, uint32_t src, uint32_t dst, const void *data,
                            uint32_t len)
{
    uint8_t bytes[WORLD_BUFFER_SIZE];
    struct ecu_rpmsg_hdr hdr = {.src = src, .dst = dst, .reserved = 0xDEADBEEF, .len = (uint16_t)len};

    CHECK(len <= WORLD_BUFFER_SIZE - sizeof hdr);
    memcpy(bytes, &hdr, sizeof hdr);
    memcpy(bytes + sizeof hdr, data, len);
    return host_post(host, bytes, (uint32_t)sizeof hdr + len);
}

static inline int host_notify(struct rpmsg_host *host)
{
    int rc = ecu_rpmsg_notify(&host->world.rp, WORLD_NOTIFY_ID(1));

    world_check(&host->world);
    return rc;
}

static inline int host_link(struct rpmsg_host *host, int up)
{
    int rc = ecu_rpmsg_link(&host->world.rp, 0, up);

    world_check(&host->world);
    return rc;
}

#endif
