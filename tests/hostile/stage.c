/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "plays.h"

#include <string.h>
#include <unistd.h>

#define TAKE_PAUSE_US 200
#define TAKE_TRIES 50000

bool stage_take(struct stage *stage, struct letter *letter)
{
    struct ecu_chain chain;
    struct ecu_buffer part;

    for (int i = 0; i < TAKE_TRIES; i++) {
        int rc = ecu_device_take(stage->to_host, &chain, &part, 1);

        if (rc < 0)
            return false;
        if (rc > 0) {
            letter->id = chain.id;
            letter->size = part.len;
            letter->bytes = stage->da_to_va(stage->context, part.da, part.len);
            return letter->bytes != NULL;
        }
        usleep(TAKE_PAUSE_US);
    }
    return false;
}

void stage_write(const struct stage *stage, const struct letter *letter, uint32_t dst, const void *data,
                 size_t size, uint16_t len)
{
    struct ecu_rpmsg_hdr hdr = {.src = stage->src, .dst = dst};
    uint16_t *lens = (uint16_t *)(void *)(letter->bytes + offsetof(struct ecu_rpmsg_hdr, len));

    memcpy(letter->bytes, &hdr, offsetof(struct ecu_rpmsg_hdr, len));
    __atomic_store_n(&lens[0], len, __ATOMIC_RELAXED); /* another thread of the core may be at it */
    __atomic_store_n(&lens[1], 0, __ATOMIC_RELAXED);
    if (size > 0 && size <= letter->size - sizeof hdr)
        memcpy(letter->bytes + sizeof hdr, data, size);
}

void stage_kick(const struct stage *stage, uint32_t notify_id)
{
    __atomic_fetch_or(&stage->page->to_host, UINT64_C(1) << notify_id, __ATOMIC_SEQ_CST);
    stage_bell(stage);
}

void stage_bell(const struct stage *stage)
{
    uint64_t one = 1;
    ssize_t ignored = write(stage->bell, &one, sizeof one);

    (void)ignored; /* full: it is ringing */
}

void stage_give(struct stage *stage, const struct letter *letter, uint32_t used_len)
{
    ecu_device_give(stage->to_host, letter->id, used_len);
    ecu_device_publish(stage->to_host);
    stage_kick(stage, stage->to_host_id);
}

void stage_post(struct stage *stage, const struct letter *letter, uint32_t dst, const void *data,
                uint16_t len)
{
    stage_write(stage, letter, dst, data, len, len);
    stage_give(stage, letter, (uint32_t)sizeof(struct ecu_rpmsg_hdr) + len);
}

void stage_say(struct stage *stage, uint32_t dst, const void *data, uint16_t len)
{
    struct letter letter;

    if (stage_take(stage, &letter))
        stage_post(stage, &letter, dst, data, len);
}
