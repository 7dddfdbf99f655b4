/* SPDX-License-Identifier: Apache-2.0
 *
 * memcpy and memset: the two functions a freestanding compiler expects from its surroundings anyway. Declared
 * by hand there, because such a tool chain may come without <string.h>.
 */
#ifndef ECUSDK_SRC_MEMORY_H
#define ECUSDK_SRC_MEMORY_H

#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#else
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
#endif

/* As memcpy. Most messages are short, and then the call would cost more than the copy: from 8 to 32 bytes two pieces
 * that overlap in the middle are copied, and both are loaded before either is stored. */
static inline void memory_copy(void *to, const void *from, size_t size)
{
    struct {
        uint64_t words[2];
    } first, last;

    if (size - sizeof first <= sizeof first) {
        memcpy(&first, from, sizeof first);
        memcpy(&last, (const uint8_t *)from + size - sizeof last, sizeof last);
        memcpy(to, &first, sizeof first);
        memcpy((uint8_t *)to + size - sizeof last, &last, sizeof last);
    } else if (size - sizeof first.words[0] < sizeof first.words[0]) {
        memcpy(&first.words[0], from, sizeof first.words[0]);
        memcpy(&last.words[0], (const uint8_t *)from + size - sizeof last.words[0], sizeof last.words[0]);
        memcpy(to, &first.words[0], sizeof first.words[0]);
        memcpy((uint8_t *)to + size - sizeof last.words[0], &last.words[0], sizeof last.words[0]);
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

#endif
