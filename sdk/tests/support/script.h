/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that drive an interpreter: a fuzzer's input on one side, what a test writes down on the other.
 */
#ifndef ECUSDK_TESTS_SCRIPT_H
#define ECUSDK_TESTS_SCRIPT_H

#include "check.h"

#include <stdbool.h>

struct reader {
    const uint8_t *at;
    size_t left;
};

/* Little endian; zeros after the end. */
static inline uint32_t read_bytes(struct reader *reader, unsigned num)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < num && reader->left > 0; i++) {
        value |= (uint32_t)*reader->at++ << (8 * i);
        reader->left--;
    }
    return value;
}

struct script {
    uint8_t bytes[1024];
    size_t size;
};

static inline void put(struct script *script, unsigned num, uint32_t value)
{
    CHECK(script->size + num <= sizeof script->bytes);
    for (unsigned i = 0; i < num; i++)
        script->bytes[script->size++] = (uint8_t)(value >> (8 * i));
}

#endif
