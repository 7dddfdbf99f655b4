/* SPDX-License-Identifier: Apache-2.0
 *
 * memcpy and memset: the two functions a freestanding compiler expects from its surroundings anyway. Declared
 * by hand there, because such a tool chain may come without <string.h>.
 */
#ifndef ECUSDK_SRC_MEMORY_H
#define ECUSDK_SRC_MEMORY_H

#if __STDC_HOSTED__
#include <string.h>
#else
#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
#endif

#endif
