/* SPDX-License-Identifier: Apache-2.0
 *
 * From the used ring to the endpoints. Every function here runs with BUSY.
 *
 * The buffer is memory that the core can still change: its header is copied once and the copy is checked.
 */
#include "bus_private.h"

#include <string.h>

int bus_post_rx(struct rp_bus *bus, uint32_t buffer)
{
    struct ecu_buffer part = {
        .da = bus->config.buffers_da + (uint64_t)buffer * bus->config.buffer_size,
        .len = bus->config.buffer_size,
        .device_writes = true,
    };
    int id = ecu_driver_offer(bus->config.rx, &part, 1);
    if (id >= 0)
        bus->rx_buffer[id] = buffer;
    return id;
}

void bus_publish_rx(struct rp_bus *bus)
{
    ecu_driver_publish(bus->config.rx);
    if (ecu_driver_needs_kick(bus->config.rx))
        rp_kick(bus->config.bells, bus->config.rx_notify);
}

/* Linux: rpmsg_recv_single, without its wrap below 16 bytes. */
static enum ecu_rule check(const struct rp_bus *bus, uint32_t used_len, const struct ecu_rpmsg_hdr *hdr)
{
    if (used_len > bus->config.buffer_size)
        return ECU_RULE_MSG_USED_LEN;
    if (used_len < sizeof *hdr)
        return ECU_RULE_MSG_SHORT;
    if (hdr->len > used_len - sizeof *hdr)
        return ECU_RULE_MSG_LEN;
    return ECU_RULE_NONE;
}

static void refuse(struct rp_bus *bus, enum ecu_rule rule, uint32_t used_len, uint32_t len)
{
    __atomic_store_n(&bus->stats.bad_used_len, used_len, __ATOMIC_RELAXED);
    __atomic_store_n(&bus->stats.bad_len, len, __ATOMIC_RELAXED);
    rp_bus_violation(bus, rule);
}

static void nobody(struct rp_bus *bus, const struct ecu_rpmsg_hdr *hdr)
{
    __atomic_store_n(&bus->stats.stray_src, hdr->src, __ATOMIC_RELAXED);
    __atomic_store_n(&bus->stats.stray_dst, hdr->dst, __ATOMIC_RELAXED);
    STAT_ADD(bus->stats.no_recipient, 1);
    if (bus->stats.no_recipient == 1)
        bus_notice(bus);
}

/* Straight into the memory of the thread that pumps. True when the buffer stays with it. */
static bool hand_over(struct rp_bus *bus, struct rp_slot *slot, const struct ecu_rpmsg_hdr *hdr, uint32_t buffer,
                      const uint8_t *payload)
{
    struct rp_record record = {.src = hdr->src, .len = hdr->len};
    uint8_t *at = slot->records + (size_t)slot->count++ * slot->stride;
    memcpy(at, &record, sizeof record);
    /* Two buffers stay with the core, so that a program that keeps views cannot silence it. */
    if (slot->borrow && __atomic_load_n(&bus->stats.held, __ATOMIC_RELAXED) + 2 < bus->config.num_rx) {
        __atomic_fetch_add(&bus->stats.held, 1, __ATOMIC_RELAXED);
        slot->borrowed = payload;
        slot->borrowed_buffer = buffer;
        return true;
    }
    memcpy(at + sizeof record, payload, hdr->len);
    return false;
}

static bool deliver(struct rp_bus *bus, struct rp_endpoint *ept, struct rp_slot *slot,
                    const struct ecu_rpmsg_hdr *hdr, uint32_t buffer, const uint8_t *payload)
{
    bool kept = false;
    pthread_mutex_lock(&ept->lock);
    ept->stats.rx_messages++;
    ept->stats.rx_bytes += hdr->len;
    /* Order per endpoint is ring order: directly only when nothing is queued before. */
    if (slot && slot->ept == ept && ept->inbox.num == 0 && slot->count < slot->max) {
        kept = hand_over(bus, slot, hdr, buffer, payload);
    } else if (rp_inbox_push(&ept->inbox, hdr->src, payload, hdr->len)) {
        if (ept->inbox.num == 1)
            endpoint_tell_event(ept, true);
        endpoint_wake_one(ept);
    } else {
        ept->stats.dropped++;
        STAT_ADD(bus->stats.inbox_full, 1);
    }
    pthread_mutex_unlock(&ept->lock);
    return kept;
}

/* True when the buffer is not to be given back yet. */
static bool receive(struct rp_bus *bus, uint32_t buffer, uint32_t used_len, struct rp_slot *slot)
{
    const uint8_t *bytes = bus->config.buffers + (size_t)buffer * bus->config.buffer_size;
    struct ecu_rpmsg_hdr hdr;
    memcpy(&hdr, bytes, sizeof hdr);
    __asm__ volatile("" ::: "memory"); /* the copy above is the only read of the header */
    enum ecu_rule rule = check(bus, used_len, &hdr);
    if (rule != ECU_RULE_NONE) {
        refuse(bus, rule, used_len, hdr.len);
        return false;
    }
    STAT_ADD(bus->stats.rx_messages, 1);
    STAT_ADD(bus->stats.rx_bytes, hdr.len);
    struct rp_endpoint *ept = bus_lookup(bus, hdr.dst);
    if (!ept) {
        nobody(bus, &hdr);
        return false;
    }
    return deliver(bus, ept, slot, &hdr, buffer, bytes + sizeof hdr);
}

/* Receive at most one ring of messages; those for slot's endpoint go into slot while it has room. Returns their number.
 * Buffers go back four times a ring: a peer that keeps pace with us would find none otherwise. */
unsigned bus_pump(struct rp_bus *bus, struct rp_slot *slot)
{
    struct ecu_reaped used;
    unsigned num = 0;
    unsigned posted = 0;
    while (num < bus->config.num_rx) {
        int rc = ecu_driver_reap(bus->config.rx, &used);
        if (rc < 0)
            bus_mark_broken(bus, bus->config.rx);
        if (rc <= 0)
            break;
        num++;
        uint32_t buffer = bus->rx_buffer[used.id];
        if (!receive(bus, buffer, used.len, slot) && bus_post_rx(bus, buffer) >= 0)
            posted++;
        if (posted > bus->config.num_rx / 4) {
            bus_publish_rx(bus);
            posted = 0;
        }
    }
    if (posted > 0)
        bus_publish_rx(bus);
    return num;
}
