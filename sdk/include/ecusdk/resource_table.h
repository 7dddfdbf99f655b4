/* SPDX-License-Identifier: Apache-2.0
 *
 * The resource table of an ECU: what its firmware wants from the host (Linux: include/linux/remoteproc.h).
 * Little endian, no padding, one table per image, in section .resource_table.
 *
 * A library or executable with a trace buffer and one rpmsg device needs one line:
 *
 *     ECU_TABLE_DEFAULT;             rings of 256 buffers
 *     ECU_TABLE_STANDARD(16, 16);    or: num and align of the rings
 *     ECU_TABLE_STANDARD_WITH(16, 16, ECU_DFEATURES_EVENT_IDX);    or: feature bits besides the name service
 *
 * Any other table is a struct of a header, the offsets and the entries, filled in with the macros below:
 *
 *     struct door_table {
 *         struct ecu_table_header header;
 *         uint32_t offset[3];
 *         struct ecu_carveout_entry image;
 *         struct ecu_carveout_entry maps;
 *         struct ecu_rpmsg_entry rpmsg;
 *     };
 *     ECU_RESOURCE_TABLE(struct door_table) = {
 *         .header = ECU_TABLE_HEADER(3),
 *         .offset = {offsetof(struct door_table, image), offsetof(struct door_table, maps),
 *                    offsetof(struct door_table, rpmsg)},
 *         .image = ECU_CARVEOUT_IMAGE,
 *         .maps = ECU_CARVEOUT(ECU_DA_ANY, 0x10000, "maps"),
 *         .rpmsg = ECU_VDEV_RPMSG(256, 4096),
 *     };
 *
 * The host works on the loaded copy of the table: code uses the table that boot() hands to it and this symbol
 * only in struct ecu_ops.
 */
#ifndef ECUSDK_RESOURCE_TABLE_H
#define ECUSDK_RESOURCE_TABLE_H

#include <ecusdk/ecu.h>

#include <stdbool.h>

#define ECU_DA_ANY 0xFFFFFFFFu /* the host chooses */

#define ECU_ENTRY_CARVEOUT 0u
#define ECU_ENTRY_DEVMEM 1u
#define ECU_ENTRY_TRACE 2u
#define ECU_ENTRY_VDEV 3u

#define ECU_STATUS_DRIVER_OK 4u /* bit of a vdev's status: vring addresses and gfeatures are valid */

struct ecu_table_header { /* followed by uint32_t offset[num], from the start of the table */
    uint32_t ver;
    uint32_t num;
    uint32_t reserved[2];
};

struct ecu_carveout_entry { /* devmem has the same layout; there pa is what is mapped */
    uint32_t type;
    uint32_t da;
    uint32_t pa; /* host */
    uint32_t len;
    uint32_t flags;
    uint32_t reserved;
    char name[32];
};

struct ecu_trace_entry {
    uint32_t type;
    uint32_t da;
    uint32_t len;
    uint32_t reserved;
    char name[32];
};

struct ecu_vdev_entry { /* followed by the vrings and config_len bytes of config space */
    uint32_t type;
    uint32_t id;
    uint32_t notifyid;
    uint32_t dfeatures;
    uint32_t gfeatures; /* host */
    uint32_t config_len;
    uint8_t status; /* host */
    uint8_t num_of_vrings;
    uint8_t reserved[2];
};

struct ecu_vring_entry {
    uint32_t da; /* host, before DRIVER_OK */
    uint32_t align;
    uint32_t num;
    uint32_t notifyid; /* host, before the core starts */
    uint32_t pa;
};

struct ecu_rpmsg_entry {
    struct ecu_vdev_entry vdev;
    struct ecu_vring_entry vring[2];
};

_Static_assert(sizeof(struct ecu_table_header) == 16, "header");
_Static_assert(sizeof(struct ecu_carveout_entry) == 56, "carveout");
_Static_assert(sizeof(struct ecu_trace_entry) == 48, "trace");
_Static_assert(sizeof(struct ecu_vdev_entry) == 28, "vdev");
_Static_assert(sizeof(struct ecu_vring_entry) == 20, "vring");
_Static_assert(sizeof(struct ecu_rpmsg_entry) == 68, "rpmsg vdev");
_Static_assert(offsetof(struct ecu_carveout_entry, name) == 24, "carveout");
_Static_assert(offsetof(struct ecu_trace_entry, name) == 16, "trace");
_Static_assert(offsetof(struct ecu_vdev_entry, status) == 24, "vdev");
_Static_assert(offsetof(struct ecu_vring_entry, notifyid) == 12, "vring");

/* ---- entries ---- */

#define ECU_TABLE_HEADER(num_entries) {1u, (num_entries), {0u, 0u}}

/* A fixed da must be a multiple of the page size. name: at most 31 characters, different for each
 * carve-out. */
#define ECU_CARVEOUT(da_, size_, name_) {ECU_ENTRY_CARVEOUT, (da_), 0u, (size_), 0u, 0u, name_}

#define ECU_TRACE(da_, size_, name_) {ECU_ENTRY_TRACE, (da_), (size_), 0u, name_}

/* Feature bit 29: bells are suppressed by index instead of by flag, which spares bells and cache misses where both
 * sides are awake. Only on request: the host of OpenAMP acknowledges it and then does not do it. */
#define ECU_DFEATURES_EVENT_IDX 0x20000000u

/* rpmsg with the name service. num buffers per direction, a power of two; align: of the used ring, a power of
 * two. The vdev's own notifyid is not used; 31 keeps OpenAMP hosts from confusing it with a vring's. */
#define ECU_VDEV_RPMSG_WITH(num_, align_, dfeatures_)                                                        \
    {{ECU_ENTRY_VDEV, 7u, 31u, 1u | (dfeatures_), 0u, 0u, 0u, 2u, {0u, 0u}},                                 \
     {{ECU_DA_ANY, (align_), (num_), 0u, 0u}, {ECU_DA_ANY, (align_), (num_), 1u, 0u}}}

#define ECU_VDEV_RPMSG(num_, align_) ECU_VDEV_RPMSG_WITH(num_, align_, 0u)

/* A library or executable is linked at 0 and its segments are loaded there, though another copy runs: this
 * carve-out takes them, and so the loaded table. First entry of such a table. */
#define ECU_IMAGE_SIZE 0x100000u
#define ECU_CARVEOUT_IMAGE ECU_CARVEOUT(0u, ECU_IMAGE_SIZE, "image")

/* The trace buffer of a library or executable lies in a carve-out of its own behind the image. Not ANY: the
 * host writes the address it chose into the carve-out's entry, never into the trace entry that has to name
 * the same place. Not an array of the program: the host would read the copy that does not run. */
#define ECU_TRACE_DA ECU_IMAGE_SIZE
#define ECU_TRACE_SIZE 0x10000u
#define ECU_CARVEOUT_TRACE ECU_CARVEOUT(ECU_TRACE_DA, ECU_TRACE_SIZE, "trace")
#define ECU_TRACE_STANDARD ECU_TRACE(ECU_TRACE_DA, ECU_TRACE_SIZE, "trace0")

/* ---- tables ---- */

/* retain keeps the section under --gc-sections; it is known since gcc 11 and clang 13, and bare-metal linker
 * scripts of older tool chains say KEEP(*(.resource_table)). Not const: the host's write to the table must
 * fall into a writable segment. */
#if defined(__has_attribute)
#if __has_attribute(retain) && (defined(__linux__) || defined(__clang__))
#define ECU_RETAIN __attribute__((retain))
#endif
#endif
#ifndef ECU_RETAIN
#define ECU_RETAIN
#endif

/* Defines the one table of an image, the symbol ecu_resource_table: a second one is a link error. */
#define ECU_RESOURCE_TABLE(type_)                                                                            \
    extern __attribute__((visibility("hidden"))) type_ ecu_resource_table;                                   \
    __attribute__((section(".resource_table"), used, aligned(8))) ECU_RETAIN type_ ecu_resource_table

struct ecu_standard_table {
    struct ecu_table_header header;
    uint32_t offset[4];
    struct ecu_carveout_entry image;
    struct ecu_carveout_entry trace_memory;
    struct ecu_trace_entry trace;
    struct ecu_rpmsg_entry rpmsg;
};

_Static_assert(offsetof(struct ecu_standard_table, image) == 32, "standard table");
_Static_assert(offsetof(struct ecu_standard_table, rpmsg) == 32 + 56 + 56 + 48, "standard table");
_Static_assert(sizeof(struct ecu_standard_table) == 260, "standard table");

#define ECU_TABLE_STANDARD_WITH(num_, align_, dfeatures_)                                                    \
    ECU_RESOURCE_TABLE(struct ecu_standard_table) = {                                                        \
        .header = ECU_TABLE_HEADER(4u),                                                                      \
        .offset = {offsetof(struct ecu_standard_table, image),                                               \
                   offsetof(struct ecu_standard_table, trace_memory),                                        \
                   offsetof(struct ecu_standard_table, trace), offsetof(struct ecu_standard_table, rpmsg)},  \
        .image = ECU_CARVEOUT_IMAGE,                                                                         \
        .trace_memory = ECU_CARVEOUT_TRACE,                                                                  \
        .trace = ECU_TRACE_STANDARD,                                                                         \
        .rpmsg = ECU_VDEV_RPMSG_WITH(num_, align_, dfeatures_),                                              \
    }

#define ECU_TABLE_STANDARD(num_, align_) ECU_TABLE_STANDARD_WITH(num_, align_, 0u)
#define ECU_TABLE_DEFAULT ECU_TABLE_STANDARD(256u, 4096u)

/* Bare metal, 32 bit: the firmware runs where it was loaded, so the trace buffer is an array of its own. */
struct ecu_firmware_table {
    struct ecu_table_header header;
    uint32_t offset[2];
    struct ecu_trace_entry trace;
    struct ecu_rpmsg_entry rpmsg;
};

_Static_assert(sizeof(struct ecu_firmware_table) == 140, "firmware table");

#define ECU_TABLE_FIRMWARE(num_, align_, trace_array_)                                                       \
    ECU_RESOURCE_TABLE(struct ecu_firmware_table) = {                                                        \
        .header = ECU_TABLE_HEADER(2u),                                                                      \
        .offset = {offsetof(struct ecu_firmware_table, trace), offsetof(struct ecu_firmware_table, rpmsg)},  \
        .trace = ECU_TRACE((uint32_t)(trace_array_), sizeof(trace_array_), "trace0"),                        \
        .rpmsg = ECU_VDEV_RPMSG(num_, align_),                                                               \
    }

/* ---- reading the loaded table ---- */

struct ecu_entry {
    uint32_t type;
    size_t offset; /* from the start of the table */
    size_t size;   /* from there to the end of the table: the most that the entry can have */
};

/* False when the table has no valid header. *num: how many entries it claims and has offsets for. */
bool ecu_table_open(const void *table, size_t table_size, uint32_t *num);

/* Entry `index` of an opened table; false when its offset lies outside the table. The words may be unaligned:
 * copy them. */
bool ecu_table_entry(const void *table, size_t table_size, uint32_t index, struct ecu_entry *entry);

/* ---- trace buffer ---- */

struct ecu_trace {
    char *text; /* NULL: no trace buffer, and every call does nothing */
    size_t size;
    size_t length;
};

/* In boot: use the first trace entry of the loaded table. False when there is none that can be used. */
bool ecu_trace_open(struct ecu_trace *trace, const struct ecu_host_ops *host, const void *table,
                    size_t table_size);

/* Append text; it becomes visible to the host as a whole. A full buffer begins again at its start, so that
 * the host reads the newest text; what does not fit into an empty buffer is cut. */
void ecu_trace_puts(struct ecu_trace *trace, const char *text);

#endif
