/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints: open, close, and waking those who wait in them.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- waking; the endpoint is locked ---- */

void endpoint_tell_event(struct rp_endpoint *ept, bool readable)
{
    uint64_t count = 1;
    ssize_t ignored = 0;
    if (ept->event < 0)
        return;
    if (readable)
        ignored = write(ept->event, &count, sizeof count);
    else
        ignored = read(ept->event, &count, sizeof count);
    (void)ignored;
}

static void nudge_guard(struct rp_endpoint *ept)
{
    uint64_t one = 1;
    ept->guarding = false;
    ssize_t ignored = write(ept->bus->nudge, &one, sizeof one);
    (void)ignored;
}

/* One message, one sleeper: never more wake-ups than messages. */
void endpoint_wake_one(struct rp_endpoint *ept)
{
    if (ept->guarding) {
        nudge_guard(ept);
    } else if (ept->followers > ept->wakes) {
        ept->wakes++;
        __atomic_fetch_add(&ept->sequence, 1, __ATOMIC_SEQ_CST);
        rp_futex_wake(&ept->sequence, 1);
    }
}

static void wake_all(struct rp_endpoint *ept)
{
    if (ept->guarding)
        nudge_guard(ept);
    ept->wakes = ept->followers;
    __atomic_fetch_add(&ept->sequence, 1, __ATOMIC_SEQ_CST);
    rp_futex_wake(&ept->sequence, INT_MAX);
    endpoint_tell_event(ept, true);
}

static void hang_up(struct rp_endpoint *ept)
{
    rp_lock(&ept->lock);
    __atomic_fetch_or(&ept->over, ENDPOINT_GONE, __ATOMIC_SEQ_CST);
    wake_all(ept);
    rp_unlock(&ept->lock);
}

void rp_endpoint_hang_up(struct rp_endpoint *ept)
{
    if (rp_forked()) /* its eventfd is shared with the parent */
        return;
    hang_up(ept);
    bus_wake_senders(ept->bus);
}

void bus_kill_endpoints(struct rp_bus *bus)
{
    pthread_mutex_lock(&bus->table_lock);
    rp_table_each(&bus->table, hang_up);
    pthread_mutex_unlock(&bus->table_lock);
}

/* ---- open and close ---- */

/* The name service can wait for a lease to be over. */
static void count_descriptor(const struct rp_endpoint *ept, int change)
{
    if (ept->address != ECU_RPMSG_ADDR_NS)
        __atomic_fetch_add(&ept->bus->listeners, (uint32_t)change, __ATOMIC_SEQ_CST);
}

static int insert(struct rp_bus *bus, struct rp_endpoint *ept)
{
    int rc = -EPIPE;
    if (!bus_acquire(bus))
        return rc;
    pthread_mutex_lock(&bus->table_lock);
    if (!bus_is_dead(bus))
        rc = rp_table_insert(&bus->table, ept);
    pthread_mutex_unlock(&bus->table_lock);
    bus_release(bus);
    return rc;
}

int rp_endpoint_open(struct rp_bus *bus, uint32_t address, uint32_t dst, struct rp_endpoint **out)
{
    if (rp_forked())
        return -ECHILD;
    struct rp_endpoint *ept = aligned_alloc(64, sizeof *ept);
    if (!ept)
        return -ENOMEM;
    *ept = (struct rp_endpoint){.bus = bus, .address = address, .dst = dst, .event = -1};
    rp_inbox_init(&ept->inbox, bus->config.inbox);
    int rc = insert(bus, ept);
    if (rc < 0) {
        free(ept);
        return rc;
    }
    bus_get(bus);
    *out = ept;
    return 0;
}

/* Two phases, as __rpmsg_destroy_ept: first nobody finds it, and whoever had found it is done; then its waiters go. */
void rp_endpoint_close(struct rp_endpoint *ept)
{
    struct rp_bus *bus = ept->bus;
    if (rp_forked() || (__atomic_fetch_or(&ept->over, ENDPOINT_CLOSED, __ATOMIC_SEQ_CST) & ENDPOINT_CLOSED))
        return;
    bool busy = bus_acquire(bus);
    pthread_mutex_lock(&bus->table_lock);
    rp_table_remove(&bus->table, ept);
    pthread_mutex_unlock(&bus->table_lock);
    if (busy)
        bus_release(bus);
    rp_lock(&ept->lock);
    wake_all(ept);
    if (ept->event >= 0) {
        close(ept->event);
        count_descriptor(ept, -1);
    }
    ept->event = -1;
    rp_unlock(&ept->lock);
    bus_wake_senders(bus);
}

void rp_endpoint_free(struct rp_endpoint *ept)
{
    rp_endpoint_close(ept);
    bus_put(ept->bus);
    rp_inbox_free(&ept->inbox);
    free(ept);
}

/* ---- questions ---- */

uint32_t rp_endpoint_address(const struct rp_endpoint *ept)
{
    return ept->address;
}

void rp_endpoint_stats(struct rp_endpoint *ept, struct rp_endpoint_stats *out)
{
    *out = (struct rp_endpoint_stats){
        .rx_messages = STAT_GET(ept->rx_messages), .rx_bytes = STAT_GET(ept->rx_bytes),
        .tx_messages = STAT_GET(ept->tx_messages), .tx_bytes = STAT_GET(ept->tx_bytes),
        .dropped = STAT_GET(ept->dropped), .queued = rp_inbox_num(&ept->inbox),
    };
}

int rp_endpoint_fd(struct rp_endpoint *ept)
{
    if (rp_forked())
        return -ECHILD;
    rp_lock(&ept->lock);
    bool first = ept->event < 0;
    uint32_t over = endpoint_over(ept);
    int rc = over & ENDPOINT_CLOSED ? -EBADF : ept->event;
    if (rc == -1) {
        rc = eventfd(ept->inbox.num > 0 || over, EFD_CLOEXEC | EFD_NONBLOCK);
        if (rc < 0) {
            rc = -errno;
        } else {
            ept->event = rc;
            count_descriptor(ept, 1);
        }
    }
    rp_unlock(&ept->lock);
    if (first && rc >= 0)
        bus_look(ept->bus); /* from now on with bells */
    return rc;
}
