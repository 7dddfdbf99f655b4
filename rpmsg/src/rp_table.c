/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_table.h"

#include "bus_private.h"

#include <errno.h>
#include <stdlib.h>

#define DYNAMIC_MAX 65536u /* dynamic addresses per bus; fixed ones may lie anywhere */
#define FIRST_SIZE 16u

void rp_table_free(struct rp_table *table)
{
    free(table->dynamic);
    free(table->fixed);
}

/* ---- fixed addresses ---- */

/* Knuth's multiplicative hash: services like to lie at multiples of a power of two. */
static struct rp_endpoint **bucket(const struct rp_table *table, uint32_t address)
{
    return &table->fixed[(address * 2654435769u >> 16) & (table->num_buckets - 1)];
}

struct rp_endpoint *rp_table_find_fixed(const struct rp_table *table, uint32_t address)
{
    struct rp_endpoint *ept = table->num_buckets ? *bucket(table, address) : NULL;
    while (ept && ept->address != address)
        ept = ept->next;
    return ept;
}

static void put_fixed(struct rp_table *table, struct rp_endpoint *ept)
{
    struct rp_endpoint **link = bucket(table, ept->address);
    ept->next = *link;
    *link = ept;
}

static void take_fixed(struct rp_table *table, struct rp_endpoint *ept)
{
    struct rp_endpoint **link = bucket(table, ept->address);
    while (*link != ept)
        link = &(*link)->next;
    *link = ept->next;
    table->num_fixed--;
}

/* Never more endpoints than buckets: chains stay short however many there are. */
static bool grow_fixed(struct rp_table *table)
{
    struct rp_table old = *table;
    uint32_t num = old.num_buckets ? 2 * old.num_buckets : FIRST_SIZE;
    if (old.num_fixed < old.num_buckets)
        return true;
    table->fixed = calloc(num, sizeof(struct rp_endpoint *));
    if (!table->fixed) {
        table->fixed = old.fixed;
        return false;
    }
    table->num_buckets = num;
    for (uint32_t i = 0; i < old.num_buckets; i++)
        for (struct rp_endpoint *ept = old.fixed[i], *next; ept; ept = next) {
            next = ept->next;
            put_fixed(table, ept);
        }
    free(old.fixed);
    return true;
}

/* ---- the dynamic range ---- */

static bool grow_dynamic(struct rp_table *table)
{
    uint32_t num = table->num_dynamic ? 2 * table->num_dynamic : FIRST_SIZE;
    if (num > DYNAMIC_MAX)
        return false;
    struct rp_endpoint **dynamic = realloc(table->dynamic, num * sizeof *dynamic);
    if (!dynamic)
        return false;
    for (uint32_t i = table->num_dynamic; i < num; i++) {
        /* An address of the new range may have been opened as a fixed one. */
        dynamic[i] = rp_table_find_fixed(table, ECU_RPMSG_ADDR_DYNAMIC + i);
        if (dynamic[i])
            take_fixed(table, dynamic[i]);
    }
    table->dynamic = dynamic;
    table->num_dynamic = num;
    return true;
}

static int insert_anywhere(struct rp_table *table, struct rp_endpoint *ept)
{
    uint32_t i = table->lowest_free;
    for (;; i++) {
        if (i == table->num_dynamic && !grow_dynamic(table))
            return -ENOMEM;
        if (!table->dynamic[i])
            break;
    }
    ept->address = ECU_RPMSG_ADDR_DYNAMIC + i;
    table->dynamic[i] = ept;
    table->lowest_free = i + 1;
    return 0;
}

static int insert_fixed(struct rp_table *table, struct rp_endpoint *ept)
{
    if (ept->address >= 0x80000000u) /* Linux's id allocator refuses these */
        return -EINVAL;
    if (rp_table_find(table, ept->address))
        return -EADDRINUSE;
    uint32_t index = ept->address - ECU_RPMSG_ADDR_DYNAMIC;
    if (index < table->num_dynamic) {
        table->dynamic[index] = ept;
        return 0;
    }
    if (!grow_fixed(table))
        return -ENOMEM;
    put_fixed(table, ept);
    table->num_fixed++;
    return 0;
}

int rp_table_insert(struct rp_table *table, struct rp_endpoint *ept)
{
    return ept->address == ECU_RPMSG_ADDR_ANY ? insert_anywhere(table, ept) : insert_fixed(table, ept);
}

void rp_table_remove(struct rp_table *table, struct rp_endpoint *ept)
{
    uint32_t index = ept->address - ECU_RPMSG_ADDR_DYNAMIC;
    if (index >= table->num_dynamic) {
        take_fixed(table, ept);
        return;
    }
    table->dynamic[index] = NULL;
    if (index < table->lowest_free)
        table->lowest_free = index;
}

void rp_table_each(struct rp_table *table, void (*fn)(struct rp_endpoint *ept))
{
    for (uint32_t i = 0; i < table->num_dynamic; i++)
        if (table->dynamic[i])
            fn(table->dynamic[i]);
    for (uint32_t i = 0; i < table->num_buckets; i++)
        for (struct rp_endpoint *ept = table->fixed[i]; ept; ept = ept->next)
            fn(ept);
}
