/* SPDX-License-Identifier: Apache-2.0 */
#include <ecusdk/errno.h>
#include <ecusdk/vring.h>

/* avail: flags, idx, ring[num], used_event; used: flags, idx, ring[num], avail_event. The event words are
 * part of the layout even where EVENT_IDX is not negotiated: Linux counts them. */
#define DESC_BYTES 16u
#define AVAIL_FIXED_BYTES 6u
#define AVAIL_ENTRY_BYTES 2u
#define USED_FIXED_BYTES 6u
#define USED_ENTRY_BYTES 8u

_Static_assert(sizeof(struct ecu_desc) == DESC_BYTES, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct ecu_used_elem) == USED_ENTRY_BYTES, "virtio 1.2, 2.7.8");

static bool power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static bool num_ok(uint32_t num)
{
    return power_of_two(num) && num <= ECU_VRING_NUM_MAX;
}

bool ecu_vring_shape_ok(uint32_t num, uint32_t align)
{
    return num_ok(num) && power_of_two(align) && align >= 4;
}

size_t ecu_vring_avail_offset(uint32_t num)
{
    return num_ok(num) ? (size_t)num * DESC_BYTES : 0;
}

size_t ecu_vring_used_offset(uint32_t num, uint32_t align)
{
    size_t mask = (size_t)align - 1;

    if (!ecu_vring_shape_ok(num, align))
        return 0;
    /* At most 2^31 for the largest shape: fits a 32-bit size_t. */
    return (ecu_vring_avail_offset(num) + AVAIL_FIXED_BYTES + (size_t)num * AVAIL_ENTRY_BYTES + mask) & ~mask;
}

size_t ecu_vring_size(uint32_t num, uint32_t align)
{
    if (!ecu_vring_shape_ok(num, align))
        return 0;
    return ecu_vring_used_offset(num, align) + USED_FIXED_BYTES + (size_t)num * USED_ENTRY_BYTES;
}

int ecu_vring_map(struct ecu_vring *vr, void *base, size_t size, uint32_t num, uint32_t align)
{
    uint8_t *bytes = base;
    size_t needed = ecu_vring_size(num, align);

    if (needed == 0 || bytes == NULL || size < needed || (uintptr_t)bytes % DESC_BYTES != 0)
        return -ECU_EINVAL;
    *vr = (struct ecu_vring){
        .num = num,
        .desc = (void *)bytes,
        .avail = (void *)(bytes + ecu_vring_avail_offset(num)),
        .used = (void *)(bytes + ecu_vring_used_offset(num, align)),
    };
    return 0;
}
