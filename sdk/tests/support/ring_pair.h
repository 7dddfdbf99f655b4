/* SPDX-License-Identifier: Apache-2.0
 *
 * One ring, mapped twice, with a driver on one mapping and a device on the other.
 */
#ifndef ECUSDK_TESTS_RING_PAIR_H
#define ECUSDK_TESTS_RING_PAIR_H

#include "twice.h"

#include <ecusdk/errno.h>
#include <ecusdk/ring.h>

#include <string.h>

#define PAIR_ALIGN 16u

struct ring_pair {
    struct twice memory;
    struct ecu_vring host;
    struct ecu_vring remote;
    struct ecu_driver_slot *slots;
    struct ecu_driver driver;
    struct ecu_device device;
};

/* A heap buffer of exact size for the slots, so that a sanitizer sees a step over its end. */
static inline void pair_open_in(struct ring_pair *pair, uint32_t num, struct twice memory)
{
    size_t size = ecu_vring_size(num, PAIR_ALIGN);

    pair->memory = memory;
    pair->slots = malloc(num * sizeof *pair->slots);
    CHECK(pair->slots != NULL);
    CHECK(ecu_vring_map(&pair->host, pair->memory.host, size, num, PAIR_ALIGN) == 0);
    CHECK(ecu_vring_map(&pair->remote, pair->memory.remote, size, num, PAIR_ALIGN) == 0);
    CHECK(ecu_driver_init(&pair->driver, &pair->host, pair->slots) == 0);
    CHECK(ecu_device_init(&pair->device, &pair->remote) == 0);
}

static inline void pair_open(struct ring_pair *pair, uint32_t num)
{
    pair_open_in(pair, num, twice_make(ecu_vring_size(num, PAIR_ALIGN)));
}

static inline void pair_close(struct ring_pair *pair)
{
    free(pair->slots);
    twice_free(&pair->memory);
}

static inline int offer_one(struct ecu_driver *driver, uint64_t da, uint32_t len, bool device_writes)
{
    struct ecu_buffer part = {.da = da, .len = len, .device_writes = device_writes};

    return ecu_driver_offer(driver, &part, 1);
}

#endif
