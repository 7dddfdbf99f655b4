/* SPDX-License-Identifier: Apache-2.0
 *
 * ST STM32MP157, Cortex-M4: the table is linked into data memory but loaded behind the code, so that right
 * after loading there is nothing at its link address.
 */
#include <ecusdk/resource_table.h>

static char log_buffer[1024];

struct m4_table {
    struct ecu_table_header header;
    uint32_t offset[2];
    struct ecu_rpmsg_entry rpmsg;
    struct ecu_trace_entry trace;
};

ECU_RESOURCE_TABLE(struct m4_table) = {
    .header = ECU_TABLE_HEADER(2),
    .offset = {offsetof(struct m4_table, rpmsg), offsetof(struct m4_table, trace)},
    .rpmsg = {{ECU_ENTRY_VDEV, 7, 0, 1, 0, 0, 0, 2, {0, 0}},
              {{ECU_DA_ANY, 16, 16, 0, 0}, {ECU_DA_ANY, 16, 16, 1, 0}}},
    .trace = ECU_TRACE((uint32_t)log_buffer, sizeof(log_buffer), "cm4_log"),
};

void start(void);

void start(void)
{
    for (;;)
        log_buffer[0]++;
}

__attribute__((section(".vectors"), used)) static void *const vectors[2] = {(void *)0x10040000, start};
