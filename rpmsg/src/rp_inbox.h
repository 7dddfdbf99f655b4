/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that arrived for an endpoint and were not received yet: a byte ring in private memory that grows by doubling, so that
 * steady traffic allocates nothing. The caller serialises (the endpoint's lock).
 */
#ifndef RP_INBOX_H
#define RP_INBOX_H

#include <stdbool.h>
#include <stdint.h>

/* However large the messages: what a core can make the host hold for one endpoint. A power of two. */
#define RP_INBOX_BYTES_MAX (16u << 20)

struct rp_inbox {
    uint8_t *bytes;
    uint32_t size; /* power of two, or 0 */
    uint32_t head; /* free-running byte positions */
    uint32_t tail;
    uint32_t num; /* atomic */
    uint32_t max; /* messages */
};

void rp_inbox_init(struct rp_inbox *inbox, uint32_t max);
void rp_inbox_free(struct rp_inbox *inbox);

/* False: full in messages or bytes, or no memory. `data` may be shared memory; it is read once. */
bool rp_inbox_push(struct rp_inbox *inbox, uint32_t src, const void *data, uint32_t len);

/* Take the oldest message: at most `room` bytes of it into data; returns its whole length. Only when num > 0. */
uint32_t rp_inbox_pop(struct rp_inbox *inbox, uint32_t *src, void *data, uint32_t room);

/* How many there are, also for those who do not serialise. */
static inline uint32_t rp_inbox_num(const struct rp_inbox *inbox)
{
    return __atomic_load_n(&inbox->num, __ATOMIC_ACQUIRE);
}

#endif
