/* SPDX-License-Identifier: Apache-2.0
 *
 * Ring layout against worked numbers: computed by hand from virtio 1.2, 2.7.2 and Linux's vring_size(), not
 * by a second program.
 */
#include "support/check.h"

#include <ecusdk/errno.h>
#include <ecusdk/vring.h>

#include <stdlib.h>

struct row {
    uint32_t num;
    size_t size4, size16, size64, size4096, page16, page4096, avail, used16, used4096;
};

static const struct row rows[] = {
    {1, 38, 46, 78, 4110, 4096, 8192, 16, 32, 4096},
    {2, 66, 70, 86, 4118, 4096, 8192, 32, 48, 4096},
    {4, 118, 118, 166, 4134, 4096, 8192, 64, 80, 4096},
    {8, 222, 230, 262, 4166, 4096, 8192, 128, 160, 4096},
    {16, 430, 438, 454, 4230, 4096, 8192, 256, 304, 4096},
    {32, 846, 854, 902, 4358, 4096, 8192, 512, 592, 4096},
    {64, 1678, 1686, 1734, 4614, 4096, 8192, 1024, 1168, 4096},
    {128, 3342, 3350, 3398, 5126, 4096, 8192, 2048, 2320, 4096},
    {256, 6670, 6678, 6726, 10246, 8192, 12288, 4096, 4624, 8192},
    {512, 13326, 13334, 13382, 16390, 16384, 20480, 8192, 9232, 12288},
    {1024, 26638, 26646, 26694, 28678, 28672, 32768, 16384, 18448, 20480},
    {32768, 851982, 851990, 852038, 856070, 856064, 860160, 524288, 589840, 593920},
};

static size_t page(size_t size)
{
    return (size + 4095) / 4096 * 4096;
}

static void test_virtio_1_2_s2_7_2_offsets_and_sizes_of_the_parts(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];

        CHECK(ecu_vring_size(row->num, 4) == row->size4);
        CHECK(ecu_vring_size(row->num, 16) == row->size16);
        CHECK(ecu_vring_size(row->num, 64) == row->size64);
        CHECK(ecu_vring_size(row->num, 4096) == row->size4096);
        CHECK(page(ecu_vring_size(row->num, 16)) == row->page16);
        CHECK(page(ecu_vring_size(row->num, 4096)) == row->page4096);
        CHECK(ecu_vring_avail_offset(row->num) == row->avail);
        CHECK(ecu_vring_used_offset(row->num, 16) == row->used16);
        CHECK(ecu_vring_used_offset(row->num, 4096) == row->used4096);
    }
}

static void test_shape_must_be_powers_of_two_in_range(void)
{
    static const struct {
        uint32_t num, align;
        bool ok;
    } shapes[] = {
        {1, 4, true},      {32768, 4096, true}, {256, 0x80000000u, true}, {0, 16, false},   {3, 16, false},
        {65536, 16, false}, {0x80000000u, 16, false}, {8, 0, false},      {8, 1, false},     {8, 2, false},
        {8, 24, false},    {0xFFFFFFFFu, 16, false},  {8, 0xFFFFFFFFu, false},
    };

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        CHECK(ecu_vring_shape_ok(shapes[i].num, shapes[i].align) == shapes[i].ok);
        CHECK((ecu_vring_size(shapes[i].num, shapes[i].align) != 0) == shapes[i].ok);
        CHECK((ecu_vring_used_offset(shapes[i].num, shapes[i].align) != 0) == shapes[i].ok);
    }
    CHECK(ecu_vring_avail_offset(3) == 0);
}

static void test_map_refuses_what_does_not_fit(void)
{
    size_t size = ecu_vring_size(8, 16);
    uint8_t *memory = aligned_alloc(16, 512);
    struct ecu_vring ring = {.num = 77};

    CHECK(memory != NULL);
    CHECK(ecu_vring_map(&ring, memory, size - 1, 8, 16) == -ECU_EINVAL);
    CHECK(ecu_vring_map(&ring, memory + 8, size, 8, 16) == -ECU_EINVAL);
    CHECK(ecu_vring_map(&ring, NULL, size, 8, 16) == -ECU_EINVAL);
    CHECK(ecu_vring_map(&ring, memory, 512, 7, 16) == -ECU_EINVAL);
    CHECK(ecu_vring_map(&ring, memory, 512, 8, 12) == -ECU_EINVAL);
    CHECK(ring.num == 77);
    CHECK(ecu_vring_map(&ring, memory, size, 8, 16) == 0);
    CHECK(ring.num == 8 && (uint8_t *)ring.desc == memory);
    CHECK((uint8_t *)ring.avail == memory + 128 && (uint8_t *)ring.used == memory + 160);
    /* The last byte of the area belongs to avail_event, behind the last used entry. */
    CHECK((uint8_t *)&ring.used->ring[8] + 2 == memory + size);
    free(memory);
}

int main(void)
{
    test_virtio_1_2_s2_7_2_offsets_and_sizes_of_the_parts();
    test_shape_must_be_powers_of_two_in_range();
    test_map_refuses_what_does_not_fit();
    return 0;
}
