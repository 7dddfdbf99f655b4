/* SPDX-License-Identifier: Apache-2.0 */
#include "rp_inbox.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 4096u
#define ALIGN 8u

struct record {
    uint32_t src;
    uint32_t len;
};

/* A record never wraps in its head, because positions and sizes are multiples of 8; its payload may. */
static uint32_t record_size(uint32_t len)
{
    return (uint32_t)sizeof(struct record) + ((len + ALIGN - 1) & ~(ALIGN - 1));
}

void rp_inbox_init(struct rp_inbox *inbox, uint32_t max)
{
    *inbox = (struct rp_inbox){.max = max};
}

void rp_inbox_free(struct rp_inbox *inbox)
{
    free(inbox->bytes);
    rp_inbox_init(inbox, inbox->max);
}

static void copy_in(struct rp_inbox *inbox, uint32_t position, const uint8_t *data, uint32_t len)
{
    uint32_t at = position & (inbox->size - 1);
    uint32_t first = len < inbox->size - at ? len : inbox->size - at;
    memcpy(inbox->bytes + at, data, first);
    memcpy(inbox->bytes, data + first, len - first);
}

static void copy_out(const struct rp_inbox *inbox, uint32_t position, uint8_t *data, uint32_t len)
{
    uint32_t at = position & (inbox->size - 1);
    uint32_t first = len < inbox->size - at ? len : inbox->size - at;
    memcpy(data, inbox->bytes + at, first);
    memcpy(data + first, inbox->bytes, len - first);
}

static bool grow(struct rp_inbox *inbox, uint32_t need)
{
    uint32_t used = inbox->tail - inbox->head;
    uint32_t size = inbox->size ? inbox->size : FIRST_SIZE;
    while (size - used < need) {
        if (size >= RP_INBOX_BYTES_MAX)
            return false;
        size *= 2;
    }
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return false;
    if (used)
        copy_out(inbox, inbox->head, bytes, used);
    free(inbox->bytes);
    inbox->bytes = bytes;
    inbox->size = size;
    inbox->head = 0;
    inbox->tail = used;
    return true;
}

bool rp_inbox_push(struct rp_inbox *inbox, uint32_t src, const void *data, uint32_t len)
{
    uint32_t need = record_size(len);
    if (inbox->num >= inbox->max)
        return false;
    if (inbox->size - (inbox->tail - inbox->head) < need && !grow(inbox, need))
        return false;
    struct record record = {.src = src, .len = len};
    copy_in(inbox, inbox->tail, (const uint8_t *)&record, sizeof record);
    copy_in(inbox, inbox->tail + (uint32_t)sizeof record, data, len);
    inbox->tail += need;
    __atomic_store_n(&inbox->num, inbox->num + 1, __ATOMIC_RELEASE);
    return true;
}

uint32_t rp_inbox_pop(struct rp_inbox *inbox, uint32_t *src, void *data, uint32_t room)
{
    struct record record;
    copy_out(inbox, inbox->head, (uint8_t *)&record, sizeof record);
    *src = record.src;
    copy_out(inbox, inbox->head + (uint32_t)sizeof record, data, record.len < room ? record.len : room);
    inbox->head += record_size(record.len);
    __atomic_store_n(&inbox->num, inbox->num - 1, __ATOMIC_RELEASE);
    return record.len;
}
