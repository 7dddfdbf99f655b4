/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the remote rpmsg share: rpmsg.c (link), rpmsg_receive.c, rpmsg_send.c, rpmsg_endpoint.c (who
 * is addressed).
 */
#ifndef ECUSDK_SRC_RPMSG_PRIVATE_H
#define ECUSDK_SRC_RPMSG_PRIVATE_H

#include "ring_hot.h"

#include <ecusdk/rpmsg.h>

#define RPMSG_RING_TX 0 /* "input" of Linux */
#define RPMSG_RING_RX 1
#define RPMSG_HDR_BYTES 16u

_Static_assert(sizeof(struct ecu_rpmsg_hdr) == RPMSG_HDR_BYTES, "Linux: struct rpmsg_hdr");
_Static_assert(sizeof(struct ecu_rpmsg_ns) == 40, "Linux: struct rpmsg_ns_msg");

/* NULL when nobody has this address. As many steps as endpoints share its bucket: one, while the dynamic
 * addresses, which lie side by side, are no more than the buckets. */
static inline struct ecu_endpoint *ecu_priv_find(const struct ecu_rpmsg *rp, uint32_t addr)
{
    struct ecu_endpoint *ept = rp->buckets[addr & (rp->num_buckets - 1)];

    while (ept != NULL && ept->addr != addr)
        ept = ept->next;
    return ept;
}

/* Announce what is not announced yet, as far as the buffers go: 0, or -EIO. What found no buffer, or none
 * that is large enough, is tried again when the host returns some, for which ring 0 listens. */
int ecu_priv_announce(struct ecu_rpmsg *rp);

/* The link is down: nothing is announced any more, and learned addresses are void. */
void ecu_priv_forget_peer(struct ecu_rpmsg *rp);

/* Look for a first transmit buffer, to know the size: 0 or -EIO. */
int ecu_priv_prefetch(struct ecu_rpmsg *rp);

int ecu_priv_send(struct ecu_rpmsg *rp, uint32_t src, uint32_t dst, const void *data, size_t len);

/* As ecu_priv_buffer, and moves the window there. */
uint8_t *ecu_priv_move_window(struct ecu_rpmsg *rp, struct ecu_window *window, struct ecu_device *ring, uint64_t da,
                              uint32_t len);

/* Where a part lies: NULL when it is not wholly in shared memory, and then the ring is broken. Buffers lie side
 * by side, so most are found in the window of the last question. */
static inline uint8_t *ecu_priv_buffer(struct ecu_rpmsg *rp, struct ecu_window *window, struct ecu_device *ring,
                                       const struct ecu_buffer *part)
{
    uint64_t offset = part->da - window->da;

    if (offset < window->size && part->len <= window->size - offset)
        return window->va + (size_t)offset;
    return ecu_priv_move_window(rp, window, ring, part->da, part->len);
}

/* Make staged returns visible and ring the host for them and for what was sent during a batch: one fence for
 * both rings. */
void ecu_priv_flush(struct ecu_rpmsg *rp);

#endif
