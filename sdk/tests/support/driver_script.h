/* SPDX-License-Identifier: Apache-2.0
 *
 * Our driver against a device made of bytes. The script says what the driver is asked to do and what the
 * device writes into shared memory; after every step the driver's private state must still add up.
 */
#ifndef ECUSDK_TESTS_DRIVER_SCRIPT_H
#define ECUSDK_TESTS_DRIVER_SCRIPT_H

#include "script.h"

#include <ecusdk/errno.h>
#include <ecusdk/ring.h>

#include <string.h>

#define SCRIPT_NUM_MAX 8u

enum driver_op {
    DRIVER_OFFER,    /* u8: low 2 bits parts - 1, then one bit per part: device writes */
    DRIVER_PUBLISH,
    DRIVER_KICK,
    DRIVER_REAP,
    DRIVER_QUIET,
    DRIVER_LISTEN,
    PEER_USED,       /* u32 id, u32 len: append an entry */
    PEER_USED_IDX,   /* u16: publish what was appended, plus this */
    PEER_WRITE,      /* u16 offset, u16 value: anywhere in the ring */
    DRIVER_RESTART,
    DRIVER_OPS
};

struct driver_run {
    struct ecu_vring ring; /* as the driver sees it */
    uint8_t *peer;         /* the same memory as the device sees it */
    size_t size;
    struct ecu_driver driver;
    struct ecu_driver_slot *slots;
    uint16_t peer_used_idx;
    struct ecu_reaped reaped; /* last one */
    int result;               /* of the last call */
};

static inline void driver_run_check(const struct driver_run *run)
{
    uint32_t parts = 0, chains = 0, free_slots = 0;

    for (uint32_t i = 0; i < run->ring.num; i++) {
        parts += run->slots[i].parts;
        chains += run->slots[i].parts != 0;
    }
    for (uint32_t id = run->driver.free_head; free_slots < run->driver.num_free; free_slots++) {
        CHECK(id < run->ring.num && run->slots[id].parts == 0);
        id = run->slots[id].next;
    }
    CHECK(parts + run->driver.num_free == run->ring.num);
    CHECK(chains == ecu_driver_num_outstanding(&run->driver));
}

static inline void driver_run_reap(struct driver_run *run)
{
    bool was_broken = run->driver.broken != ECU_RULE_NONE;
    uint16_t outstanding = ecu_driver_num_outstanding(&run->driver);

    run->result = ecu_driver_reap(&run->driver, &run->reaped);
    if (run->result == 1)
        CHECK(run->reaped.id < run->ring.num && ecu_driver_num_outstanding(&run->driver) == outstanding - 1);
    else
        CHECK(ecu_driver_num_outstanding(&run->driver) == outstanding);
    CHECK((run->result == -ECU_EIO) == (run->driver.broken != ECU_RULE_NONE));
    CHECK(!was_broken || run->result == -ECU_EIO);
}

static inline void driver_run_offer(struct driver_run *run, uint32_t what)
{
    struct ecu_buffer parts[4];
    unsigned num_parts = 1 + (what & 3);

    for (unsigned i = 0; i < num_parts; i++)
        parts[i] = (struct ecu_buffer){.da = i, .len = 100 + i, .device_writes = (what >> (2 + i) & 1) != 0};
    run->result = ecu_driver_offer(&run->driver, parts, num_parts);
    CHECK(run->driver.broken == ECU_RULE_NONE || run->result == -ECU_EIO);
}

static inline void driver_run_peer(struct driver_run *run, uint32_t op, struct reader *reader)
{
    size_t used = ecu_vring_used_offset(run->ring.num, 16);
    uint32_t a = read_bytes(reader, op == PEER_USED ? 4 : 2);
    uint32_t b = read_bytes(reader, op == PEER_USED ? 4 : op == PEER_WRITE ? 2 : 0);
    uint32_t slot = run->peer_used_idx & (run->ring.num - 1);
    uint16_t half = (uint16_t)(run->peer_used_idx + a);

    if (op == PEER_USED) {
        memcpy(run->peer + used + 4 + 8 * slot, &a, 4);
        memcpy(run->peer + used + 8 + 8 * slot, &b, 4);
        run->peer_used_idx++;
    } else if (op == PEER_USED_IDX) {
        memcpy(run->peer + used + 2, &half, 2);
    } else {
        half = (uint16_t)b;
        memcpy(run->peer + a % (run->size - 1), &half, 2);
    }
}

static inline void driver_run_op(struct driver_run *run, struct reader *reader)
{
    uint32_t op = read_bytes(reader, 1) % DRIVER_OPS;

    switch (op) {
    case DRIVER_OFFER:
        driver_run_offer(run, read_bytes(reader, 1));
        break;
    case DRIVER_PUBLISH:
        ecu_driver_publish(&run->driver);
        break;
    case DRIVER_KICK:
        run->result = ecu_driver_needs_kick(&run->driver);
        break;
    case DRIVER_REAP:
        driver_run_reap(run);
        break;
    case DRIVER_QUIET:
        ecu_driver_quiet(&run->driver);
        break;
    case DRIVER_LISTEN:
        run->result = ecu_driver_listen(&run->driver);
        break;
    case DRIVER_RESTART:
        CHECK(ecu_driver_init(&run->driver, &run->ring, run->slots) == 0);
        run->peer_used_idx = run->driver.last_used;
        break;
    default:
        driver_run_peer(run, op, reader);
    }
}

/* host and remote: two mappings of at least ecu_vring_size(SCRIPT_NUM_MAX, 16) bytes, or the same address
 * twice. First byte: ring size. The caller frees run->slots. */
static inline void driver_run_script(struct driver_run *run, uint8_t *host, uint8_t *remote,
                                     const uint8_t *bytes, size_t size)
{
    struct reader reader = {bytes, size};
    uint32_t num = 1u << read_bytes(&reader, 1) % 4;

    *run = (struct driver_run){.peer = remote, .size = ecu_vring_size(num, 16)};
    memset(host, 0, run->size);
    run->slots = malloc(num * sizeof *run->slots);
    CHECK(run->slots != NULL);
    CHECK(ecu_vring_map(&run->ring, host, run->size, num, 16) == 0);
    CHECK(ecu_driver_init(&run->driver, &run->ring, run->slots) == 0);
    while (reader.left > 0) {
        driver_run_op(run, &reader);
        driver_run_check(run);
    }
}

#endif
