/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD MicroBlaze-V, RISC-V with 32 bits: the rings have fixed places in front of the program.
 */
#include <ecusdk/resource_table.h>

struct microblaze_table {
    struct ecu_table_header header;
    uint32_t offset[1];
    struct ecu_rpmsg_entry rpmsg;
};

ECU_RESOURCE_TABLE(struct microblaze_table) = {
    .header = ECU_TABLE_HEADER(1),
    .offset = {offsetof(struct microblaze_table, rpmsg)},
    .rpmsg = {{ECU_ENTRY_VDEV, 7, 0, 1, 0, 0, 0, 2, {0, 0}},
              {{0x2ED40000, 4096, 256, 0, 0}, {0x2ED44000, 4096, 256, 1, 0}}},
};

void start(void);

void start(void)
{
    for (;;)
        ecu_resource_table.rpmsg.vdev.gfeatures = 0;
}
