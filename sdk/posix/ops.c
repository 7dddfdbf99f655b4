/* SPDX-License-Identifier: Apache-2.0
 *
 * The host operations of an ECU under Linux, and the vdevs of its loaded table.
 */
#define _GNU_SOURCE
#include "posix.h"

#include <ecusdk/resource_table.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024u /* well below PIPE_BUF, so that lines of several threads do not mix */

uint64_t ecu_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void host_kick(void *context, uint32_t notify_id)
{
    struct ecu_env *env = context;
    uint64_t one = 1;
    uint64_t bit;

    if (notify_id >= ECU_CTL_NOTIFY_MAX)
        return;
    bit = one << notify_id;
    /* A bit that is still set has a bell on its way. */
    if (__atomic_fetch_or(&env->page->to_host, bit, __ATOMIC_SEQ_CST) & bit)
        return;
    while (write(env->bell_out, &one, sizeof one) < 0 && errno == EINTR)
        ; /* EAGAIN: the counter is full, so the host is rung */
}

static void log_line(int fd, int level, const char *text, size_t length)
{
    char line[LOG_LINE_MAX + 8];
    int head = snprintf(line, sizeof line, "<%d>", level & 7);
    size_t size = (size_t)head;

    memcpy(line + size, text, length);
    size += length;
    line[size++] = '\n';
    while (write(fd, line, size) < 0 && errno == EINTR)
        ;
}

static void host_log(void *context, int level, const char *text, size_t length)
{
    const struct ecu_env *env = context;

    if (env->log_fd < 0)
        return;
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t whole = end ? (size_t)(end - text) : length;
        size_t part = whole < LOG_LINE_MAX ? whole : LOG_LINE_MAX;
        size_t taken = part == whole && end ? part + 1 : part;

        log_line(env->log_fd, level, text, part);
        text += taken;
        length -= taken;
    }
}

static uint64_t host_now_ns(void *context)
{
    const struct ecu_env *env = context;

    if (env->mode == ECU_CTL_VIRTUAL_TIME)
        return __atomic_load_n(&env->virtual_now_ns, __ATOMIC_RELAXED);
    return ecu_monotonic_ns();
}

static void *host_da_to_va(void *context, uint64_t da, size_t size)
{
    const struct ecu_env *env = context;
    uint32_t low = 0;
    uint32_t high = env->num_regions;

    while (low < high) { /* first region that begins behind da */
        uint32_t middle = low + (high - low) / 2;

        if (env->regions[middle].da <= da)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const struct ecu_region *r = &env->regions[low - 1];
    uint64_t offset = da - r->da;

    if (offset >= r->size || size > r->size - offset)
        return NULL;
    return (uint8_t *)r->va + offset;
}

void ecu_env_init_ops(struct ecu_env *env)
{
    env->ops = (struct ecu_host_ops){
        .size = sizeof env->ops,
        .abi = ECU_ABI,
        .context = env,
        .kick = host_kick,
        .log = host_log,
        .now_ns = host_now_ns,
        .da_to_va = host_da_to_va,
        .wait = env->mode == ECU_CTL_REAL_TIME ? ecu_env_host_wait : NULL,
    };
}

/* ---- vdevs ---- */

static bool note_notify_ids(struct ecu_env *env, const uint8_t *vrings, uint32_t num, struct ecu_refusal *why)
{
    for (uint32_t i = 0; i < num; i++) {
        struct ecu_vring_entry vring;

        memcpy(&vring, vrings + i * sizeof vring, sizeof vring);
        if (vring.notifyid >= ECU_CTL_NOTIFY_MAX)
            return ecu_refuse(why, EINVAL, "vring %" PRIu32 " of vdev %" PRIu32 " has notify id %" PRIu32
                              ", the largest is %u",
                              i, env->num_vdevs, vring.notifyid, ECU_CTL_NOTIFY_MAX - 1);
        env->vdev_notify_ids[env->num_vdevs] |= UINT64_C(1) << vring.notifyid;
    }
    return true;
}

static bool add_vdev(struct ecu_env *env, const struct ecu_entry *entry, struct ecu_refusal *why)
{
    uint8_t *start = (uint8_t *)env->table + entry->offset;
    struct ecu_vdev_entry vdev;

    if (env->num_vdevs == ECU_ENV_VDEVS_MAX)
        return ecu_refuse(why, EINVAL, "the resource table has more than %u vdevs", ECU_ENV_VDEVS_MAX);
    if (entry->size < sizeof vdev)
        return ecu_refuse(why, EINVAL, "vdev %" PRIu32 " of the resource table is truncated", env->num_vdevs);
    memcpy(&vdev, start, sizeof vdev);
    if ((entry->size - sizeof vdev) / sizeof(struct ecu_vring_entry) < vdev.num_of_vrings)
        return ecu_refuse(why, EINVAL, "vdev %" PRIu32 " of the resource table is truncated", env->num_vdevs);
    env->vdev_notify_ids[env->num_vdevs] = 0;
    if (!note_notify_ids(env, start + sizeof vdev, vdev.num_of_vrings, why))
        return false;
    env->vdev_status[env->num_vdevs++] = start + offsetof(struct ecu_vdev_entry, status);
    return true;
}

bool ecu_env_find_vdevs(struct ecu_env *env, struct ecu_refusal *why)
{
    uint32_t num = 0;

    if (!ecu_table_open(env->table, env->table_size, &num))
        return ecu_refuse(why, EINVAL, "the loaded resource table has no valid header");
    for (uint32_t i = 0; i < num; i++) {
        struct ecu_entry entry;

        if (!ecu_table_entry(env->table, env->table_size, i, &entry))
            return ecu_refuse(why, EINVAL, "entry %" PRIu32 " of the resource table lies outside of it", i);
        if (entry.type == ECU_ENTRY_VDEV && !add_vdev(env, &entry, why))
            return false;
    }
    return true;
}
