/* SPDX-License-Identifier: Apache-2.0
 *
 * A host bus and its device-side peer in one process, over one memfd that is mapped twice: a host pointer that leaks into shared
 * memory would fault in the peer.
 */
#ifndef PEER_H
#define PEER_H

#include "rp_bus.h"

#include <ecusdk/handover.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: %s: failed: %s\n", __FILE__, __LINE__, __func__, #condition); \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

#define PEER_NUM 16u
#define PEER_ALIGN 64u
#define PEER_BUFFER 512u
#define PEER_RING 4096u /* where each piece lies */
#define PEER_POOL (3 * PEER_RING)
#define PEER_SIZE (PEER_POOL + 2 * PEER_NUM * PEER_BUFFER)
#define PEER_DA 0x40000000u

struct peer {
    uint8_t *host; /* first mapping */
    uint8_t *core; /* second mapping */
    struct ecu_driver host_rx, host_tx;
    struct ecu_driver_slot rx_slots[PEER_NUM], tx_slots[PEER_NUM];
    struct rp_bells bells;
    struct rp_lifeline *lifeline;
    struct rp_bus *bus;
    struct ecu_device to_host; /* ring 0 */
    struct ecu_device from_host; /* ring 1 */
};

static inline void peer_map(uint8_t *base, size_t offset, struct ecu_vring *ring)
{
    CHECK(ecu_vring_map(ring, base + offset, PEER_RING, PEER_NUM, PEER_ALIGN) == 0);
}

static inline void peer_memory(struct peer *p)
{
    int fd = memfd_create("peer", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, PEER_SIZE) == 0);
    p->host = mmap(NULL, PEER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    p->core = mmap(NULL, PEER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(p->host != MAP_FAILED && p->core != MAP_FAILED);
    close(fd);
}

static inline struct peer *peer_new(uint32_t inbox, uint64_t spin_ns)
{
    struct peer *p = calloc(1, sizeof *p);
    struct ecu_vring ring;
    CHECK(p);
    peer_memory(p);
    peer_map(p->host, PEER_RING, &ring);
    CHECK(ecu_driver_init(&p->host_rx, &ring, p->rx_slots) == 0);
    peer_map(p->host, 2 * PEER_RING, &ring);
    CHECK(ecu_driver_init(&p->host_tx, &ring, p->tx_slots) == 0);
    CHECK(rp_bells_open(&p->bells, p->host) == 0);
    CHECK((p->lifeline = rp_lifeline_new()) != NULL);
    struct rp_bus_config config = {
        .rx = &p->host_rx, .tx = &p->host_tx, .rx_notify = 0, .tx_notify = 1,
        .bells = &p->bells, .lifeline = p->lifeline,
        .buffers = p->host + PEER_POOL, .buffers_da = PEER_DA, .buffer_size = PEER_BUFFER,
        .num_rx = PEER_NUM, .num_tx = PEER_NUM, .inbox = inbox, .spin_ns = spin_ns,
    };
    CHECK((p->bus = rp_bus_new(&config)) != NULL);
    CHECK(rp_bus_start(p->bus) == 0);
    peer_map(p->core, PEER_RING, &ring);
    CHECK(ecu_device_init(&p->to_host, &ring) == 0);
    peer_map(p->core, 2 * PEER_RING, &ring);
    CHECK(ecu_device_init(&p->from_host, &ring) == 0);
    return p;
}

static inline void peer_free(struct peer *p)
{
    rp_bus_free(p->bus);
    rp_lifeline_free(p->lifeline);
    rp_bells_close(&p->bells);
    munmap(p->host, PEER_SIZE);
    munmap(p->core, PEER_SIZE);
    free(p);
}

/* ---- what the core does ---- */

static inline void peer_ring_host(struct peer *p, uint32_t notify_id)
{
    struct ecu_control_page *page = (void *)p->core;
    uint64_t one = 1;
    if (!(__atomic_fetch_or(&page->to_host, UINT64_C(1) << notify_id, __ATOMIC_SEQ_CST) & UINT64_C(1) << notify_id))
        CHECK(write(p->bells.event, &one, sizeof one) == sizeof one);
}

/* False: the host has no free buffer. */
static inline bool peer_stage(struct peer *p, uint32_t src, uint32_t dst, const void *data, uint16_t len)
{
    struct ecu_buffer part;
    struct ecu_chain chain;
    if (ecu_device_take(&p->to_host, &chain, &part, 1) != 1)
        return false;
    uint8_t *at = p->core + PEER_POOL + (part.da - PEER_DA);
    struct ecu_rpmsg_hdr hdr = {.src = src, .dst = dst, .len = len};
    memcpy(at, &hdr, sizeof hdr);
    memcpy(at + sizeof hdr, data, len);
    ecu_device_give(&p->to_host, chain.id, (uint32_t)sizeof hdr + len);
    return true;
}

static inline void peer_flush(struct peer *p)
{
    ecu_device_publish(&p->to_host);
    if (ecu_device_needs_kick(&p->to_host))
        peer_ring_host(p, 0);
}

static inline bool peer_send(struct peer *p, uint32_t src, uint32_t dst, const void *data, uint16_t len)
{
    if (!peer_stage(p, src, dst, data, len))
        return false;
    peer_flush(p);
    return true;
}

/* The next message of the host: its header and payload; false when there is none. */
static inline bool peer_receive(struct peer *p, struct ecu_rpmsg_hdr *hdr, void *data)
{
    struct ecu_buffer part;
    struct ecu_chain chain;
    if (ecu_device_take(&p->from_host, &chain, &part, 1) != 1)
        return false;
    uint8_t *at = p->core + PEER_POOL + (part.da - PEER_DA);
    memcpy(hdr, at, sizeof *hdr);
    memcpy(data, at + sizeof *hdr, hdr->len);
    ecu_device_give(&p->from_host, chain.id, part.len);
    ecu_device_publish(&p->from_host);
    if (ecu_device_needs_kick(&p->from_host))
        peer_ring_host(p, 1);
    return true;
}

/* Sleep until the host rings (or 100 ms, so that a test ends); take the notify ids. */
static inline void peer_sleep(struct peer *p)
{
    struct pollfd bell = {.fd = p->bells.pipe_read, .events = POLLIN};
    char byte;
    if (poll(&bell, 1, 100) > 0)
        CHECK(read(p->bells.pipe_read, &byte, 1) == 1);
    struct ecu_control_page *page = (void *)p->core;
    __atomic_exchange_n(&page->to_core, 0, __ATOMIC_SEQ_CST);
}

/* ---- what the program does ---- */

struct inbound {
    struct rp_slot slot;
    _Alignas(8) uint8_t bytes[sizeof(struct rp_record) + PEER_BUFFER];
};

static inline int receive(struct rp_endpoint *ept, struct inbound *in, uint64_t deadline_ns)
{
    in->slot = (struct rp_slot){.ept = ept, .records = in->bytes, .stride = sizeof in->bytes, .max = 1,
                                .may_sleep = true, .deadline_ns = deadline_ns};
    return rp_recv(&in->slot);
}

static inline const struct rp_record *head(const struct inbound *in)
{
    return (const void *)in->bytes;
}

static inline const uint8_t *payload(const struct inbound *in)
{
    return in->bytes + sizeof(struct rp_record);
}

#endif
