/* SPDX-License-Identifier: Apache-2.0
 *
 * Device role. Every descriptor is copied once into the caller's parts; the walk is bounded by the ring and
 * by the caller's array.
 */
#include "ring_hot.h"

void ecu_device_break(struct ecu_device *d, enum ecu_rule rule)
{
    if (d->broken == ECU_RULE_NONE)
        ring_device_break(d, rule);
}

int ecu_device_init(struct ecu_device *d, const struct ecu_vring *ring)
{
    if (!ecu_vring_shape_ok(ring->num, 4))
        return -ECU_EINVAL;
    *d = (struct ecu_device){.ring = *ring};
    /* Not zero: an rpmsg-lite master fills the used ring before the link comes up. From here on the index
     * is private. */
    d->used_idx = d->used_published = d->used_start = shared_load16(&ring->used->idx);
    shared_store16(&ring->used->flags, 0);
    return 0;
}

void ecu_device_use_event_idx(struct ecu_device *d)
{
    d->event_idx = true;
    ring_device_ask(d, d->last_avail); /* as a fresh ring without the feature */
}

static enum ecu_rule walk_chain(const struct ecu_vring *ring, uint16_t head, struct ecu_buffer *parts,
                                unsigned max_parts, uint16_t *num_parts)
{
    uint64_t total = 0;
    bool writable = false;
    uint16_t id = head;

    for (unsigned n = 0; n < ring->num; n++) {
        struct ecu_desc desc = shared_load_desc(&ring->desc[id]);
        bool device_writes = (desc.flags & ECU_DESC_F_WRITE) != 0;

        total += desc.len;
        if ((desc.flags & ECU_DESC_F_INDIRECT) != 0)
            return ECU_RULE_INDIRECT;
        if (n == max_parts || total > UINT32_MAX)
            return ECU_RULE_CHAIN_SIZE;
        if (writable && !device_writes)
            return ECU_RULE_CHAIN_ORDER;
        writable = device_writes;
        parts[n] = (struct ecu_buffer){.da = desc.da, .len = desc.len, .device_writes = device_writes};
        if ((desc.flags & ECU_DESC_F_NEXT) == 0) {
            *num_parts = (uint16_t)(n + 1);
            return ECU_RULE_NONE;
        }
        if (desc.next >= ring->num)
            return ECU_RULE_NEXT_RANGE;
        id = desc.next;
    }
    return ECU_RULE_CHAIN_LOOP;
}

int ecu_device_take(struct ecu_device *d, struct ecu_chain *out, struct ecu_buffer *parts, unsigned max_parts)
{
    enum ecu_rule rule;

    if (d->last_avail == d->avail_seen && !ring_device_look(d))
        return d->broken == ECU_RULE_NONE ? 0 : -ECU_EIO;
    out->id = shared_load16(&d->ring.avail->ring[d->last_avail & (d->ring.num - 1)]);
    if (out->id >= d->ring.num)
        return ring_device_break(d, ECU_RULE_HEAD_RANGE);
    rule = walk_chain(&d->ring, out->id, parts, max_parts, &out->num_parts);
    if (rule != ECU_RULE_NONE)
        return ring_device_break(d, rule);
    d->last_avail++;
    return 1;
}

void ecu_device_give(struct ecu_device *d, uint16_t id, uint32_t written)
{
    if (d->broken == ECU_RULE_NONE && ecu_device_num_taken(d) > 0)
        ring_device_give(d, id, written);
}

uint16_t ecu_device_num_taken(const struct ecu_device *d)
{
    return (uint16_t)(d->last_avail - (uint16_t)(d->used_idx - d->used_start));
}

void ecu_device_publish(struct ecu_device *d)
{
    ring_device_publish(d);
}

bool ecu_device_needs_kick(struct ecu_device *d)
{
    if (d->broken != ECU_RULE_NONE)
        return false;
    shared_full_fence(); /* F2 */
    return ring_device_wants_kick(d);
}

bool ecu_device_pending(const struct ecu_device *d)
{
    if (d->broken != ECU_RULE_NONE)
        return false; /* or a poller would turn for ever */
    return d->last_avail != d->avail_seen || shared_load16(&d->ring.avail->idx) != d->last_avail;
}

void ecu_device_quiet(struct ecu_device *d)
{
    if (d->event_idx) {
        ring_device_ask(d, ring_event_far_from(d->last_avail));
    } else {
        d->used_flags |= ECU_USED_F_NO_NOTIFY;
        shared_store16(&d->ring.used->flags, d->used_flags);
    }
}

bool ecu_device_listen(struct ecu_device *d)
{
    ring_device_ask(d, d->last_avail);
    shared_full_fence(); /* F1 */
    return ecu_device_pending(d);
}
