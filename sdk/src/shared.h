/* SPDX-License-Identifier: Apache-2.0
 *
 * Access to words that another CPU may change at any moment. Each helper is exactly one access: what was
 * loaded is a private copy that can be checked and then used, and no compiler may fetch it a second time.
 */
#ifndef ECUSDK_SRC_SHARED_H
#define ECUSDK_SRC_SHARED_H

#include <ecusdk/vring.h>

/* For the one caller among several that every message comes through. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline uint16_t shared_load16(const uint16_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint16_t shared_load16_acquire(const uint16_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint32_t shared_load32(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void shared_store16(uint16_t *word, uint16_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void shared_store16_release(uint16_t *word, uint16_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void shared_store32(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/* Store, fence, load: the only order that acquire and release cannot give. On x86 any locked instruction is such
 * a fence and costs half of the mfence that some compilers choose; below the red zone it waits for no other
 * store. */
static inline void shared_full_fence(void)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__ volatile("lock; orl $0, -192(%%rsp)" ::: "memory", "cc");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#if UINTPTR_MAX > 0xFFFFFFFFu
typedef uint64_t __attribute__((may_alias)) shared_word;

static inline uint64_t shared_load64(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void shared_store64(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
#else
/* Two halves: a 32-bit core has no 64-bit access that works on every kind of memory (LDREXD needs an
 * exclusive monitor) and the compiler would call a library. A torn value is as good as any other wrong
 * value: it is checked. */
typedef uint32_t __attribute__((may_alias)) shared_word;

static inline uint64_t shared_load64(const uint64_t *word)
{
    const shared_word *half = (const shared_word *)word;
    union {
        uint32_t half[2];
        uint64_t whole;
    } copy;

    copy.half[0] = __atomic_load_n(&half[0], __ATOMIC_RELAXED);
    copy.half[1] = __atomic_load_n(&half[1], __ATOMIC_RELAXED);
    return copy.whole;
}

static inline void shared_store64(uint64_t *word, uint64_t value)
{
    shared_word *half = (shared_word *)word;
    union {
        uint64_t whole;
        uint32_t half[2];
    } copy = {.whole = value};

    __atomic_store_n(&half[0], copy.half[0], __ATOMIC_RELAXED);
    __atomic_store_n(&half[1], copy.half[1], __ATOMIC_RELAXED);
}
#endif

/* Words that may lie at any address: resource tables are packed, and a descriptor's address is the peer's
 * choice. Volatile, so that each byte is read once. */
struct shared_any32 {
    volatile uint32_t value;
} __attribute__((packed, may_alias));

struct shared_any16 {
    volatile uint16_t value;
} __attribute__((packed, may_alias));

static inline uint32_t shared_any_load32(const void *at)
{
    return ((const struct shared_any32 *)at)->value;
}

static inline uint16_t shared_any_load16(const void *at)
{
    return ((const struct shared_any16 *)at)->value;
}

static inline uint8_t shared_any_load8(const void *at)
{
    return *(const volatile uint8_t *)at;
}

/* The owner of a word writes only what differs: a line that stays as it is stays in the cache of whoever reads it.
 * A peer that scribbles there while we compare harms itself alone, as it would after the store. */
static inline void shared_update16(uint16_t *word, uint16_t value)
{
    if (shared_load16(word) != value)
        shared_store16(word, value);
}

static inline void shared_update32(uint32_t *word, uint32_t value)
{
    if (shared_load32(word) != value)
        shared_store32(word, value);
}

static inline struct ecu_desc shared_load_desc(const struct ecu_desc *desc)
{
    return (struct ecu_desc){
        .da = shared_load64(&desc->da),
        .len = shared_load32(&desc->len),
        .flags = shared_load16(&desc->flags),
        .next = shared_load16(&desc->next),
    };
}

/* By whole machine words. */
static inline void shared_update_desc(struct ecu_desc *desc, struct ecu_desc value)
{
    shared_word *words = (shared_word *)(void *)desc;
    union {
        struct ecu_desc desc;
        shared_word words[sizeof(struct ecu_desc) / sizeof(shared_word)];
    } wanted = {.desc = value};

    for (size_t i = 0; i < sizeof wanted.words / sizeof wanted.words[0]; i++)
        if (__atomic_load_n(&words[i], __ATOMIC_RELAXED) != wanted.words[i])
            __atomic_store_n(&words[i], wanted.words[i], __ATOMIC_RELAXED);
}

#endif
