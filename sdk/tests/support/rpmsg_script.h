/* SPDX-License-Identifier: Apache-2.0
 *
 * The remote rpmsg against a host made of bytes: what the ECU calls, and what the host writes into table,
 * rings and buffers.
 */
#ifndef ECUSDK_TESTS_RPMSG_SCRIPT_H
#define ECUSDK_TESTS_RPMSG_SCRIPT_H

#include "rpmsg_world.h"
#include "script.h"

#define SCRIPT_RING 8u
#define SCRIPT_ENDPOINTS 4u
#define SCRIPT_HELD 16u

enum rpmsg_op {
    RPMSG_BOOT,    /* u8: table size */
    RPMSG_LINK,    /* u8: bit 0 up */
    RPMSG_NOTIFY,  /* u8: notify id */
    RPMSG_OPEN,    /* u8 endpoint, u8 address (255: ANY) */
    RPMSG_CLOSE,   /* u8 endpoint */
    RPMSG_SEND,    /* u8 endpoint, u16 len; waits for one bell */
    RPMSG_BORROW,  /* u8 which */
    RPMSG_SUBMIT,  /* u8 which, u16 len */
    RPMSG_CANCEL,  /* u8 which */
    RPMSG_RELEASE, /* the oldest message held */
    HOST_TABLE,    /* u8 offset, u32 value */
    HOST_POST,     /* u8 ring, u32 da offset, u32 len, u16 flags: one more available buffer */
    HOST_HEADER,   /* u32 buffer offset, u32 src, u32 dst, u16 len, u8 first payload byte */
    HOST_WRITE,    /* u32 offset, u16 value: anywhere */
    RPMSG_OPS
};

/* First payload byte: what an endpoint does with the message. */
enum { DO_NOTHING, DO_HOLD, DO_ECHO, DO_CLOSE, DO_WHATS };

struct rpmsg_run {
    struct world world; /* first: the context of the host operations */
    struct ecu_endpoint endpoints[SCRIPT_ENDPOINTS];
    struct ecu_tx borrowed[ECU_RPMSG_BORROW_MAX + 1];
    struct ecu_message held[SCRIPT_HELD];
    uint32_t num_held;
    uint32_t received;
    uint32_t checksum; /* of every payload byte that was announced as readable */
    uint16_t avail_idx[2];
    int result; /* of the last call */
};

static inline enum ecu_rx rpmsg_run_message(struct ecu_endpoint *ept, const struct ecu_message *msg)
{
    struct rpmsg_run *run = ept->context;
    const uint8_t *data = msg->data;
    uint32_t what = msg->len > 0 ? data[0] % DO_WHATS : DO_NOTHING;

    run->received++;
    for (uint32_t i = 0; i < msg->len; i++)
        run->checksum += data[i];
    if (what == DO_HOLD && run->num_held < SCRIPT_HELD) {
        run->held[run->num_held++] = *msg;
        return ECU_RX_HOLD;
    }
    if (what == DO_ECHO)
        ecu_rpmsg_trysend(ept, data, msg->len);
    if (what == DO_CLOSE)
        ecu_rpmsg_close(ept);
    return ECU_RX_DONE;
}

static inline int rpmsg_run_wait(struct world *world, uint64_t deadline_ns)
{
    world->now_ns = deadline_ns;
    return 0;
}

static inline void rpmsg_run_endpoint(struct rpmsg_run *run, uint32_t op, struct reader *reader)
{
    static const uint8_t data[600] = {1};
    struct ecu_endpoint *ept = &run->endpoints[read_bytes(reader, 1) % SCRIPT_ENDPOINTS];
    uint32_t value = op == RPMSG_CLOSE ? 0 : read_bytes(reader, op == RPMSG_OPEN ? 1 : 2);

    if (op == RPMSG_OPEN && ept->rpmsg == NULL)
        run->result = ecu_rpmsg_open(&run->world.rp, ept, value & 1 ? "service" : NULL,
                                     value == 255 ? ECU_RPMSG_ADDR_ANY : value, rpmsg_run_message, run);
    else if (op == RPMSG_CLOSE)
        run->result = ecu_rpmsg_close(ept);
    else if (op == RPMSG_SEND && ept->rpmsg != NULL)
        run->result = ecu_rpmsg_send(ept, data, value % sizeof data, run->world.now_ns + 1);
}

static inline void rpmsg_run_buffer(struct rpmsg_run *run, uint32_t op, struct reader *reader)
{
    struct ecu_tx *tx = &run->borrowed[read_bytes(reader, 1) % (ECU_RPMSG_BORROW_MAX + 1)];

    if (op == RPMSG_BORROW && tx->data == NULL) {
        run->result = ecu_rpmsg_borrow(&run->world.rp, tx);
        if (run->result == 0)
            memset(tx->data, 0xA5, tx->size);
    } else if (op == RPMSG_SUBMIT) {
        run->result = ecu_rpmsg_submit(&run->endpoints[0], 7, tx, read_bytes(reader, 2));
    } else if (op == RPMSG_CANCEL) {
        run->result = ecu_rpmsg_cancel(&run->world.rp, tx);
    }
    if (run->result == -ECU_EINVAL || run->result == -ECU_ENOTCONN)
        tx->data = NULL; /* of a link that is gone */
}

static inline void rpmsg_run_release(struct rpmsg_run *run)
{
    if (run->num_held == 0)
        return;
    run->result = ecu_rpmsg_release(&run->world.rp, &run->held[0]);
    memmove(&run->held[0], &run->held[1], sizeof run->held - sizeof run->held[0]);
    run->num_held--;
}

static inline void rpmsg_run_post(struct rpmsg_run *run, struct reader *reader)
{
    uint32_t ring = read_bytes(reader, 1) & 1;
    uint16_t slot = run->avail_idx[ring] & (SCRIPT_RING - 1);
    uint8_t *base = run->world.host + (WORLD_RING_DA(ring) - WORLD_BASE);
    uint8_t *avail = base + ecu_vring_avail_offset(SCRIPT_RING);
    struct ecu_desc desc = {.da = (uint64_t)WORLD_BASE + read_bytes(reader, 4)};

    desc.len = read_bytes(reader, 4);
    desc.flags = (uint16_t)read_bytes(reader, 2);
    memcpy(base + 16 * slot, &desc, sizeof desc);
    memcpy(avail + 4 + 2 * slot, &slot, 2);
    run->avail_idx[ring]++;
    memcpy(avail + 2, &run->avail_idx[ring], 2);
}

static inline void rpmsg_run_host(struct rpmsg_run *run, uint32_t op, struct reader *reader)
{
    uint32_t offset = read_bytes(reader, op == HOST_TABLE ? 1 : 4);
    struct ecu_rpmsg_hdr hdr = {0};

    if (op == HOST_TABLE) {
        world_put32(&run->world, offset, read_bytes(reader, 4));
    } else if (op == HOST_WRITE) {
        uint16_t half = (uint16_t)read_bytes(reader, 2);

        memcpy(run->world.host + offset % (WORLD_SIZE - 1), &half, 2);
    } else {
        uint8_t *buffer = run->world.host + offset % (WORLD_SIZE - 17);

        hdr.src = read_bytes(reader, 4);
        hdr.dst = read_bytes(reader, 4);
        hdr.len = (uint16_t)read_bytes(reader, 2);
        memcpy(buffer, &hdr, sizeof hdr);
        buffer[16] = (uint8_t)read_bytes(reader, 1);
    }
}

static inline void rpmsg_run_op(struct rpmsg_run *run, struct reader *reader)
{
    uint32_t op = read_bytes(reader, 1) % RPMSG_OPS;

    switch (op) {
    case RPMSG_BOOT:
        if (run->world.rp.up) /* boot comes once, before any link */
            break;
        run->result = ecu_rpmsg_boot(&run->world.rp, run->world.remote, read_bytes(reader, 1));
        break;
    case RPMSG_LINK:
        run->result = ecu_rpmsg_link(&run->world.rp, 0, (int)(read_bytes(reader, 1) & 1));
        memset(run->avail_idx, 0, sizeof run->avail_idx);
        break;
    case RPMSG_NOTIFY:
        run->result = ecu_rpmsg_notify(&run->world.rp, read_bytes(reader, 1));
        CHECK(run->result >= -ECU_EIO && run->result <= 256);
        break;
    case RPMSG_OPEN:
    case RPMSG_CLOSE:
    case RPMSG_SEND:
        rpmsg_run_endpoint(run, op, reader);
        break;
    case RPMSG_BORROW:
    case RPMSG_SUBMIT:
    case RPMSG_CANCEL:
        rpmsg_run_buffer(run, op, reader);
        break;
    case RPMSG_RELEASE:
        rpmsg_run_release(run);
        break;
    case HOST_POST:
        rpmsg_run_post(run, reader);
        break;
    default:
        rpmsg_run_host(run, op, reader);
    }
}

/* host and remote: WORLD_SIZE bytes, twice mapped or the same. First byte: bit 0, name service negotiated. */
static inline void rpmsg_run_script(struct rpmsg_run *run, uint8_t *host, uint8_t *remote,
                                    const uint8_t *bytes, size_t size)
{
    struct reader reader = {bytes, size};

    memset(run, 0, sizeof *run);
    world_open(&run->world, host, remote, SCRIPT_RING, read_bytes(&reader, 1) & 1);
    run->world.ops.wait = world_wait;
    run->world.on_wait = rpmsg_run_wait;
    while (reader.left > 0) {
        rpmsg_run_op(run, &reader);
        world_check(&run->world);
    }
}

#endif
