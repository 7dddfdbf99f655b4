/* SPDX-License-Identifier: Apache-2.0
 *
 * The ECU ABI: how a host and an ECU meet, the same for a shared library and an executable.
 *
 * The ECU exports one function, ecu_get_ops, which returns a constant table. Every table begins with its
 * size, so that a minor version may append fields; the major version must match.
 *
 * Rules:
 *  - create .. destroy bracket an instance; no globals are required.
 *  - boot, link, notify, tick and stop are called from one thread, never concurrently; kick and log may be
 *    called from any.
 *  - boot, link, notify and tick return soon; 0 or a positive value is good, a negative errno ends the core
 *    as crashed (in boot: refuses to start).
 *  - tick says when it wants to be called next (absolute, host clock); UINT64_MAX or an absent tick: idle
 *    until kicked.
 *  - stop follows every boot that was good, also after a later failure; a refused boot is followed by destroy
 *    alone. It joins the ECU's own threads before it returns; no host pointer is kept across stop.
 *  - vring addresses and gfeatures do not exist before link(vdev, up = 1): the host writes them after boot
 *    returned (Linux sets DRIVER_OK, status bit 4, when they are valid).
 */
#ifndef ECUSDK_ECU_H
#define ECUSDK_ECU_H

#include <stddef.h>
#include <stdint.h>

#define ECU_ABI_MAJOR 1u
#define ECU_ABI_MINOR 0u
#define ECU_ABI ((ECU_ABI_MAJOR << 16) | ECU_ABI_MINOR)

/* Levels of log, as the kernel's. */
#define ECU_LOG_ERR 3
#define ECU_LOG_WARNING 4
#define ECU_LOG_INFO 6
#define ECU_LOG_DEBUG 7

struct ecu_host_ops {
    uint32_t size; /* of this table, bytes */
    uint32_t abi;
    void *context; /* first argument of every call below */
    void (*kick)(void *context, uint32_t notify_id);
    void (*log)(void *context, int level, const char *text, size_t length);
    uint64_t (*now_ns)(void *context);
    void *(*da_to_va)(void *context, uint64_t da, size_t size); /* NULL unless wholly inside one region */
    /* Sleep until the host rings or the time is over: 0 rung, -ETIMEDOUT, -ENOTCONN when the core must stop
     * or a link went down: return to the caller then. NULL where the host owns the time (then only the try
     * calls exist). */
    int (*wait)(void *context, uint64_t deadline_ns);
};

struct ecu_ops {
    uint32_t size; /* of this table, bytes */
    uint32_t abi;
    const char *name;
    const void *table; /* resource table; the same bytes as section .resource_table */
    uint32_t table_size;
    void *(*create)(const struct ecu_host_ops *host, const char *instance); /* NULL: refused */
    int (*boot)(void *handle, void *loaded_table, size_t table_size);
    int (*link)(void *handle, uint32_t vdev, int up); /* vdev counts the vdev entries of the table */
    int (*notify)(void *handle, uint32_t notify_id);
    int (*tick)(void *handle, uint64_t now_ns, uint64_t *next_ns); /* may be NULL */
    int (*stop)(void *handle);
    void (*destroy)(void *handle);
};

#if defined(__GNUC__)
#define ECU_EXPORT __attribute__((visibility("default")))
#else
#define ECU_EXPORT
#endif

/* NULL when the ECU cannot serve this host's major version. */
ECU_EXPORT const struct ecu_ops *ecu_get_ops(uint32_t host_abi);

#endif
