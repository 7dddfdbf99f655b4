/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints and the table that finds them: an array for the dynamic range, so that a message costs the same whether one endpoint
 * or thousands are open, and a small hash for fixed addresses.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_futex.h"
#include "rp_service.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DYNAMIC_MAX 65536u /* dynamic addresses per bus; fixed ones may lie anywhere */

/* ---- table ---- */

static struct rp_endpoint **bucket(struct rp_bus *bus, uint32_t address)
{
    return &bus->fixed[address % FIXED_BUCKETS];
}

struct rp_endpoint *bus_lookup(struct rp_bus *bus, uint32_t address)
{
    uint32_t index = address - ECU_RPMSG_ADDR_DYNAMIC;
    if (index < bus->num_dynamic)
        return bus->dynamic[index];
    struct rp_endpoint *ept = *bucket(bus, address);
    while (ept && ept->address != address)
        ept = ept->next;
    return ept;
}

static bool grow_table(struct rp_bus *bus)
{
    uint32_t num = bus->num_dynamic ? 2 * bus->num_dynamic : 16;
    if (num > DYNAMIC_MAX)
        return false;
    struct rp_endpoint **table = realloc(bus->dynamic, num * sizeof *table);
    if (!table)
        return false;
    for (uint32_t i = bus->num_dynamic; i < num; i++) {
        /* An address of the new range may have been opened as a fixed one. */
        struct rp_endpoint **link = bucket(bus, ECU_RPMSG_ADDR_DYNAMIC + i);
        while (*link && (*link)->address != ECU_RPMSG_ADDR_DYNAMIC + i)
            link = &(*link)->next;
        table[i] = *link;
        if (*link)
            *link = (*link)->next;
    }
    bus->dynamic = table;
    bus->num_dynamic = num;
    return true;
}

static int insert_dynamic(struct rp_bus *bus, struct rp_endpoint *ept)
{
    uint32_t i = 0;
    while (i < bus->num_dynamic && bus->dynamic[i])
        i++;
    if (i == bus->num_dynamic) {
        if (!grow_table(bus))
            return -ENOMEM;
        return insert_dynamic(bus, ept);
    }
    ept->address = ECU_RPMSG_ADDR_DYNAMIC + i;
    bus->dynamic[i] = ept;
    return 0;
}

static int insert_fixed(struct rp_bus *bus, struct rp_endpoint *ept)
{
    if (ept->address >= 0x80000000u) /* Linux's id allocator refuses these */
        return -EINVAL;
    if (bus_lookup(bus, ept->address))
        return -EADDRINUSE;
    uint32_t index = ept->address - ECU_RPMSG_ADDR_DYNAMIC;
    if (index < bus->num_dynamic) {
        bus->dynamic[index] = ept;
    } else {
        ept->next = *bucket(bus, ept->address);
        *bucket(bus, ept->address) = ept;
    }
    return 0;
}

static void take_out(struct rp_bus *bus, struct rp_endpoint *ept)
{
    uint32_t index = ept->address - ECU_RPMSG_ADDR_DYNAMIC;
    if (index < bus->num_dynamic) {
        bus->dynamic[index] = NULL;
        return;
    }
    struct rp_endpoint **link = bucket(bus, ept->address);
    while (*link && *link != ept)
        link = &(*link)->next;
    if (*link)
        *link = ept->next;
}

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
    pthread_mutex_lock(&ept->lock);
    __atomic_store_n(&ept->dead, true, __ATOMIC_SEQ_CST);
    wake_all(ept);
    pthread_mutex_unlock(&ept->lock);
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
    for (uint32_t i = 0; i < bus->num_dynamic; i++)
        if (bus->dynamic[i])
            hang_up(bus->dynamic[i]);
    for (uint32_t i = 0; i < FIXED_BUCKETS; i++)
        for (struct rp_endpoint *ept = bus->fixed[i]; ept; ept = ept->next)
            hang_up(ept);
    pthread_mutex_unlock(&bus->table_lock);
}

/* ---- open and close ---- */

static int insert(struct rp_bus *bus, struct rp_endpoint *ept)
{
    int rc = -EPIPE;
    if (!bus_acquire(bus))
        return rc;
    pthread_mutex_lock(&bus->table_lock);
    if (!bus_is_dead(bus))
        rc = ept->address == ECU_RPMSG_ADDR_ANY ? insert_dynamic(bus, ept) : insert_fixed(bus, ept);
    pthread_mutex_unlock(&bus->table_lock);
    bus_release(bus);
    return rc;
}

int rp_endpoint_open(struct rp_bus *bus, uint32_t address, uint32_t dst, struct rp_endpoint **out)
{
    if (rp_forked())
        return -ECHILD;
    struct rp_endpoint *ept = calloc(1, sizeof *ept);
    if (!ept)
        return -ENOMEM;
    ept->bus = bus;
    ept->address = address;
    ept->dst = dst;
    ept->event = -1;
    pthread_mutex_init(&ept->lock, NULL);
    rp_inbox_init(&ept->inbox, bus->config.inbox);
    int rc = insert(bus, ept);
    if (rc < 0) {
        pthread_mutex_destroy(&ept->lock);
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
    if (rp_forked() || __atomic_exchange_n(&ept->closed, true, __ATOMIC_SEQ_CST))
        return;
    bool busy = bus_acquire(bus);
    pthread_mutex_lock(&bus->table_lock);
    take_out(bus, ept);
    pthread_mutex_unlock(&bus->table_lock);
    if (busy)
        bus_release(bus);
    pthread_mutex_lock(&ept->lock);
    wake_all(ept);
    if (ept->event >= 0)
        close(ept->event);
    ept->event = -1;
    pthread_mutex_unlock(&ept->lock);
    bus_wake_senders(bus);
}

void rp_endpoint_free(struct rp_endpoint *ept)
{
    rp_endpoint_close(ept);
    bus_put(ept->bus);
    rp_inbox_free(&ept->inbox);
    pthread_mutex_destroy(&ept->lock);
    free(ept);
}

/* ---- questions ---- */

uint32_t rp_endpoint_address(const struct rp_endpoint *ept)
{
    return ept->address;
}

void rp_endpoint_stats(struct rp_endpoint *ept, struct rp_endpoint_stats *out)
{
    pthread_mutex_lock(&ept->lock);
    *out = ept->stats;
    out->queued = ept->inbox.num;
    pthread_mutex_unlock(&ept->lock);
}

int rp_endpoint_fd(struct rp_endpoint *ept)
{
    if (rp_forked())
        return -ECHILD;
    pthread_mutex_lock(&ept->lock);
    int rc = endpoint_is_closed(ept) ? -EBADF : ept->event;
    if (rc == -1) {
        bool readable = ept->inbox.num > 0 || ept->dead;
        rc = eventfd(readable, EFD_CLOEXEC | EFD_NONBLOCK);
        if (rc < 0)
            rc = -errno;
        else
            ept->event = rc;
    }
    pthread_mutex_unlock(&ept->lock);
    return rc;
}
