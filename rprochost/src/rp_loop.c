/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_loop.h"

#include "rp_clock.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int open_slot(const struct rp_loop *loop, struct rp_slot *slot)
{
    uint32_t stride = (uint32_t)sizeof(struct rp_record) + ((loop->mtu + 3u) & ~3u);
    *slot = (struct rp_slot){
        .ept = loop->ept, .stride = stride, .may_sleep = true, .deadline_ns = loop->deadline_ns};
    slot->records = malloc((size_t)stride * loop->batch);
    return slot->records ? 0 : -ENOMEM;
}

/* At least one message, at most max. */
static int receive(struct rp_loop *loop, struct rp_slot *slot, uint64_t max)
{
    slot->max = (uint32_t)smaller(max, loop->batch);
    int count = rp_recv(slot);
    if (count > 0) {
        loop->received += (uint64_t)count;
        loop->calls++;
    }
    return count;
}

/* ---- echo ---- */

static int check(const struct rp_loop *loop, const struct rp_slot *slot, int count)
{
    for (int i = 0; i < count; i++) {
        const struct rp_record *record = (const void *)(slot->records + (size_t)i * slot->stride);
        const uint8_t *data = (const uint8_t *)(record + 1);
        if (record->len != loop->len || data[0] != loop->data[0] || data[loop->len - 1] != loop->data[loop->len - 1])
            return -EBADMSG;
    }
    return 0;
}

static int refill(struct rp_loop *loop)
{
    while (loop->sent < smaller(loop->num, loop->received + loop->batch)) {
        int rc = rp_send(loop->ept, loop->dst, loop->data, loop->len, loop->deadline_ns);
        if (rc < 0)
            return rc;
        loop->sent++;
    }
    return 0;
}

int rp_loop_echo(struct rp_loop *loop)
{
    struct rp_slot slot;
    int rc = open_slot(loop, &slot);
    uint64_t before = rp_clock_ns();
    while (rc == 0 && loop->received < loop->num) {
        rc = refill(loop);
        if (rc < 0)
            break;
        int count = receive(loop, &slot, loop->batch);
        rc = count < 0 ? count : check(loop, &slot, count);
        if (rc < 0)
            break;
        if (loop->histogram && loop->batch == 1) {
            uint64_t now = rp_clock_ns();
            rp_histogram_record(loop->histogram, now - before);
            before = now;
        }
    }
    free(slot.records);
    return rc;
}

/* ---- one way ---- */

int rp_loop_receive(struct rp_loop *loop)
{
    struct rp_slot slot;
    int rc = open_slot(loop, &slot);
    while (rc == 0 && loop->received < loop->num) {
        int count = receive(loop, &slot, loop->num - loop->received);
        rc = count < 0 ? count : 0;
    }
    free(slot.records);
    return rc;
}

int rp_loop_send(struct rp_loop *loop)
{
    uint32_t *lens = malloc(sizeof *lens * loop->batch);
    int rc = lens ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < loop->batch; i++)
        lens[i] = loop->len;
    while (rc == 0 && loop->sent < loop->num) {
        uint32_t num = (uint32_t)smaller(loop->batch, loop->num - loop->sent);
        int count = rp_send_many(loop->ept, loop->dst, loop->data, lens, num, loop->deadline_ns);
        rc = count < 0 ? count : 0;
        if (count > 0)
            loop->sent += (uint64_t)count;
        loop->calls++;
    }
    free(lens);
    return rc;
}
