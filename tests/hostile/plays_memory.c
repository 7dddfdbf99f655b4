/* SPDX-License-Identifier: Apache-2.0
 *
 * Scribbling over memory that the host owns or shares. None of it may have an effect: the host keeps its
 * books in private.
 */
#define _GNU_SOURCE
#include "plays.h"

#include <ecusdk/resource_table.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define VDEV_STATUS offsetof(struct ecu_vdev_entry, status)

/* 16-bit stores, as a sanitizer's shadow of the host's atomics would not forgive a memset on a ring. */
static void fill16(void *at, size_t size, uint16_t value)
{
    uint16_t *words = at;

    for (size_t i = 0; i < size / 2; i++)
        __atomic_store_n(&words[i], value, __ATOMIC_RELAXED);
}

static void fill_descs(const struct ecu_device *device, uint16_t value)
{
    fill16(device->ring.desc, device->ring.num * sizeof(struct ecu_desc), value);
}

static void fill_avail(const struct ecu_device *device, uint16_t value)
{
    fill16(device->ring.avail, sizeof(struct ecu_avail) + 2 * ((size_t)device->ring.num + 1), value);
}

/* ---- rings ---- */

static void rx_descs(struct stage *stage) { fill_descs(stage->to_host, 0xFFFF); }
static void tx_descs(struct stage *stage) { fill_descs(stage->from_host, 0xFFFF); }
static void rx_descs_zero(struct stage *stage) { fill_descs(stage->to_host, 0); }
static void rx_avail(struct stage *stage) { fill_avail(stage->to_host, 0xA5A5); }
static void tx_avail(struct stage *stage) { fill_avail(stage->from_host, 0xA5A5); }

static void used_flags(struct stage *stage)
{
    struct ecu_device *devices[] = {stage->to_host, stage->from_host};

    for (int i = 0; i < 2; i++) {
        struct ecu_used *used = devices[i]->ring.used;
        uint16_t *avail_event = (uint16_t *)(void *)&used->ring[devices[i]->ring.num];

        __atomic_store_n(&used->flags, 0xFFFE, __ATOMIC_RELAXED); /* all but NO_NOTIFY */
        __atomic_store_n(avail_event, 0xFFFF, __ATOMIC_RELAXED);
    }
}

/* Entries that used.idx does not cover are nobody's. */
static void used_entries(struct stage *stage)
{
    struct ecu_device *device = stage->to_host;

    for (uint32_t i = 0; i < device->ring.num; i++) {
        __atomic_store_n(&device->ring.used->ring[i].id, 0xFFFFFFFFu, __ATOMIC_RELAXED);
        __atomic_store_n(&device->ring.used->ring[i].len, 0xFFFFFFFFu, __ATOMIC_RELAXED);
    }
}

/* Every buffer but the one for the message after the play. */
static void buffers(struct stage *stage)
{
    struct letter letter[STAGE_BUFFERS - 3];

    for (size_t i = 0; i < sizeof letter / sizeof *letter; i++) {
        if (!stage_take(stage, &letter[i]))
            return;
        memset(letter[i].bytes, 0xFF, letter[i].size);
    }
}

/* ---- loaded resource table ---- */

static void store32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }

static uint8_t *entry_of(const struct stage *stage, uint32_t type)
{
    struct ecu_entry entry;
    uint32_t num;

    if (!ecu_table_open(stage->table, stage->table_size, &num))
        return NULL;
    for (uint32_t i = 0; i < num; i++)
        if (ecu_table_entry(stage->table, stage->table_size, i, &entry) && entry.type == type)
            return stage->table + entry.offset;
    return NULL;
}

static void table_ones(struct stage *stage) { memset(stage->table, 0xFF, stage->table_size); }
static void table_zero(struct stage *stage) { memset(stage->table, 0, stage->table_size); }
static void table_num(struct stage *stage)
{
    store32(stage->table + offsetof(struct ecu_table_header, num), 0x40000000);
}

static void table_offsets(struct stage *stage)
{
    for (size_t i = 0; i < 4; i++)
        store32(stage->table + sizeof(struct ecu_table_header) + 4 * i, 0xFFFFFFF0u);
}

static void table_vrings(struct stage *stage)
{
    entry_of(stage, ECU_ENTRY_VDEV)[offsetof(struct ecu_vdev_entry, num_of_vrings)] = 255;
}

static void table_config_len(struct stage *stage)
{
    store32(entry_of(stage, ECU_ENTRY_VDEV) + offsetof(struct ecu_vdev_entry, config_len), 0xFFFFFFFFu);
}

static void table_vring_da(struct stage *stage)
{
    uint8_t *vring = entry_of(stage, ECU_ENTRY_VDEV) + offsetof(struct ecu_rpmsg_entry, vring);

    for (int i = 0; i < 2; i++, vring += sizeof(struct ecu_vring_entry)) {
        store32(vring + offsetof(struct ecu_vring_entry, da), 0xFFFFF000u);
        store32(vring + offsetof(struct ecu_vring_entry, num), 0x80000000u);
        store32(vring + offsetof(struct ecu_vring_entry, notifyid), 0xFFFFFFFFu);
    }
}

static void table_status(struct stage *stage) { entry_of(stage, ECU_ENTRY_VDEV)[VDEV_STATUS] = 0xFF; }
static void table_status_zero(struct stage *stage) { entry_of(stage, ECU_ENTRY_VDEV)[VDEV_STATUS] = 0; }

/* Beyond the end of everything, and as long as a number can say. */
static void table_trace(struct stage *stage)
{
    uint8_t *trace = entry_of(stage, ECU_ENTRY_TRACE);

    store32(trace + offsetof(struct ecu_trace_entry, da), 0xFFFFF000u);
    store32(trace + offsetof(struct ecu_trace_entry, len), 0xFFFFFFFFu);
}

/* ---- the rest ---- */

static void control_page(struct stage *stage)
{
    __atomic_store_n(&stage->page->to_core, UINT64_MAX, __ATOMIC_SEQ_CST);
    __atomic_store_n(&stage->page->to_host, UINT64_MAX, __ATOMIC_SEQ_CST);
    memset(stage->page->pad0, 0xFF, sizeof stage->page->pad0);
    memset(stage->page->pad1, 0xFF, sizeof stage->page->pad1);
}

/* No NUL to end at, and not UTF-8 anywhere. */
static void trace_text(struct stage *stage)
{
    const uint8_t *entry = entry_of(stage, ECU_ENTRY_TRACE);
    uint32_t da, len;

    memcpy(&da, entry + offsetof(struct ecu_trace_entry, da), sizeof da);
    memcpy(&len, entry + offsetof(struct ecu_trace_entry, len), sizeof len);
    uint8_t *text = stage->da_to_va(stage->context, da, len);

    for (uint32_t i = 0; text && i < len; i++)
        text[i] = i % 2 ? 0xFF : 0x1B;
}

/* The memory's size is sealed, and so are the seals: a host that touched a page which is gone would die of
 * SIGBUS. A core that got through says so by spoiling the ring. */
static void memory_seals(struct stage *stage)
{
    bool through = false;

    if (stage->memory >= 0) {
        through = ftruncate(stage->memory, 4096) == 0 || ftruncate(stage->memory, (off_t)1 << 30) == 0;
        through = through || fcntl(stage->memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0;
    }
    if (through)
        __atomic_store_n(&stage->to_host->ring.used->idx, (uint16_t)0x8000, __ATOMIC_RELEASE);
}

#define IGNORED(flags) ECU_RULE_NONE, PLAY_IGNORED, flags, 0

const struct play plays_memory[] = {
    {"rx_descriptors_ones", IGNORED(PLAY_SILENT), rx_descs},
    {"rx_descriptors_zero", IGNORED(PLAY_SILENT), rx_descs_zero},
    {"tx_descriptors_ones", IGNORED(PLAY_SILENT | PLAY_HOST_SENDS), tx_descs},
    {"rx_avail_ring_garbage", IGNORED(PLAY_SILENT), rx_avail},
    {"tx_avail_ring_garbage", IGNORED(PLAY_SILENT | PLAY_HOST_SENDS), tx_avail},
    {"used_flags_and_event_garbage", IGNORED(0), used_flags},
    {"used_entries_beyond_idx_garbage", IGNORED(0), used_entries},
    {"rx_buffers_garbage", IGNORED(PLAY_SILENT), buffers},
    {"table_all_ones", IGNORED(PLAY_SILENT), table_ones},
    {"table_all_zero", IGNORED(PLAY_SILENT), table_zero},
    {"table_num_entries", IGNORED(0), table_num},
    {"table_offsets", IGNORED(0), table_offsets},
    {"table_num_of_vrings", IGNORED(0), table_vrings},
    {"table_config_len", IGNORED(0), table_config_len},
    {"table_vrings", IGNORED(0), table_vring_da},
    {"table_status_ones", IGNORED(0), table_status},
    {"table_status_zero", IGNORED(PLAY_SILENT), table_status_zero},
    {"table_trace_entry", IGNORED(0), table_trace},
    {"control_page_ones", IGNORED(PLAY_SILENT), control_page},
    {"trace_without_nul", IGNORED(0), trace_text},
    {"memory_seals", IGNORED(0), memory_seals},
    {0},
};
