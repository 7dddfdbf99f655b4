/* SPDX-License-Identifier: Apache-2.0
 *
 * Send without a copy: the program writes its payload where the core will read it.
 */
#define _GNU_SOURCE
#include "bus_private.h"
#include "rp_service.h"

#include <errno.h>

static int lend(struct rp_endpoint *ept, uint64_t deadline_ns, struct rp_loan *out)
{
    struct rp_bus *bus = ept->bus;
    uint32_t most = bus->config.num_tx > 1 ? bus->config.num_tx / 2 : 1;
    if (bus->num_lent >= most)
        return -ENOBUFS;
    int buffer = bus_take_buffer(ept, deadline_ns);
    if (buffer < 0)
        return buffer;
    bus->tx_lent[buffer] = true;
    bus->num_lent++;
    *out = (struct rp_loan){.data = bus_tx_payload(bus, (uint32_t)buffer), .size = bus->mtu, .buffer = (uint32_t)buffer};
    return 0;
}

int rp_borrow(struct rp_endpoint *ept, uint64_t deadline_ns, struct rp_loan *out)
{
    struct rp_bus *bus = ept->bus;
    if (rp_forked())
        return -ECHILD;
    rp_lock(&bus->tx_lock);
    int rc = endpoint_why_over(ept);
    if (rc == 0)
        rc = lend(ept, deadline_ns, out);
    rp_unlock(&bus->tx_lock);
    return rc;
}

static bool take_back(struct rp_bus *bus, uint32_t buffer)
{
    if (buffer >= bus->config.num_tx || !bus->tx_lent[buffer])
        return false;
    bus->tx_lent[buffer] = false;
    bus->num_lent--;
    return true;
}

int rp_submit(struct rp_endpoint *ept, uint32_t dst, uint32_t buffer, uint32_t len)
{
    struct rp_bus *bus = ept->bus;
    if (rp_forked())
        return -ECHILD;
    if (endpoint_over(ept) & ENDPOINT_CLOSED)
        return -EBADF;
    if (dst == ECU_RPMSG_ADDR_ANY)
        return -EINVAL;
    if (len > bus->mtu)
        return -EMSGSIZE;
    rp_lock(&bus->tx_lock);
    int rc = endpoint_why_over(ept);
    if (rc == 0 && !take_back(bus, buffer))
        rc = -EINVAL;
    if (rc == 0) {
        bus_stage(ept, buffer, dst, len);
        bus_count_tx(bus, ept, 1, len);
        bus_publish_tx(bus);
    }
    rp_unlock(&bus->tx_lock);
    return rc;
}

void rp_cancel(struct rp_bus *bus, uint32_t buffer)
{
    if (rp_forked())
        return;
    rp_lock(&bus->tx_lock);
    if (take_back(bus, buffer))
        bus->tx_spare[bus->num_spare++] = (uint16_t)buffer;
    bool waiting = bus->num_spare > 0;
    rp_unlock(&bus->tx_lock);
    if (waiting)
        bus_wake_senders(bus);
}
