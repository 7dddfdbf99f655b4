/* SPDX-License-Identifier: Apache-2.0
 *
 * What the three parts of the remote rpmsg share: rpmsg.c (link, receive), rpmsg_endpoint.c (who is
 * addressed), rpmsg_send.c.
 */
#ifndef ECUSDK_SRC_RPMSG_PRIVATE_H
#define ECUSDK_SRC_RPMSG_PRIVATE_H

#include <ecusdk/rpmsg.h>

#define RPMSG_RING_TX 0 /* "input" of Linux */
#define RPMSG_RING_RX 1
#define RPMSG_HDR_BYTES 16u

_Static_assert(sizeof(struct ecu_rpmsg_hdr) == RPMSG_HDR_BYTES, "Linux: struct rpmsg_hdr");
_Static_assert(sizeof(struct ecu_rpmsg_ns) == 40, "Linux: struct rpmsg_ns_msg");

/* NULL when nobody has this address. */
struct ecu_endpoint *ecu_priv_find(const struct ecu_rpmsg *rp, uint32_t addr);

/* Announce what is not announced yet, as far as the buffers go: 0, or -EIO. What found no buffer, or none
 * that is large enough, is tried again when the host returns some, for which ring 0 listens. */
int ecu_priv_announce(struct ecu_rpmsg *rp);

/* The link is down: nothing is announced any more, and learned addresses are void. */
void ecu_priv_forget_peer(struct ecu_rpmsg *rp);

/* Look for a first transmit buffer, to know the size: 0 or -EIO. */
int ecu_priv_prefetch(struct ecu_rpmsg *rp);

int ecu_priv_send(struct ecu_rpmsg *rp, uint32_t src, uint32_t dst, const void *data, size_t len);

/* Address and buffer of a device-readable or -writable part: NULL when it is not wholly in shared memory,
 * and the ring is broken. */
uint8_t *ecu_priv_buffer(struct ecu_rpmsg *rp, struct ecu_device *ring, const struct ecu_buffer *part);

/* Make staged returns visible and ring the host for them and for what was sent during a batch. */
void ecu_priv_flush(struct ecu_rpmsg *rp);

#endif
