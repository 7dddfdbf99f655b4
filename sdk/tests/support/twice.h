/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared memory as two processes see it: one memfd mapped at two addresses, so that a pointer that leaks into
 * it works for one side only. Include first: memfd_create needs _GNU_SOURCE.
 */
#ifndef ECUSDK_TESTS_TWICE_H
#define ECUSDK_TESTS_TWICE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

struct twice {
    size_t size;
    uint8_t *host;
    uint8_t *remote;
};

static inline struct twice twice_make(size_t size)
{
    struct twice memory = {.size = size};
    int fd = memfd_create("ecusdk-test", 0);

    CHECK(fd >= 0);
    CHECK(ftruncate(fd, (off_t)size) == 0);
    memory.host = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memory.remote = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(memory.host != MAP_FAILED && memory.remote != MAP_FAILED && memory.host != memory.remote);
    CHECK(close(fd) == 0);
    return memory;
}

/* One mapping for both sides: ThreadSanitizer compares addresses and would see no race between two
 * mappings. */
static inline struct twice twice_make_same(size_t size)
{
    struct twice memory = twice_make(size);

    CHECK(munmap(memory.remote, size) == 0);
    memory.remote = memory.host;
    return memory;
}

static inline void twice_free(struct twice *memory)
{
    if (memory->remote != memory->host)
        CHECK(munmap(memory->remote, memory->size) == 0);
    CHECK(munmap(memory->host, memory->size) == 0);
}

#endif
