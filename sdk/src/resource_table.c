/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the loaded resource table, and the trace buffer that it names.
 */
#include <ecusdk/resource_table.h>

/* The table may lie at any address, and its entries at any offset. */
static uint32_t read_u32(const void *base, size_t offset)
{
    uint32_t word;

    __builtin_memcpy(&word, (const uint8_t *)base + offset, sizeof word);
    return word;
}

bool ecu_table_open(const void *table, size_t table_size, uint32_t *num)
{
    uint32_t claimed;

    if (table_size < sizeof(struct ecu_table_header) || read_u32(table, 0) != 1 || read_u32(table, 8) != 0 ||
        read_u32(table, 12) != 0)
        return false;
    claimed = read_u32(table, 4);
    if (claimed > (table_size - sizeof(struct ecu_table_header)) / sizeof(uint32_t))
        return false;
    *num = claimed;
    return true;
}

bool ecu_table_entry(const void *table, size_t table_size, uint32_t index, struct ecu_entry *entry)
{
    uint32_t offset = read_u32(table, sizeof(struct ecu_table_header) + sizeof(uint32_t) * (size_t)index);

    if (offset < sizeof(struct ecu_table_header) || offset >= table_size ||
        table_size - offset < sizeof(uint32_t))
        return false;
    entry->type = read_u32(table, offset);
    entry->offset = offset;
    entry->size = table_size - offset;
    return true;
}

bool ecu_trace_open(struct ecu_trace *trace, const struct ecu_host_ops *host, const void *table,
                    size_t table_size)
{
    uint32_t num = 0;
    uint32_t da;
    struct ecu_entry entry;

    *trace = (struct ecu_trace){NULL, 0, 0};
    if (!ecu_table_open(table, table_size, &num))
        return false;
    for (uint32_t i = 0; i < num; i++) {
        if (!ecu_table_entry(table, table_size, i, &entry) || entry.type != ECU_ENTRY_TRACE ||
            entry.size < sizeof(struct ecu_trace_entry))
            continue;
        trace->size = read_u32(table, entry.offset + offsetof(struct ecu_trace_entry, len));
        da = read_u32(table, entry.offset + offsetof(struct ecu_trace_entry, da));
        trace->text = host->da_to_va(host->context, da, trace->size);
        if (trace->size < 2)
            trace->text = NULL;
        break;
    }
    if (trace->text)
        trace->text[0] = '\0'; /* text of an earlier boot may have survived a recovery */
    return trace->text != NULL;
}

void ecu_trace_puts(struct ecu_trace *trace, const char *text)
{
    char *end;
    size_t length = 0;

    while (text[length] != '\0') /* strlen is not among what a compiler alone provides */
        length++;
    if (!trace->text || length == 0)
        return;
    if (length > trace->size - 1)
        length = trace->size - 1;
    if (length > trace->size - 1 - trace->length) {
        trace->text[0] = '\0';
        trace->length = 0;
    }
    /* The host reads up to the first NUL, at any time: the NUL that ends the old text is replaced last. */
    end = trace->text + trace->length;
    __builtin_memcpy(end + 1, text + 1, length - 1);
    end[length] = '\0';
    __atomic_store_n(end, text[0], __ATOMIC_RELEASE);
    trace->length += length;
}
