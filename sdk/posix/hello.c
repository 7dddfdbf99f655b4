/* SPDX-License-Identifier: Apache-2.0
 *
 * What a HELLO must satisfy before anything in it is used. docs/hand-over.md, "Checks of HELLO".
 */
#include "posix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIXED_SIZE ((uint32_t)offsetof(struct ecu_ctl_hello, regions))

_Static_assert(FIXED_SIZE == 112 && sizeof(struct ecu_ctl_region) == 32,
               "docs/hand-over.md gives these offsets");
_Static_assert(sizeof(struct ecu_ctl_hello) <= ECU_CTL_SIZE_MAX, "a HELLO must fit into a packet");

bool ecu_refuse(struct ecu_refusal *why, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    why->error = error;
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return false;
}

/* Magic and version are read first: another major version may look different from there on. */
static bool check_version(const struct ecu_ctl_packet *packet, struct ecu_refusal *why)
{
    const struct ecu_ctl_hello *hello = &packet->message.hello;

    if (hello->head.type != ECU_CTL_HELLO)
        return ecu_refuse(why, EPROTO, "the first message has type %" PRIu32 ", HELLO (%d) was expected",
                          hello->head.type, ECU_CTL_HELLO);
    if (packet->size < offsetof(struct ecu_ctl_hello, mode) || hello->magic != ECU_CTL_MAGIC)
        return ecu_refuse(why, EPROTO, "HELLO without the magic number 0x%08x", ECU_CTL_MAGIC);
    if (hello->major != ECU_CTL_MAJOR)
        return ecu_refuse(why, EPROTO, "the host speaks version %u.%u of the hand-over, this core %u.%u",
                          (unsigned)hello->major, (unsigned)hello->minor, ECU_CTL_MAJOR, ECU_CTL_MINOR);
    return true;
}

static bool check_fds(const struct ecu_ctl_packet *packet, struct ecu_refusal *why)
{
    bool newer = packet->message.hello.minor > ECU_CTL_MINOR; /* may send more than this version knows */

    if (packet->num_fds < ECU_CTL_FDS || (!newer && (packet->num_fds > ECU_CTL_FDS || packet->fds_dropped)))
        return ecu_refuse(why, EPROTO, "HELLO carries %" PRIu32 "%s descriptors, %u were expected",
                          packet->num_fds, packet->fds_dropped ? " or more" : "", ECU_CTL_FDS);
    return true;
}

bool ecu_hello_check(const struct ecu_ctl_packet *packet, struct ecu_refusal *why)
{
    const struct ecu_ctl_hello *hello = &packet->message.hello;

    if (!check_version(packet, why))
        return false;
    if (packet->size < FIXED_SIZE)
        return ecu_refuse(why, EPROTO, "HELLO of %" PRIu32 " bytes, at least %u were expected", packet->size,
                          FIXED_SIZE);
    if (hello->num_regions == 0 || hello->num_regions > ECU_CTL_REGIONS_MAX)
        return ecu_refuse(why, EINVAL, "HELLO has %" PRIu32 " regions, 1 to %u were expected",
                          hello->num_regions, ECU_CTL_REGIONS_MAX);
    if ((packet->size - FIXED_SIZE) / sizeof(struct ecu_ctl_region) < hello->num_regions)
        return ecu_refuse(why, EPROTO, "HELLO of %" PRIu32 " bytes is too short for %" PRIu32 " regions",
                          packet->size, hello->num_regions);
    if (hello->mode != ECU_CTL_REAL_TIME && hello->mode != ECU_CTL_VIRTUAL_TIME)
        return ecu_refuse(why, EINVAL, "HELLO has mode %" PRIu32 ", 0 or 1 was expected", hello->mode);
    if (!memchr(hello->name, '\0', sizeof hello->name))
        return ecu_refuse(why, EINVAL, "HELLO has a name without end");
    return check_fds(packet, why);
}

/* ---- memory ---- */

static bool inside(uint64_t start, uint64_t size, uint64_t whole)
{
    return start <= whole && size <= whole - start;
}

static bool disjoint(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b ? b - a >= a_size : a - b >= b_size;
}

/* The last page of a region is mapped whole, so two regions may not share one. */
static uint64_t whole_pages(uint64_t size, uint64_t page_size)
{
    return (size + page_size - 1) / page_size * page_size;
}

static bool check_region(const struct ecu_ctl_hello *hello, uint32_t index, uint64_t memory_size,
                         uint64_t page_size, struct ecu_refusal *why)
{
    const struct ecu_ctl_region *r = &hello->regions[index];

    if (r->fd != ECU_CTL_FD_MEMORY)
        return ecu_refuse(why, EINVAL,
                          "region %" PRIu32 " lies in descriptor %" PRIu32 ", which is no memory",
                          index, r->fd);
    if (r->da % page_size || r->offset % page_size)
        return ecu_refuse(why, EINVAL,
                          "region %" PRIu32 " is not page aligned: da 0x%" PRIx64 ", offset 0x%" PRIx64,
                          index, r->da, r->offset);
    if (r->size == 0 || !inside(r->offset, r->size, memory_size))
        return ecu_refuse(why, EINVAL,
                          "region %" PRIu32 " runs past the memory: offset 0x%" PRIx64 ", size 0x%" PRIx64
                          " of 0x%" PRIx64, index, r->offset, r->size, memory_size);
    if (r->size - 1 > UINT64_MAX - r->da)
        return ecu_refuse(why, EINVAL, "region %" PRIu32 " runs past the last device address", index);
    if (!disjoint(r->offset, whole_pages(r->size, page_size), hello->control_offset, page_size))
        return ecu_refuse(why, EINVAL, "region %" PRIu32 " overlaps the control page", index);
    return true;
}

static bool check_pair(const struct ecu_ctl_hello *hello, uint32_t before, uint32_t index, uint64_t page_size,
                       struct ecu_refusal *why)
{
    const struct ecu_ctl_region *a = &hello->regions[before];
    const struct ecu_ctl_region *b = &hello->regions[index];

    if (b->da <= a->da)
        return ecu_refuse(why, EINVAL, "regions %" PRIu32 " and %" PRIu32 " are not sorted by da", before,
                          index);
    if (!disjoint(a->da, a->size, b->da, b->size))
        return ecu_refuse(why, EINVAL, "regions %" PRIu32 " and %" PRIu32 " overlap", before, index);
    if (!disjoint(a->offset, whole_pages(a->size, page_size), b->offset, whole_pages(b->size, page_size)))
        return ecu_refuse(why, EINVAL, "regions %" PRIu32 " and %" PRIu32 " share memory", before, index);
    return true;
}

static bool check_table(const struct ecu_ctl_hello *hello, struct ecu_refusal *why)
{
    for (uint32_t i = 0; i < hello->num_regions; i++) {
        const struct ecu_ctl_region *r = &hello->regions[i];

        if (hello->table_da >= r->da && inside(hello->table_da - r->da, hello->table_size, r->size))
            return true;
    }
    return ecu_refuse(why, EINVAL,
                      "the resource table (da 0x%" PRIx64 ", %" PRIu32 " bytes) lies in no region",
                      hello->table_da, hello->table_size);
}

bool ecu_hello_check_memory(const struct ecu_ctl_hello *hello, uint64_t memory_size, uint64_t page_size,
                            struct ecu_refusal *why)
{
    if (hello->control_offset % page_size || !inside(hello->control_offset, page_size, memory_size))
        return ecu_refuse(why, EINVAL,
                          "the control page at 0x%" PRIx64 " is no page of the memory (0x%" PRIx64 " bytes)",
                          hello->control_offset, memory_size);
    for (uint32_t i = 0; i < hello->num_regions; i++) {
        if (!check_region(hello, i, memory_size, page_size, why))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (!check_pair(hello, j, i, page_size, why))
                return false;
    }
    return check_table(hello, why);
}
