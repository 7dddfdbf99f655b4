/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole test framework: one macro that is never compiled out, and seeds. A test that hands bytes to a
 * fuzz target's interpreter calls seed_save with the same bytes, so a corpus made with ECU_SEED_DIR cannot
 * drift away from the tests.
 */
#ifndef ECUSDK_TESTS_CHECK_H
#define ECUSDK_TESTS_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

static inline void seed_save(const char *target, const char *name, const uint8_t *bytes, size_t size)
{
    const char *dir = getenv("ECU_SEED_DIR");
    char path[512];
    FILE *file;

    if (dir == NULL)
        return;
    CHECK((size_t)snprintf(path, sizeof path, "%s/%s-%s", dir, target, name) < sizeof path);
    file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

#endif
