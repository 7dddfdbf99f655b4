/* SPDX-License-Identifier: Apache-2.0
 *
 * Our device against a driver made of bytes.
 */
#ifndef ECUSDK_TESTS_DEVICE_SCRIPT_H
#define ECUSDK_TESTS_DEVICE_SCRIPT_H

#include "script.h"

#include <ecusdk/errno.h>
#include <ecusdk/ring.h>

#include <string.h>

#define SCRIPT_NUM_MAX 8u

enum device_op {
    DEVICE_TAKE,    /* u8: max_parts, modulo 9 */
    DEVICE_GIVE,    /* the oldest chain that is still taken */
    DEVICE_PUBLISH,
    DEVICE_KICK,
    DEVICE_QUIET,
    DEVICE_LISTEN,
    DEVICE_BREAK,   /* as the layer above does for a bad address */
    PEER_DESC,      /* u8 index, u32 da, u32 len, u16 flags, u16 next */
    PEER_AVAIL,     /* u16 head: append an entry */
    PEER_AVAIL_IDX, /* u16: publish what was appended, plus this */
    PEER_WRITE,     /* u16 offset, u16 value: anywhere in the ring */
    DEVICE_OPS
};

struct device_run {
    struct ecu_vring ring; /* as the device sees it */
    uint8_t *peer;         /* the same memory as the driver sees it */
    size_t size;
    struct ecu_device device;
    uint16_t peer_avail_idx;
    uint16_t taken[SCRIPT_NUM_MAX]; /* oldest first */
    uint32_t num_taken;
    struct ecu_chain chain; /* last one taken */
    struct ecu_buffer parts[SCRIPT_NUM_MAX];
    int result; /* of the last call */
};

static inline void device_run_take(struct device_run *run, uint32_t max_parts)
{
    bool was_broken = run->device.broken != ECU_RULE_NONE;
    /* Exact size on the heap: a sanitizer sees one part too many. */
    struct ecu_buffer *parts = malloc(max_parts * sizeof *parts + 1);

    CHECK(parts != NULL);
    run->result = ecu_device_take(&run->device, &run->chain, parts, max_parts);
    CHECK((run->result == -ECU_EIO) == (run->device.broken != ECU_RULE_NONE));
    CHECK(!was_broken || run->result == -ECU_EIO);
    if (run->result == 1) {
        uint64_t total = 0;

        CHECK(run->chain.id < run->ring.num);
        CHECK(run->chain.num_parts > 0 && run->chain.num_parts <= max_parts);
        CHECK(run->chain.num_parts <= run->ring.num);
        for (uint32_t i = 0; i < run->chain.num_parts; i++) {
            CHECK(i == 0 || parts[i].device_writes || !parts[i - 1].device_writes);
            total += parts[i].len;
        }
        CHECK(total <= UINT32_MAX);
        memcpy(run->parts, parts, run->chain.num_parts * sizeof *parts);
        CHECK(run->num_taken < run->ring.num); /* never more than the ring holds */
        run->taken[run->num_taken++] = run->chain.id;
    }
    free(parts);
}

static inline void device_run_give(struct device_run *run)
{
    if (run->num_taken == 0)
        return;
    ecu_device_give(&run->device, run->taken[0], 1);
    memmove(&run->taken[0], &run->taken[1], sizeof run->taken - sizeof run->taken[0]);
    run->num_taken--;
}

static inline void device_run_desc(struct device_run *run, struct reader *reader)
{
    uint32_t index = read_bytes(reader, 1) & (run->ring.num - 1);
    struct ecu_desc desc = {.da = read_bytes(reader, 4)};

    desc.len = read_bytes(reader, 4);
    desc.flags = (uint16_t)read_bytes(reader, 2);
    desc.next = (uint16_t)read_bytes(reader, 2);
    memcpy(run->peer + 16 * index, &desc, sizeof desc);
}

static inline void device_run_peer(struct device_run *run, uint32_t op, struct reader *reader)
{
    size_t avail = ecu_vring_avail_offset(run->ring.num);
    uint32_t a = read_bytes(reader, 2);
    uint16_t half = (uint16_t)a;

    if (op == PEER_AVAIL) {
        memcpy(run->peer + avail + 4 + 2 * (run->peer_avail_idx & (run->ring.num - 1)), &half, 2);
        run->peer_avail_idx++;
    } else if (op == PEER_AVAIL_IDX) {
        half = (uint16_t)(run->peer_avail_idx + a);
        memcpy(run->peer + avail + 2, &half, 2);
    } else {
        half = (uint16_t)read_bytes(reader, 2);
        memcpy(run->peer + a % (run->size - 1), &half, 2);
    }
}

static inline void device_run_op(struct device_run *run, struct reader *reader)
{
    uint32_t op = read_bytes(reader, 1) % DEVICE_OPS;

    switch (op) {
    case DEVICE_TAKE:
        device_run_take(run, read_bytes(reader, 1) % 9);
        break;
    case DEVICE_GIVE:
        device_run_give(run);
        break;
    case DEVICE_PUBLISH:
        ecu_device_publish(&run->device);
        break;
    case DEVICE_KICK:
        run->result = ecu_device_needs_kick(&run->device);
        break;
    case DEVICE_QUIET:
        ecu_device_quiet(&run->device);
        break;
    case DEVICE_LISTEN:
        run->result = ecu_device_listen(&run->device);
        break;
    case DEVICE_BREAK:
        ecu_device_break(&run->device, ECU_RULE_DESC_DA);
        break;
    case PEER_DESC:
        device_run_desc(run, reader);
        break;
    default:
        device_run_peer(run, op, reader);
    }
}

/* host and remote: two mappings of at least ecu_vring_size(SCRIPT_NUM_MAX, 16) bytes, or the same address
 * twice. First byte: ring size. */
static inline void device_run_script(struct device_run *run, uint8_t *host, uint8_t *remote,
                                     const uint8_t *bytes, size_t size)
{
    struct reader reader = {bytes, size};
    uint32_t num = 1u << read_bytes(&reader, 1) % 4;

    *run = (struct device_run){.peer = host, .size = ecu_vring_size(num, 16)};
    memset(host, 0, run->size);
    CHECK(ecu_vring_map(&run->ring, remote, run->size, num, 16) == 0);
    CHECK(ecu_device_init(&run->device, &run->ring) == 0);
    while (reader.left > 0)
        device_run_op(run, &reader);
}

#endif
