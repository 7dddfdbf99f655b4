/* SPDX-License-Identifier: Apache-2.0
 *
 * From the used ring to the endpoints. Every function here runs with BUSY.
 *
 * The buffer is memory that the core can still change: its header is copied once and the copy is checked. Buffer and descriptor
 * have the same number for as long as the bus lives, so a buffer goes back by showing its descriptor again.
 */
#define _GNU_SOURCE
#include "bus_private.h"

#include "memory.h"
#include "ring_hot.h"

/* Linux: rpmsg_recv_single, without its wrap below 16 bytes. */
static void refuse(struct rp_bus *bus, uint32_t used_len, uint32_t len)
{
    enum ecu_rule rule = used_len > bus->config.buffer_size          ? ECU_RULE_MSG_USED_LEN
                         : used_len < sizeof(struct ecu_rpmsg_hdr) ? ECU_RULE_MSG_SHORT
                                                                     : ECU_RULE_MSG_LEN;
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

/* Two buffers stay with the core, so that a program that keeps views cannot silence it. */
static bool may_lend(const struct rp_bus *bus)
{
    return STAT_GET(bus->stats.held) + 2 < bus->config.num_rx;
}

/* Straight into the memory of the thread that pumps. True when the buffer stays with it. */
static inline bool hand_over(struct rp_bus *bus, struct rp_slot *slot, const struct ecu_rpmsg_hdr *hdr, uint32_t buffer,
                             const uint8_t *payload)
{
    struct rp_record record = {.src = hdr->src, .len = hdr->len};
    uint8_t *at = slot->records + (size_t)slot->count++ * slot->stride;
    memcpy(at, &record, sizeof record);
    if (slot->borrow && may_lend(bus)) {
        __atomic_fetch_add(&bus->stats.held, 1, __ATOMIC_RELAXED);
        slot->borrowed = payload;
        slot->borrowed_buffer = buffer;
        return true;
    }
    memory_copy(at + sizeof record, payload, hdr->len);
    return false;
}

static void enqueue(struct rp_bus *bus, struct rp_endpoint *ept, const struct ecu_rpmsg_hdr *hdr, const uint8_t *payload)
{
    rp_lock(&ept->lock);
    if (rp_inbox_push(&ept->inbox, hdr->src, payload, hdr->len)) {
        if (ept->inbox.num == 1)
            endpoint_tell_event(ept, true);
        endpoint_wake_one(ept);
    } else {
        STAT_ADD(ept->dropped, 1);
        STAT_ADD(bus->stats.inbox_full, 1);
    }
    rp_unlock(&ept->lock);
}

/* Order per endpoint is ring order: directly only when nothing is queued before. With BUSY an empty inbox stays empty, so that
 * needs no lock. True when the buffer stays with the thread that pumps. */
static inline bool deliver(struct rp_bus *bus, struct rp_endpoint *ept, struct rp_slot *slot,
                           const struct ecu_rpmsg_hdr *hdr, uint32_t buffer, const uint8_t *payload)
{
    STAT_ADD(ept->rx_messages, 1);
    STAT_ADD(ept->rx_bytes, hdr->len);
    if (slot && slot->ept == ept && slot->count < slot->max && rp_inbox_num(&ept->inbox) == 0)
        return hand_over(bus, slot, hdr, buffer, payload);
    enqueue(bus, ept, hdr, payload);
    return false;
}

/* True when the buffer is not to be given back yet. */
static inline bool receive(struct rp_bus *bus, uint32_t buffer, uint32_t used_len, struct rp_slot *slot)
{
    const uint8_t *bytes = bus->config.buffers + (size_t)buffer * bus->config.buffer_size;
    struct ecu_rpmsg_hdr hdr;
    memcpy(&hdr, bytes, sizeof hdr);
    __asm__ volatile("" ::: "memory"); /* the copy above is the only read of the header */
    if (used_len > bus->config.buffer_size || used_len < sizeof hdr || hdr.len > used_len - sizeof hdr) {
        refuse(bus, used_len, hdr.len);
        return false;
    }
    STAT_ADD(bus->stats.rx_messages, 1);
    STAT_ADD(bus->stats.rx_bytes, hdr.len);
    struct rp_endpoint *ept = rp_table_find(&bus->table, hdr.dst);
    if (!ept) {
        nobody(bus, &hdr);
        return false;
    }
    return deliver(bus, ept, slot, &hdr, buffer, bytes + sizeof hdr);
}

/* True: there may be more. */
static inline bool pump_some(struct rp_bus *bus, struct rp_slot *slot, uint32_t most)
{
    struct ecu_driver *rx = bus->config.rx;
    for (uint32_t num = 0; num < most; num++) {
        uint32_t used_len;
        int buffer = ring_driver_reap(rx, &used_len);
        if (buffer < 0) {
            if (buffer != RING_NOTHING)
                bus_mark_broken(bus, rx);
            return false;
        }
        if (!receive(bus, (uint32_t)buffer, used_len, slot))
            ring_driver_show(rx, (uint32_t)buffer);
    }
    return true;
}

/* Receive at most one ring of messages; those for slot's endpoint go into slot while it has room. The buffers are visible to the
 * core after bus_release, the first three quarters earlier: a peer that keeps pace with us would find none otherwise. */
void bus_pump(struct rp_bus *bus, struct rp_slot *slot)
{
    uint32_t quarter = (bus->config.num_rx + 3) / 4;
    for (int i = 0; i < 4 && pump_some(bus, slot, quarter); i++)
        ring_driver_publish(bus->config.rx);
}
