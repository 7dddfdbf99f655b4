/* SPDX-License-Identifier: Apache-2.0
 *
 * Send (Linux: rpmsg_send_offchannel_raw): a free buffer, the header, the payload, one publication, a bell if it is wanted.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <string.h>

void bus_wake_senders(struct rp_bus *bus)
{
    if (__atomic_load_n(&bus->tx_waiters, __ATOMIC_SEQ_CST) == 0)
        return;
    __atomic_fetch_add(&bus->tx_sequence, 1, __ATOMIC_SEQ_CST);
    rp_futex_wake(&bus->tx_sequence, INT_MAX);
}

/* Buffers never used so far first, ascending; then whatever the core returns. -ENOBUFS: none now. */
static int64_t take_buffer(struct rp_bus *bus)
{
    struct ecu_reaped used;
    if (bus->tx_fresh < bus->config.num_tx)
        return bus->config.num_rx + bus->tx_fresh++;
    int rc = ecu_driver_reap(bus->config.tx, &used);
    if (rc > 0)
        return bus->tx_buffer[used.id];
    if (rc == 0)
        return -ENOBUFS;
    bus_mark_broken(bus, bus->config.tx);
    return -EPIPE;
}

static void stage(struct rp_endpoint *ept, uint32_t buffer, uint32_t dst, const void *data, uint32_t len)
{
    struct rp_bus *bus = ept->bus;
    size_t offset = (size_t)buffer * bus->config.buffer_size;
    struct ecu_rpmsg_hdr hdr = {.src = ept->address, .dst = dst, .len = (uint16_t)len};
    memcpy(bus->config.buffers + offset, &hdr, sizeof hdr);
    memcpy(bus->config.buffers + offset + sizeof hdr, data, len);
    struct ecu_buffer part = {.da = bus->config.buffers_da + offset, .len = (uint32_t)sizeof hdr + len};
    int id = ecu_driver_offer(bus->config.tx, &part, 1); /* there are no more buffers than descriptors */
    if (id >= 0)
        bus->tx_buffer[id] = buffer;
    STAT_ADD(bus->tx_messages, 1);
    STAT_ADD(bus->tx_bytes, len);
}

static void publish(struct rp_bus *bus)
{
    ecu_driver_publish(bus->config.tx);
    if (ecu_driver_needs_kick(bus->config.tx))
        rp_kick(bus->config.bells, bus->config.tx_notify);
}

/* Why this endpoint cannot send any more: 0, -EBADF, -EPIPE. */
static int over(const struct rp_endpoint *ept)
{
    if (endpoint_is_closed(ept))
        return -EBADF;
    return __atomic_load_n(&ept->dead, __ATOMIC_SEQ_CST) || bus_is_dead(ept->bus) ? -EPIPE : 0;
}

/* The first blocked sender turns the bells of returned buffers on, the last one off, as Linux does. 0: look again. */
static int wait_for_buffer(struct rp_endpoint *ept, uint64_t deadline_ns)
{
    struct rp_bus *bus = ept->bus;
    uint32_t seen = __atomic_load_n(&bus->tx_sequence, __ATOMIC_SEQ_CST);
    if (deadline_ns != RP_FOREVER && rp_now_ns() >= deadline_ns)
        return deadline_ns == 0 ? -EAGAIN : -ETIMEDOUT;
    __atomic_fetch_add(&bus->tx_waiters, 1, __ATOMIC_SEQ_CST);
    int rc = 0;
    /* Counted as a waiter first, then asked whether it is over: who ends it does the opposite. */
    if (!ecu_driver_listen(bus->config.tx) && over(ept) == 0) {
        pthread_mutex_unlock(&bus->tx_lock);
        rc = rp_futex_wait(&bus->tx_sequence, seen, deadline_ns);
        pthread_mutex_lock(&bus->tx_lock);
    }
    /* The ring of a dead bus may be gone. */
    if (__atomic_sub_fetch(&bus->tx_waiters, 1, __ATOMIC_SEQ_CST) == 0 && !bus_is_dead(bus))
        ecu_driver_quiet(bus->config.tx);
    return rc == -EINTR ? rc : 0; /* a time-out gets one more look before it is told */
}

static int check(const struct rp_endpoint *ept, uint32_t dst, const uint32_t *lens, uint32_t num)
{
    if (rp_forked())
        return -ECHILD;
    if (endpoint_is_closed(ept))
        return -EBADF;
    if (dst == ECU_RPMSG_ADDR_ANY)
        return -EINVAL;
    for (uint32_t i = 0; i < num; i++)
        if (lens[i] > ept->bus->mtu)
            return -EMSGSIZE;
    if (__atomic_load_n(&ept->dead, __ATOMIC_RELAXED))
        return -EPIPE;
    return 0;
}

static void count(struct rp_endpoint *ept, uint32_t num, uint64_t bytes)
{
    pthread_mutex_lock(&ept->lock);
    ept->stats.tx_messages += num;
    ept->stats.tx_bytes += bytes;
    pthread_mutex_unlock(&ept->lock);
}

int rp_send_many(struct rp_endpoint *ept, uint32_t dst, const uint8_t *data, const uint32_t *lens, uint32_t num,
                 uint64_t deadline_ns)
{
    struct rp_bus *bus = ept->bus;
    uint32_t sent = 0;
    uint64_t bytes = 0;
    int rc = check(ept, dst, lens, num);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&bus->tx_lock);
    while (sent < num && (rc = over(ept)) == 0) {
        int64_t buffer = take_buffer(bus);
        if (buffer >= 0) {
            stage(ept, (uint32_t)buffer, dst, data + bytes, lens[sent]);
            bytes += lens[sent++];
            continue;
        }
        rc = (int)buffer;
        if (rc == -ENOBUFS) {
            publish(bus);
            rc = wait_for_buffer(ept, deadline_ns);
        }
        if (rc < 0)
            break;
    }
    if (sent > 0 && !bus_is_dead(bus))
        publish(bus);
    pthread_mutex_unlock(&bus->tx_lock);
    if (sent > 0)
        count(ept, sent, bytes);
    return sent > 0 ? (int)sent : rc;
}

int rp_send(struct rp_endpoint *ept, uint32_t dst, const void *data, uint32_t len, uint64_t deadline_ns)
{
    int rc = rp_send_many(ept, dst, data, &len, 1, deadline_ns);
    return rc > 0 ? 0 : rc;
}
