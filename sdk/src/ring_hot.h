/* SPDX-License-Identifier: Apache-2.0
 *
 * What every message does to a ring, inline: for the public functions of ring.h and for the two halves of rpmsg,
 * whose chains have one part. ring.h says what the verbs mean; the checks are the same, there are no others.
 */
#ifndef ECUSDK_SRC_RING_HOT_H
#define ECUSDK_SRC_RING_HOT_H

#include "shared.h"

#include <ecusdk/errno.h>
#include <ecusdk/ring.h>

#define RING_NOTHING (-1) /* no chain there, where a chain's id is returned; -EIO: the ring is broken */

/* virtio 1.2, 2.7.10: whether an index that moved by `moved` up to `now` has passed `event`. Behind 65535 steps
 * every event was passed, which the formula with 16 bits cannot say. */
static inline bool ring_event_passed(uint16_t event, uint16_t now, uint32_t moved)
{
    return moved > UINT16_MAX || (uint16_t)(now - event - 1) < moved;
}

static inline uint16_t *ring_used_event(const struct ecu_vring *ring)
{
    return &ring->avail->ring[ring->num];
}

static inline uint16_t *ring_avail_event(const struct ecu_vring *ring)
{
    return (uint16_t *)(void *)&ring->used->ring[ring->num];
}

/* Where no event is wanted: half a round away from what is being worked off, on either side. */
static inline uint16_t ring_event_far_from(uint16_t index)
{
    return (uint16_t)(index + 0x8000u);
}

/* ---- driver role ---- */

/* -EIO. What was seen and not handled is forgotten, so that every further call comes to the look at `broken`. */
static inline int ring_driver_break(struct ecu_driver *d, enum ecu_rule rule)
{
    d->broken = (uint8_t)rule;
    d->used_seen = d->last_used;
    return -ECU_EIO;
}

/* Take a descriptor out of the free list, of which there must be one. */
static inline uint16_t ring_driver_grab(struct ecu_driver *d)
{
    uint16_t id = d->free_head;

    d->free_head = d->slots[id].next;
    d->num_free--;
    return id;
}

/* Stage a descriptor in the caller's hand as it is. */
static inline void ring_driver_show(struct ecu_driver *d, uint32_t id)
{
    d->slots[id].parts = 1;
    shared_update16(&d->ring.avail->ring[d->avail_idx & (d->ring.num - 1)], (uint16_t)id);
    d->avail_idx++;
}

/* Stage a chain of one part under an id that is in the caller's hand. */
static inline void ring_driver_offer(struct ecu_driver *d, uint32_t id, uint64_t da, uint32_t len, bool device_writes)
{
    uint16_t flags = device_writes ? ECU_DESC_F_WRITE : 0u;

    shared_update_desc(&d->ring.desc[id], (struct ecu_desc){.da = da, .len = len, .flags = flags});
    ring_driver_show(d, id);
}

/* True when there was something to show. */
static inline bool ring_driver_publish(struct ecu_driver *d)
{
    uint16_t moved = (uint16_t)(d->avail_idx - d->avail_published);

    if (moved == 0 || d->broken != ECU_RULE_NONE)
        return false;
    shared_store16_release(&d->ring.avail->idx, d->avail_idx); /* pair A */
    d->num_unkicked += moved;
    d->avail_published = d->avail_idx;
    return true;
}

/* After a full fence behind the publication (F1). */
static inline bool ring_driver_wants_kick(struct ecu_driver *d)
{
    uint32_t moved = d->num_unkicked;

    d->num_unkicked = 0;
    if (d->event_idx)
        return ring_event_passed(shared_load16(ring_avail_event(&d->ring)), d->avail_published, moved);
    return (shared_load16(&d->ring.used->flags) & ECU_USED_F_NO_NOTIFY) == 0;
}

/* Load used.idx once and accept it only when it does not claim more than the device was shown. True: it moved. */
static inline bool ring_driver_look(struct ecu_driver *d)
{
    uint16_t idx = shared_load16_acquire(&d->ring.used->idx); /* pair B */

    if (idx == d->used_seen || d->broken != ECU_RULE_NONE)
        return false;
    if ((uint16_t)(idx - d->last_used) > (uint16_t)(d->avail_published - (uint16_t)(d->last_used - d->used_start))) {
        ring_driver_break(d, ECU_RULE_USED_IDX_JUMP);
        return false;
    }
    d->used_seen = idx;
    return true;
}

/* Id of the next used chain; `parts` of its slot is still as offered. */
static inline int ring_driver_next(struct ecu_driver *d, uint32_t *len)
{
    const struct ecu_used_elem *elem;
    uint32_t id;

    if (d->last_used == d->used_seen && !ring_driver_look(d))
        return d->broken == ECU_RULE_NONE ? RING_NOTHING : -ECU_EIO;
    elem = &d->ring.used->ring[d->last_used & (d->ring.num - 1)];
    id = shared_load32(&elem->id);
    if (id >= d->ring.num)
        return ring_driver_break(d, ECU_RULE_USED_ID_RANGE);
    if (d->slots[id].parts == 0)
        return ring_driver_break(d, ECU_RULE_USED_ID_HEAD);
    *len = shared_load32(&elem->len);
    d->last_used++;
    return (int)id;
}

/* Id of the next used chain of one part. The descriptor stays in the caller's hand: it can be offered again, and the
 * device cannot return it meanwhile. */
static inline int ring_driver_reap(struct ecu_driver *d, uint32_t *len)
{
    int id = ring_driver_next(d, len);

    if (id >= 0)
        d->slots[id].parts = 0;
    return id;
}

static inline bool ring_driver_listens(const struct ecu_driver *d)
{
    return d->event_idx ? d->used_event == d->last_used : (d->avail_flags & ECU_AVAIL_F_NO_INTERRUPT) == 0;
}

/* Only asks: a full fence and another look at used.idx must follow (F2). */
static inline void ring_driver_ask(struct ecu_driver *d)
{
    if (d->event_idx) {
        d->used_event = d->last_used;
        shared_store16(ring_used_event(&d->ring), d->used_event);
    } else {
        d->avail_flags &= (uint16_t)~ECU_AVAIL_F_NO_INTERRUPT;
        shared_store16(&d->ring.avail->flags, d->avail_flags);
    }
}

/* ---- device role ---- */

/* -EIO; as for the driver. */
static inline int ring_device_break(struct ecu_device *d, enum ecu_rule rule)
{
    d->broken = (uint8_t)rule;
    d->avail_seen = d->last_avail;
    return -ECU_EIO;
}

/* Load avail.idx once. What was taken and not visibly given back still occupies descriptors, so the rest
 * of the ring is all that the index may move by; this also bounds how long one round of taking can last. */
static inline bool ring_device_look(struct ecu_device *d)
{
    uint16_t idx = shared_load16_acquire(&d->ring.avail->idx); /* pair A */
    uint16_t occupied = (uint16_t)(d->last_avail - (uint16_t)(d->used_published - d->used_start));

    if (idx == d->avail_seen || d->broken != ECU_RULE_NONE)
        return false;
    /* Counted from last_avail, so that an index that goes back is one that jumps by most of a round. */
    if ((uint16_t)(idx - d->last_avail) > d->ring.num - occupied) {
        ring_device_break(d, ECU_RULE_AVAIL_IDX_JUMP);
        return false;
    }
    d->avail_seen = idx;
    return true;
}

/* Id of the next chain, of one part. Of any other the general function names the rule that it breaks. */
static inline int ring_device_take(struct ecu_device *d, struct ecu_buffer *part)
{
    const struct ecu_desc *desc;
    uint32_t flags;
    uint16_t id;

    if (d->last_avail == d->avail_seen && !ring_device_look(d))
        return d->broken == ECU_RULE_NONE ? RING_NOTHING : -ECU_EIO;
    id = shared_load16(&d->ring.avail->ring[d->last_avail & (d->ring.num - 1)]);
    if (id >= d->ring.num)
        return ring_device_break(d, ECU_RULE_HEAD_RANGE);
    desc = &d->ring.desc[id];
    flags = shared_load16(&desc->flags);
    if ((flags & (ECU_DESC_F_NEXT | ECU_DESC_F_INDIRECT)) != 0) {
        struct ecu_buffer first;
        struct ecu_chain chain;

        return ecu_device_take(d, &chain, &first, 1) < 0 ? -ECU_EIO : ring_device_break(d, ECU_RULE_CHAIN_SIZE);
    }
    part->da = shared_load64(&desc->da);
    part->len = shared_load32(&desc->len);
    part->device_writes = (flags & ECU_DESC_F_WRITE) != 0;
    d->last_avail++;
    return id;
}

static inline void ring_device_give(struct ecu_device *d, uint32_t id, uint32_t written)
{
    struct ecu_used_elem *elem = &d->ring.used->ring[d->used_idx & (d->ring.num - 1)];

    shared_update32(&elem->id, id);
    shared_update32(&elem->len, written);
    d->used_idx++;
}

/* True when there was something to show. */
static inline bool ring_device_publish(struct ecu_device *d)
{
    uint16_t moved = (uint16_t)(d->used_idx - d->used_published);

    if (moved == 0 || d->broken != ECU_RULE_NONE)
        return false;
    shared_store16_release(&d->ring.used->idx, d->used_idx); /* pair B */
    d->num_unkicked += moved;
    d->used_published = d->used_idx;
    return true;
}

/* After a full fence behind the publication (F2). */
static inline bool ring_device_wants_kick(struct ecu_device *d)
{
    uint32_t moved = d->num_unkicked;

    d->num_unkicked = 0;
    if (d->event_idx)
        return ring_event_passed(shared_load16(ring_used_event(&d->ring)), d->used_published, moved);
    return (shared_load16(&d->ring.avail->flags) & ECU_AVAIL_F_NO_INTERRUPT) == 0;
}

/* Only asks: a full fence and another look at avail.idx must follow (F1). `from`: the first entry not seen. */
static inline void ring_device_ask(struct ecu_device *d, uint16_t from)
{
    if (d->event_idx) {
        d->avail_event = from;
        shared_store16(ring_avail_event(&d->ring), from);
    } else {
        d->used_flags &= (uint16_t)~ECU_USED_F_NO_NOTIFY;
        shared_store16(&d->ring.used->flags, d->used_flags);
    }
}

#endif
