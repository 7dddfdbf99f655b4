/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD ZynqMP, Cortex-R5, as their newest firmware is: a second section, whose name begins like the table's,
 * says where the table is.
 */
#include <ecusdk/resource_table.h>

__attribute__((section(".trace"), used)) static char log_buffer[0x1000];

struct r5_table {
    struct ecu_table_header header;
    uint32_t offset[2];
    struct ecu_rpmsg_entry rpmsg;
    struct ecu_trace_entry trace;
    char slack[256 - 16 - 8 - 68 - 48];
};

__attribute__((section(".resource_table"), used, aligned(256))) struct r5_table table = {
    .header = ECU_TABLE_HEADER(2),
    .offset = {offsetof(struct r5_table, rpmsg), offsetof(struct r5_table, trace)},
    .rpmsg = {{ECU_ENTRY_VDEV, 7, 31, 1, 0, 0, 0, 2, {0, 0}},
              {{ECU_DA_ANY, 4096, 256, 1, 0}, {ECU_DA_ANY, 4096, 256, 2, 0}}},
    .trace = ECU_TRACE((uint32_t)log_buffer, sizeof(log_buffer), "r5_trace"),
};

__attribute__((section(".resource_table_metadata"), used)) const struct {
    uint32_t version, magic, complement, size;
    struct r5_table *table;
} metadata = {1, 0x786d6c6e, ~0x786d6c6eu, sizeof(table), &table};

void start(void);

void start(void)
{
    for (;;)
        log_buffer[0]++;
}
