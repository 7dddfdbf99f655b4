/* SPDX-License-Identifier: Apache-2.0
 *
 * Send (Linux: rpmsg_send_offchannel_raw): a free buffer, the header, the payload, one publication, a bell if it is wanted.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "memory.h"
#include "ring_hot.h"
#include "rp_futex.h"
#include "rp_service.h"

void bus_wake_senders(struct rp_bus *bus)
{
    if (__atomic_load_n(&bus->tx_waiters, __ATOMIC_SEQ_CST) == 0)
        return;
    __atomic_fetch_add(&bus->tx_sequence, 1, __ATOMIC_SEQ_CST);
    rp_futex_wake(&bus->tx_sequence, INT_MAX);
}

/* ---- buffers ---- */

/* One that is not in the ring, or else one that the core returns. -ENOBUFS: none now. */
static inline int find_buffer(struct rp_bus *bus)
{
    uint32_t len;
    if (bus->num_spare > 0)
        return bus->tx_spare[--bus->num_spare];
    int buffer = ring_driver_reap(bus->config.tx, &len);
    if (buffer >= 0)
        return buffer;
    if (buffer == RING_NOTHING)
        return -ENOBUFS;
    bus_mark_broken(bus, bus->config.tx);
    return -EPIPE;
}

/* Wait a little for a core that is at work. The lock is kept: nobody else has a buffer either. */
static bool spin_for_buffer(struct rp_endpoint *ept)
{
    struct rp_bus *bus = ept->bus;
    if (!bus_worth_spinning(bus, &bus->tx_spin))
        return false;
    bool found = false;
    for (uint64_t end = rp_now_ns() + bus->config.spin_ns; !found && endpoint_over(ept) == 0 && rp_now_ns() < end;)
        for (int i = 0; i < 16 && !(found = ecu_driver_pending(bus->config.tx)); i++)
            rp_relax();
    bus_spun(&bus->tx_spin, found);
    return found;
}

/* The first blocked sender turns the bells of returned buffers on, the last one off, as Linux does. 0: look again. */
static int wait_for_buffer(struct rp_endpoint *ept, uint64_t deadline_ns)
{
    struct rp_bus *bus = ept->bus;
    uint32_t seen = __atomic_load_n(&bus->tx_sequence, __ATOMIC_SEQ_CST);
    if (deadline_ns != RP_FOREVER && rp_now_ns() >= deadline_ns)
        return deadline_ns == 0 ? -EAGAIN : -ETIMEDOUT;
    if (spin_for_buffer(ept))
        return 0;
    __atomic_fetch_add(&bus->tx_waiters, 1, __ATOMIC_SEQ_CST);
    int rc = 0;
    /* Counted as a waiter first, then asked whether it is over: who ends it does the opposite. */
    if (!ecu_driver_listen(bus->config.tx) && endpoint_why_over(ept) == 0) {
        rp_unlock(&bus->tx_lock);
        rc = rp_futex_wait(&bus->tx_sequence, seen, deadline_ns);
        rp_lock(&bus->tx_lock);
    }
    /* The ring of a dead bus may be gone. */
    if (__atomic_sub_fetch(&bus->tx_waiters, 1, __ATOMIC_SEQ_CST) == 0 && !bus_is_dead(bus))
        ecu_driver_quiet(bus->config.tx);
    return rc == -EINTR ? rc : 0; /* a time-out gets one more look before it is told */
}

/* What was staged before is shown before it waits. */
static int wait_and_find(struct rp_endpoint *ept, uint64_t deadline_ns)
{
    int found = -ENOBUFS;
    bus_publish_tx(ept->bus);
    while (found == -ENOBUFS) {
        int rc = wait_for_buffer(ept, deadline_ns);
        if (rc == 0)
            rc = endpoint_why_over(ept);
        if (rc < 0)
            return rc;
        found = find_buffer(ept->bus);
    }
    return found;
}

static inline int take_buffer(struct rp_endpoint *ept, uint64_t deadline_ns)
{
    int found = find_buffer(ept->bus);
    return found == -ENOBUFS ? wait_and_find(ept, deadline_ns) : found;
}

int bus_take_buffer(struct rp_endpoint *ept, uint64_t deadline_ns)
{
    return take_buffer(ept, deadline_ns);
}

/* ---- messages ---- */

/* The header before the payload, and the buffer into the ring. */
static inline void stage(struct rp_bus *bus, uint32_t src, uint32_t buffer, uint32_t dst, uint32_t len, uint8_t *payload)
{
    struct ecu_rpmsg_hdr hdr = {.src = src, .dst = dst, .len = (uint16_t)len};
    uint8_t *at = payload - sizeof hdr;
    uint64_t da = bus->config.buffers_da + (uint64_t)(at - bus->config.buffers);
    memcpy(at, &hdr, sizeof hdr);
    ring_driver_offer(bus->config.tx, buffer, da, (uint32_t)sizeof hdr + len, false);
}

void bus_stage(struct rp_endpoint *ept, uint32_t buffer, uint32_t dst, uint32_t len)
{
    stage(ept->bus, ept->address, buffer, dst, len, bus_tx_payload(ept->bus, buffer));
}

static inline void write_one(struct rp_bus *bus, uint32_t src, uint32_t buffer, uint32_t dst, const void *data, uint32_t len)
{
    uint8_t *payload = bus_tx_payload(bus, buffer);
    memory_copy(payload, data, len);
    stage(bus, src, buffer, dst, len, payload);
}

static inline void publish(struct rp_bus *bus)
{
    struct ecu_driver *tx = bus->config.tx;
    if (!ring_driver_publish(tx))
        return;
    shared_full_fence(); /* F1 of the ring */
    if (ring_driver_wants_kick(tx))
        rp_kick(bus->config.bells, bus->config.tx_notify);
}

void bus_publish_tx(struct rp_bus *bus)
{
    publish(bus);
}

/* In Linux's order; a bus that is gone is noticed after everything that the caller got wrong. */
static inline int check(const struct rp_endpoint *ept, uint32_t mtu, uint32_t dst, const uint32_t *lens, uint32_t num)
{
    uint32_t over = endpoint_over(ept);
    if (over & ENDPOINT_CLOSED)
        return -EBADF;
    if (dst == ECU_RPMSG_ADDR_ANY)
        return -EINVAL;
    for (uint32_t i = 0; i < num; i++)
        if (lens[i] > mtu)
            return -EMSGSIZE;
    return over ? -EPIPE : 0;
}

/* One publication and at most one bell per run of free buffers. */
int rp_send_many(struct rp_endpoint *ept, uint32_t dst, const uint8_t *data, const uint32_t *lens, uint32_t num,
                 uint64_t deadline_ns)
{
    struct rp_bus *bus = ept->bus;
    uint32_t sent = 0;
    uint64_t bytes = 0;
    if (rp_forked())
        return -ECHILD;
    rp_lock(&bus->tx_lock);
    int rc = check(ept, bus->mtu, dst, lens, num);
    while (rc == 0 && sent < num) {
        int buffer = take_buffer(ept, deadline_ns);
        if (buffer < 0) {
            rc = buffer;
            break;
        }
        write_one(bus, ept->address, (uint32_t)buffer, dst, data + bytes, lens[sent]);
        bytes += lens[sent++];
    }
    if (sent > 0) {
        bus_count_tx(bus, ept, sent, bytes);
        publish(bus);
    }
    rp_unlock(&bus->tx_lock);
    return sent > 0 ? (int)sent : rc;
}

int rp_send(struct rp_endpoint *ept, uint32_t dst, const void *data, uint32_t len, uint64_t deadline_ns)
{
    struct rp_bus *bus = ept->bus;
    if (rp_forked())
        return -ECHILD;
    rp_lock(&bus->tx_lock);
    int rc = check(ept, bus->mtu, dst, &len, 1);
    int buffer = rc == 0 ? take_buffer(ept, deadline_ns) : rc;
    if (buffer >= 0) {
        write_one(bus, ept->address, (uint32_t)buffer, dst, data, len);
        bus_count_tx(bus, ept, 1, len);
        publish(bus);
    }
    rp_unlock(&bus->tx_lock);
    return buffer < 0 ? buffer : 0;
}
