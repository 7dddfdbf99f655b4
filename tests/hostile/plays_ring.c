/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays on the used rings. virtio 1.2, 2.7.8 and 2.7.14.
 */
#include "plays.h"

/* One used entry, written by hand: ecu_device_give cannot say what these say. */
static void append(struct stage *stage, struct ecu_device *device, uint32_t id, uint32_t len,
                   uint32_t notify_id)
{
    struct ecu_used *used = device->ring.used;
    struct ecu_used_elem *elem = &used->ring[device->used_idx & (device->ring.num - 1)];

    __atomic_store_n(&elem->id, id, __ATOMIC_RELAXED);
    __atomic_store_n(&elem->len, len, __ATOMIC_RELAXED);
    device->used_idx++;
    device->used_published = device->used_idx;
    __atomic_store_n(&used->idx, device->used_idx, __ATOMIC_RELEASE);
    stage_kick(stage, notify_id);
}

static void move_idx(struct stage *stage, struct ecu_device *device, int by, uint32_t notify_id)
{
    uint16_t idx = (uint16_t)(device->used_published + by);

    __atomic_store_n(&device->ring.used->idx, idx, __ATOMIC_RELEASE);
    stage_kick(stage, notify_id);
}

static void rx_id(struct stage *stage, uint32_t id)
{
    append(stage, stage->to_host, id, 16, stage->to_host_id);
}

static void tx_id(struct stage *stage, uint32_t id)
{
    append(stage, stage->from_host, id, 0, stage->from_host_id);
}

static void rx_move(struct stage *stage, int by)
{
    move_idx(stage, stage->to_host, by, stage->to_host_id);
}

static void tx_move(struct stage *stage, int by)
{
    move_idx(stage, stage->from_host, by, stage->from_host_id);
}

/* ---- queue 0 ---- */

static void rx_id_num(struct stage *stage) { rx_id(stage, stage->to_host->ring.num); }
static void rx_id_all_ones(struct stage *stage) { rx_id(stage, 0xFFFFFFFFu); }

/* A host that keeps 16 bits of the id takes descriptor 0. */
static void rx_id_65536(struct stage *stage) { rx_id(stage, 0x10000u); }

static void rx_id_never_offered(struct stage *stage) { rx_id(stage, stage->to_host->ring.num - 1); }

/* The host holds the message that came with this id, so it has offered nothing under it since. */
static void rx_id_held(struct stage *stage)
{
    const struct ecu_device *device = stage->to_host;
    uint32_t last = (device->used_idx - 1u) & (device->ring.num - 1);

    rx_id(stage, __atomic_load_n(&device->ring.used->ring[last].id, __ATOMIC_RELAXED));
}

/* Both entries in one publication. The host offers the buffer anew after the first, and cannot tell that
 * the second was meant for the same message: it receives it twice. */
static void rx_id_twice(struct stage *stage)
{
    struct ecu_used *used = stage->to_host->ring.used;
    struct letter letter;

    if (!stage_take(stage, &letter))
        return;
    stage_write(stage, &letter, stage->peer, "double", 6, 6);
    for (uint16_t i = 0; i < 2; i++) {
        uint16_t at = (uint16_t)(stage->to_host->used_idx + i) & (uint16_t)(stage->to_host->ring.num - 1);

        __atomic_store_n(&used->ring[at].id, letter.id, __ATOMIC_RELAXED);
        __atomic_store_n(&used->ring[at].len, 22, __ATOMIC_RELAXED);
    }
    stage->to_host->used_idx = stage->to_host->used_published = (uint16_t)(stage->to_host->used_idx + 2);
    stage->to_host->used_start++; /* one of the two was never taken: the core's own books go on as if it did not count */
    __atomic_store_n(&used->idx, stage->to_host->used_idx, __ATOMIC_RELEASE);
    stage_kick(stage, stage->to_host_id);
}

static void rx_idx_ring(struct stage *stage) { rx_move(stage, (int)stage->to_host->ring.num + 1); }
static void rx_idx_offered(struct stage *stage) { rx_move(stage, (int)STAGE_BUFFERS + 1); }
static void rx_idx_back(struct stage *stage) { rx_move(stage, -1); }
static void rx_idx_half(struct stage *stage) { rx_move(stage, 0x8000); }

/* ---- queue 1 ---- */

static void tx_id_num(struct stage *stage) { tx_id(stage, stage->from_host->ring.num); }
static void tx_id_all_ones(struct stage *stage) { tx_id(stage, 0xFFFFFFFFu); }
static void tx_id_65536(struct stage *stage) { tx_id(stage, 0x10000u); }
static void tx_id_never_offered(struct stage *stage) { tx_id(stage, stage->from_host->ring.num - 1); }

/* Returned unread and twice: the host writes two more messages into the one buffer. The core has harmed
 * itself. */
static void tx_id_twice(struct stage *stage)
{
    tx_id(stage, 1);
    tx_id(stage, 1);
}

static void tx_idx_ring(struct stage *stage) { tx_move(stage, (int)stage->from_host->ring.num + 1); }
static void tx_idx_outstanding(struct stage *stage) { tx_move(stage, (int)STAGE_BUFFERS + 1); }
static void tx_idx_half(struct stage *stage) { tx_move(stage, 0x8000); }

/* By more than a ring: the core does not know how far the host has come. */
static void tx_idx_back(struct stage *stage) { tx_move(stage, -(int)stage->from_host->ring.num - 1); }

#define RX PLAY_BREAKS, PLAY_SILENT
#define HELD PLAY_BREAKS, PLAY_SILENT | PLAY_HOST_HOLDS
#define TX PLAY_BREAKS, PLAY_SILENT | PLAY_HOST_SENDS

const struct play plays_ring[] = {
    {"rx_used_id_is_num", ECU_RULE_USED_ID_RANGE, RX, 1, rx_id_num},
    {"rx_used_id_all_ones", ECU_RULE_USED_ID_RANGE, RX, 1, rx_id_all_ones},
    {"rx_used_id_65536", ECU_RULE_USED_ID_RANGE, RX, 1, rx_id_65536},
    {"rx_used_id_never_offered", ECU_RULE_USED_ID_HEAD, RX, 1, rx_id_never_offered},
    {"rx_used_id_of_held_buffer", ECU_RULE_USED_ID_HEAD, HELD, 1, rx_id_held},
    {"rx_used_id_twice_at_once", ECU_RULE_NONE, PLAY_IGNORED, PLAY_SILENT, 2, rx_id_twice},
    {"rx_used_idx_plus_ring", ECU_RULE_USED_IDX_JUMP, RX, 1, rx_idx_ring},
    {"rx_used_idx_plus_one_too_many", ECU_RULE_USED_IDX_JUMP, RX, 1, rx_idx_offered},
    {"rx_used_idx_backwards", ECU_RULE_USED_IDX_JUMP, RX, 1, rx_idx_back},
    {"rx_used_idx_plus_32768", ECU_RULE_USED_IDX_JUMP, RX, 1, rx_idx_half},
    {"tx_used_id_is_num", ECU_RULE_USED_ID_RANGE, TX, 1, tx_id_num},
    {"tx_used_id_all_ones", ECU_RULE_USED_ID_RANGE, TX, 1, tx_id_all_ones},
    {"tx_used_id_65536", ECU_RULE_USED_ID_RANGE, TX, 1, tx_id_65536},
    {"tx_used_id_never_offered", ECU_RULE_USED_ID_HEAD, TX, 1, tx_id_never_offered},
    {"tx_used_id_twice", ECU_RULE_NONE, PLAY_IGNORED, PLAY_SILENT | PLAY_HOST_SENDS, 2, tx_id_twice},
    {"tx_used_idx_plus_ring", ECU_RULE_USED_IDX_JUMP, TX, 1, tx_idx_ring},
    {"tx_used_idx_beyond_outstanding", ECU_RULE_USED_IDX_JUMP, TX, 1, tx_idx_outstanding},
    {"tx_used_idx_backwards", ECU_RULE_USED_IDX_JUMP, TX, 1, tx_idx_back},
    {"tx_used_idx_plus_32768", ECU_RULE_USED_IDX_JUMP, TX, 1, tx_idx_half},
    {0},
};
