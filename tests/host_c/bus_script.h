/* SPDX-License-Identifier: Apache-2.0
 *
 * The host bus against a core made of bytes. The script says what the core writes into shared memory and
 * what the program asks of the bus; nobody rings, so only the calling thread is at the rings and a script
 * always does the same.
 */
#ifndef BUS_SCRIPT_H
#define BUS_SCRIPT_H

#include "bus_fixture.h"

#include "../../sdk/tests/support/script.h"

#include <string.h>

enum bus_op {
    CORE_WRITE,     /* u16 offset, u8 size, bytes: anywhere */
    CORE_USED,      /* u8 queue, u32 id, u32 len: append an entry and publish it */
    CORE_IDX,       /* u8 queue, u16: move used.idx */
    HOST_RECV,      /* u8: endpoint */
    HOST_VIEW,      /* u8: endpoint */
    HOST_RELEASE,
    HOST_SEND,      /* u8: size */
    HOST_SEND_MANY, /* u8: messages */
    HOST_OPEN,      /* u16: fixed address, or ANY for 0 */
    HOST_CLOSE,
    BUS_OPS
};

#define SCRIPT_ENDPOINTS 4u

struct bus_run {
    struct fixture *f;
    struct rp_endpoint *opened[SCRIPT_ENDPOINTS + 1];
    unsigned num_opened;
    uint32_t held[FIXTURE_BUFFERS];
    unsigned num_held;
};

static inline struct ecu_used *script_used(const struct bus_run *run, uint32_t queue)
{
    return queue & 1 ? run->f->from_host.ring.used : run->f->to_host.ring.used;
}

static inline void script_write(struct bus_run *run, struct reader *reader)
{
    uint32_t offset = read_bytes(reader, 2) % FIXTURE_SIZE;
    uint32_t size = read_bytes(reader, 1);
    for (uint32_t i = 0; i < size && offset + i < FIXTURE_SIZE; i++)
        run->f->core[offset + i] = (uint8_t)read_bytes(reader, 1);
}

static inline void script_append(struct bus_run *run, struct reader *reader)
{
    struct ecu_used *used = script_used(run, read_bytes(reader, 1));
    uint32_t at = used->idx & (FIXTURE_NUM - 1);
    used->ring[at].id = read_bytes(reader, 4);
    used->ring[at].len = read_bytes(reader, 4);
    used->idx++;
}

static inline struct rp_endpoint *script_endpoint(const struct bus_run *run, uint32_t which)
{
    uint32_t at = which % (run->num_opened + 2);
    return at == 0 ? run->f->ept : at == 1 ? run->f->ns : run->opened[at - 2];
}

static inline void script_recv(struct bus_run *run, uint32_t which, bool borrow)
{
    struct received in;
    int rc = fixture_recv(script_endpoint(run, which), &in, borrow && run->num_held < FIXTURE_BUFFERS, 0);
    if (rc == 1 && in.slot.borrowed) {
        FIXTURE_CHECK(in.slot.borrowed_buffer < FIXTURE_BUFFERS && run->num_held < FIXTURE_BUFFERS);
        FIXTURE_CHECK(in.slot.borrowed + in.record.len <= run->f->host + FIXTURE_SIZE);
        run->held[run->num_held++] = in.slot.borrowed_buffer;
    }
}

static inline void script_send(struct bus_run *run, uint32_t num, uint32_t size)
{
    static const uint8_t bytes[16 * 255];
    uint32_t lens[16];
    for (unsigned i = 0; i < 16; i++)
        lens[i] = size;
    int rc = rp_send_many(run->f->ept, 7, bytes, lens, num % 16, 0);
    FIXTURE_CHECK(rc <= (int)(num % 16));
}

static inline void script_open(struct bus_run *run, uint32_t address)
{
    struct rp_endpoint **place = &run->opened[run->num_opened];
    if (run->num_opened < SCRIPT_ENDPOINTS &&
        rp_endpoint_open(run->f->bus, address ? address : ECU_RPMSG_ADDR_ANY, 7, place) == 0)
        run->num_opened++;
}

static inline void script_op(struct bus_run *run, struct reader *reader)
{
    uint32_t op = read_bytes(reader, 1) % BUS_OPS;
    if (op == CORE_WRITE) {
        script_write(run, reader);
    } else if (op == CORE_USED) {
        script_append(run, reader);
    } else if (op == CORE_IDX) {
        struct ecu_used *used = script_used(run, read_bytes(reader, 1));
        used->idx = (uint16_t)(used->idx + read_bytes(reader, 2));
    } else if (op == HOST_RECV || op == HOST_VIEW) {
        script_recv(run, read_bytes(reader, 1), op == HOST_VIEW);
    } else if (op == HOST_RELEASE && run->num_held > 0) {
        rp_release(run->f->bus, run->held[--run->num_held]);
    } else if (op == HOST_SEND) {
        script_send(run, 1, read_bytes(reader, 1));
    } else if (op == HOST_SEND_MANY) {
        script_send(run, read_bytes(reader, 1), 3);
    } else if (op == HOST_OPEN) {
        script_open(run, read_bytes(reader, 2));
    } else if (op == HOST_CLOSE && run->num_opened > 0) {
        rp_endpoint_free(run->opened[--run->num_opened]);
    }
}

/* Ends with what the bus counted. */
static inline struct rp_bus_stats bus_run_script(const uint8_t *bytes, size_t size)
{
    struct reader reader = {bytes, size};
    struct bus_run run = {.f = fixture_new()};
    while (reader.left > 0) {
        script_op(&run, &reader);
        fixture_check_books(run.f);
    }
    struct rp_bus_stats stats = fixture_stats(run.f);
    FIXTURE_CHECK(stats.held == run.num_held);
    while (run.num_held > 0)
        rp_release(run.f->bus, run.held[--run.num_held]);
    while (run.num_opened > 0)
        rp_endpoint_free(run.opened[--run.num_opened]);
    fixture_free(run.f);
    return stats;
}

#endif
