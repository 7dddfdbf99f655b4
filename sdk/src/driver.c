/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver role. What it must remember about a descriptor lies in private slots: the device can write to the
 * whole area, so nothing that is read back from desc or avail is ever believed.
 */
#include "ring_hot.h"

int ecu_driver_init(struct ecu_driver *d, const struct ecu_vring *ring, struct ecu_driver_slot *slots)
{
    if (!ecu_vring_shape_ok(ring->num, 4) || slots == NULL)
        return -ECU_EINVAL;
    for (uint32_t i = 0; i < ring->num; i++)
        slots[i] = (struct ecu_driver_slot){.next = (uint16_t)(i + 1)};
    *d = (struct ecu_driver){.ring = *ring, .slots = slots, .num_free = (uint16_t)ring->num};
    d->last_used = d->used_seen = d->used_start = shared_load16_acquire(&ring->used->idx);
    shared_store16(&ring->avail->flags, 0);
    shared_store16_release(&ring->avail->idx, 0);
    return 0;
}

void ecu_driver_use_event_idx(struct ecu_driver *d)
{
    d->event_idx = true;
    ring_driver_ask(d); /* as a fresh ring without the feature */
}

static bool parts_ok(const struct ecu_buffer *parts, unsigned num_parts, uint32_t *total)
{
    uint64_t sum = 0;
    bool writable = false;

    for (unsigned i = 0; i < num_parts; i++) {
        if (writable && !parts[i].device_writes)
            return false;
        writable = parts[i].device_writes;
        sum += parts[i].len;
    }
    *total = (uint32_t)sum;
    return num_parts > 0 && sum <= UINT32_MAX;
}

/* Returns the descriptor that follows the chain in the free list. */
static uint16_t write_chain(struct ecu_driver *d, const struct ecu_buffer *parts, unsigned num_parts)
{
    uint16_t id = d->free_head;

    for (unsigned i = 0; i < num_parts; i++) {
        bool last = i + 1 == num_parts;
        uint16_t next = d->slots[id].next;
        unsigned flags = (parts[i].device_writes ? ECU_DESC_F_WRITE : 0u) | (last ? 0u : ECU_DESC_F_NEXT);

        shared_update_desc(&d->ring.desc[id], (struct ecu_desc){
            .da = parts[i].da, .len = parts[i].len, .flags = (uint16_t)flags, .next = last ? 0 : next});
        id = next;
    }
    return id;
}

int ecu_driver_offer(struct ecu_driver *d, const struct ecu_buffer *parts, unsigned num_parts)
{
    uint16_t head = d->free_head;
    uint32_t total;

    if (d->broken != ECU_RULE_NONE)
        return -ECU_EIO;
    if (!parts_ok(parts, num_parts, &total))
        return -ECU_EINVAL;
    if (num_parts > d->num_free)
        return -ECU_ENOSPC;
    d->free_head = write_chain(d, parts, num_parts);
    d->num_free = (uint16_t)(d->num_free - num_parts);
    ring_driver_show(d, head);
    d->slots[head].len = total;
    d->slots[head].parts = (uint16_t)num_parts;
    return head;
}

void ecu_driver_publish(struct ecu_driver *d)
{
    ring_driver_publish(d);
}

bool ecu_driver_needs_kick(struct ecu_driver *d)
{
    if (d->broken != ECU_RULE_NONE)
        return false;
    shared_full_fence(); /* F1 */
    return ring_driver_wants_kick(d);
}

/* LIFO, so that a buffer offered straight after it was reaped keeps its descriptor, as in Linux. */
static void free_chain(struct ecu_driver *d, uint16_t head)
{
    uint16_t parts = d->slots[head].parts;
    uint16_t tail = head;

    for (uint16_t i = 1; i < parts; i++)
        tail = d->slots[tail].next;
    d->slots[tail].next = d->free_head;
    d->slots[head].parts = 0;
    d->free_head = head;
    d->num_free = (uint16_t)(d->num_free + parts);
}

int ecu_driver_reap(struct ecu_driver *d, struct ecu_reaped *out)
{
    int id = ring_driver_next(d, &out->len);

    if (id < 0)
        return id == RING_NOTHING ? 0 : id;
    out->id = (uint16_t)id;
    out->offered = d->slots[id].len;
    free_chain(d, out->id);
    return 1;
}

uint16_t ecu_driver_num_outstanding(const struct ecu_driver *d)
{
    return (uint16_t)(d->avail_idx - (uint16_t)(d->last_used - d->used_start));
}

bool ecu_driver_pending(const struct ecu_driver *d)
{
    if (d->broken != ECU_RULE_NONE)
        return false; /* or a poller would turn for ever */
    return d->last_used != d->used_seen || shared_load16(&d->ring.used->idx) != d->last_used;
}

void ecu_driver_quiet(struct ecu_driver *d)
{
    if (d->event_idx) {
        d->used_event = ring_event_far_from(d->last_used);
        shared_store16(ring_used_event(&d->ring), d->used_event);
    } else {
        d->avail_flags |= ECU_AVAIL_F_NO_INTERRUPT;
        shared_store16(&d->ring.avail->flags, d->avail_flags);
    }
}

bool ecu_driver_listen(struct ecu_driver *d)
{
    ring_driver_ask(d);
    shared_full_fence(); /* F2 */
    return ecu_driver_pending(d);
}
