/* SPDX-License-Identifier: Apache-2.0
 *
 * Both roles of a split virtqueue (virtio 1.2, 2.7). Four verbs, one for each hand-over of a buffer:
 *
 *   driver:  offer ──▶  take  :device
 *   driver:  reap  ◀──  give  :device
 *
 * offer and give only stage; publish makes all staged entries visible with one index store, and needs_kick,
 * after its full fence, says whether the peer wants a bell for what publish published. The caller serialises:
 * a ring object belongs to one thread at a time. Nothing that the peer writes is trusted: each shared word is
 * read once, then checked; a broken rule breaks the queue for good (-EIO from then on) and stays readable in
 * `broken`.
 *
 * Memory-order pairs (each release names the acquire that sees it; F marks the store-fence-load pairs of
 * Dekker's kind):
 *   A   ecu_driver_publish  stores avail.idx   ->  ecu_device_take      loads avail.idx
 *   B   ecu_device_publish  stores used.idx    ->  ecu_driver_reap      loads used.idx
 *   F1  ecu_driver_needs_kick: avail.idx | used.flags    against  ecu_device_listen: used.flags | avail.idx
 *   F2  ecu_device_needs_kick: used.idx  | avail.flags   against  ecu_driver_listen: avail.flags | used.idx
 * With EVENT_IDX (virtio 1.2, 2.7.10) avail_event takes the place of used.flags, used_event that of avail.flags.
 *
 * Without EVENT_IDX a side that listens is rung for every publication until it asks for quiet. With it, it is
 * rung once, for what it has not seen yet, and listens anew when it has worked that off.
 *
 * Freestanding: needs no C library.
 */
#ifndef ECUSDK_RING_H
#define ECUSDK_RING_H

#include <ecusdk/rules.h>
#include <ecusdk/vring.h>

/* One part of a chain: a private copy of a descriptor. */
struct ecu_buffer {
    uint64_t da;
    uint32_t len;
    bool device_writes;
};

/* ---- driver role: the host of rpmsg ---- */

/* Private twin of one descriptor; the caller provides `num` of them. */
struct ecu_driver_slot {
    uint32_t len;   /* bytes offered in the whole chain, valid in a head */
    uint16_t next;  /* next free, or next of the chain */
    uint16_t parts; /* descriptors of the chain; 0 unless this is the head of an outstanding one */
};

struct ecu_driver { /* fits a cache line */
    struct ecu_vring ring;
    struct ecu_driver_slot *slots;
    uint16_t last_used;
    uint16_t used_seen; /* last used.idx that was loaded and checked */
    uint16_t used_start; /* where used.idx stood at first */
    uint16_t avail_idx; /* staged */
    uint16_t avail_published;
    uint16_t free_head;
    uint16_t num_free;
    uint16_t avail_flags;
    uint16_t used_event; /* as written last */
    bool event_idx;
    uint8_t broken; /* enum ecu_rule */
    uint32_t num_unkicked; /* published since needs_kick was asked */
};

struct ecu_reaped {
    uint16_t id;     /* as returned by offer */
    uint32_t len;    /* what the device claims to have written: unchecked, the layer above knows the buffer */
    uint32_t offered; /* bytes of the chain as offered */
};

/* Take over a ring: avail starts at 0, used where used.idx, read once, stands. slots: ring->num entries.
 * -EINVAL: num is no power of two in 1..32768, or no slots. */
int ecu_driver_init(struct ecu_driver *d, const struct ecu_vring *ring, struct ecu_driver_slot *slots);

/* EVENT_IDX (feature bit 29) was negotiated: to be called before the ring is used. */
#define ECU_RING_F_EVENT_IDX 29u
void ecu_driver_use_event_idx(struct ecu_driver *d);

/* Stage one chain, readable parts first. Returns the head id; -ENOSPC no room, -EINVAL no parts, wrong
 * order or more than 2^32 - 1 bytes, -EIO broken. Descriptors are handed out 0, 1, 2 … and a freed one is
 * used again first (as Linux does). */
int ecu_driver_offer(struct ecu_driver *d, const struct ecu_buffer *parts, unsigned num_parts);

void ecu_driver_publish(struct ecu_driver *d);
bool ecu_driver_needs_kick(struct ecu_driver *d);

/* Next used chain: 1 and *out; 0 none; -EIO broken. */
int ecu_driver_reap(struct ecu_driver *d, struct ecu_reaped *out);

/* Chains offered and not yet reaped. */
uint16_t ecu_driver_num_outstanding(const struct ecu_driver *d);

/* True when used.idx has moved past what was reaped: a hint that costs one relaxed load. A broken queue
 * has nothing pending. */
bool ecu_driver_pending(const struct ecu_driver *d);

void ecu_driver_quiet(struct ecu_driver *d);  /* ask for no bell */
bool ecu_driver_listen(struct ecu_driver *d); /* ask for a bell; true when there is work already */

/* ---- device role: the remote core ---- */

struct ecu_device { /* fits a cache line */
    struct ecu_vring ring;
    uint16_t last_avail;
    uint16_t avail_seen; /* last avail.idx that was loaded and checked */
    uint16_t used_start; /* where used.idx stood at first */
    uint16_t used_idx; /* staged */
    uint16_t used_published;
    uint16_t used_flags;
    uint16_t avail_event; /* as written last */
    bool event_idx;
    uint8_t broken; /* enum ecu_rule */
    uint32_t num_unkicked; /* published since needs_kick was asked */
};

struct ecu_chain {
    uint16_t id;
    uint16_t num_parts;
};

/* Take over a ring: avail from 0 on, used where used.idx, read once, stands (an rpmsg-lite master prefills
 * it). -EINVAL as above. */
int ecu_device_init(struct ecu_device *d, const struct ecu_vring *ring);

/* As for the driver. */
void ecu_device_use_event_idx(struct ecu_device *d);

/* Next available chain, copied into parts (at most max_parts). 1 and *out; 0 none; -EIO broken. */
int ecu_device_take(struct ecu_device *d, struct ecu_chain *out, struct ecu_buffer *parts,
                    unsigned max_parts);

/* Stage the return of a chain; ignored when none is taken. */
void ecu_device_give(struct ecu_device *d, uint16_t id, uint32_t written);
void ecu_device_publish(struct ecu_device *d);
uint16_t ecu_device_num_taken(const struct ecu_device *d); /* and not yet given back */
bool ecu_device_needs_kick(struct ecu_device *d);
bool ecu_device_pending(const struct ecu_device *d);
void ecu_device_quiet(struct ecu_device *d);
bool ecu_device_listen(struct ecu_device *d);

/* Break the queue because the layer above found a violation, such as a descriptor outside memory. */
void ecu_device_break(struct ecu_device *d, enum ecu_rule rule);

#endif
