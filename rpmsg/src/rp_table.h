/* SPDX-License-Identifier: Apache-2.0
 *
 * From an address to its endpoint: an array for the dynamic range, so that a message costs the same whether one endpoint or
 * thousands are open, and for all other addresses a hash that grows with them.
 *
 * Thread safety: none; the caller serialises.
 */
#ifndef RP_TABLE_H
#define RP_TABLE_H

#include <ecusdk/rpmsg.h>

#include <stdbool.h>
#include <stdint.h>

struct rp_endpoint;

struct rp_table {
    struct rp_endpoint **dynamic; /* address - 1024 -> endpoint */
    uint32_t num_dynamic;
    uint32_t lowest_free; /* no index below is free */
    struct rp_endpoint **fixed; /* buckets; chained through the endpoints */
    uint32_t num_buckets; /* a power of two, or 0 */
    uint32_t num_fixed;
};

void rp_table_free(struct rp_table *table);

/* The endpoint's address says where; ANY: it gets the lowest free one from 1024 on. 0, -EADDRINUSE, -EINVAL, -ENOMEM. */
int rp_table_insert(struct rp_table *table, struct rp_endpoint *ept);
void rp_table_remove(struct rp_table *table, struct rp_endpoint *ept);
void rp_table_each(struct rp_table *table, void (*fn)(struct rp_endpoint *ept));

struct rp_endpoint *rp_table_find_fixed(const struct rp_table *table, uint32_t address);

static inline struct rp_endpoint *rp_table_find(const struct rp_table *table, uint32_t address)
{
    uint32_t index = address - ECU_RPMSG_ADDR_DYNAMIC;
    return index < table->num_dynamic ? table->dynamic[index] : rp_table_find_fixed(table, address);
}

#endif
