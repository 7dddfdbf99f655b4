/* SPDX-License-Identifier: Apache-2.0
 *
 * Split virtqueue, legacy layout (virtio 1.2, 2.7): what lies in shared memory, and the only arithmetic that
 * says where.
 *
 * One contiguous area holds three parts. Who writes what:
 *
 *   descriptor table   driver writes   desc[num]
 *   available ring     driver writes   flags, idx, ring[num], used_event
 *   used ring          device writes   flags, idx, ring[num], avail_event   (starts at a multiple of `align`)
 *
 * Freestanding: needs no C library.
 */
#ifndef ECUSDK_VRING_H
#define ECUSDK_VRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECU_VRING_NUM_MAX 32768u

#define ECU_DESC_F_NEXT 1u
#define ECU_DESC_F_WRITE 2u
#define ECU_DESC_F_INDIRECT 4u

#define ECU_AVAIL_F_NO_INTERRUPT 1u
#define ECU_USED_F_NO_NOTIFY 1u

struct ecu_desc {
    uint64_t da; /* device address; virtio calls it addr */
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct ecu_used_elem {
    uint32_t id; /* head index of the chain that was used */
    uint32_t len;
};

struct ecu_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct ecu_used {
    uint16_t flags;
    uint16_t idx;
    struct ecu_used_elem ring[];
};

/* One ring as mapped into this address space. */
struct ecu_vring {
    uint32_t num;
    struct ecu_desc *desc;
    struct ecu_avail *avail;
    struct ecu_used *used;
};

/* True when num is a power of two in 1..32768 and align a power of two >= 4: what index masking needs. */
bool ecu_vring_shape_ok(uint32_t num, uint32_t align);

/* Byte offsets and size of the area, Linux's vring_size(); 0 when the shape is not ok. */
size_t ecu_vring_avail_offset(uint32_t num);
size_t ecu_vring_used_offset(uint32_t num, uint32_t align);
size_t ecu_vring_size(uint32_t num, uint32_t align);

/* Lay a ring over [base, base + size). -EINVAL: bad shape, base not aligned to 16 bytes, or the area too
 * small. */
int ecu_vring_map(struct ecu_vring *vr, void *base, size_t size, uint32_t num, uint32_t align);

#endif
