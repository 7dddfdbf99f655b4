/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram of times with a bounded relative error and a fixed size, whatever the number of samples: recording one costs a
 * few instructions, so that a loop can time every turn of its own.
 *
 * Thread safety: none; the caller serialises.
 */
#ifndef RP_HISTOGRAM_H
#define RP_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Buckets per power of two: a percentile is at most 1/256 above the sample it stands for. */
#define RP_HISTOGRAM_STEPS_LOG2 8u
#define RP_HISTOGRAM_BUCKETS 14592u

struct rp_histogram {
    uint64_t num;
    uint64_t total_ns;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t counts[RP_HISTOGRAM_BUCKETS];
};

/* A value's bucket comes from its length in bits and its first bits. */
static inline uint32_t rp_histogram_bucket(uint64_t ns)
{
    uint32_t bits = 64u - (uint32_t)__builtin_clzll(ns | 1);
    uint32_t shift = bits > RP_HISTOGRAM_STEPS_LOG2 + 1 ? bits - 1 - RP_HISTOGRAM_STEPS_LOG2 : 0;
    return (shift << RP_HISTOGRAM_STEPS_LOG2) + (uint32_t)(ns >> shift);
}

static inline void rp_histogram_record(struct rp_histogram *h, uint64_t ns)
{
    h->counts[rp_histogram_bucket(ns)]++;
    if (h->num++ == 0 || ns < h->min_ns)
        h->min_ns = ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
    h->total_ns += ns;
}

/* The largest value that falls into a bucket. */
uint64_t rp_histogram_highest(uint32_t bucket);

void rp_histogram_record_all(struct rp_histogram *h, const uint64_t *ns, size_t num);

/* Times between neighbours of `num` readings of a clock: num - 1 samples. */
void rp_histogram_record_turns(struct rp_histogram *h, const uint64_t *stamps_ns, size_t num);

void rp_histogram_merge(struct rp_histogram *into, const struct rp_histogram *from);

/* The time that `percent` of the samples do not exceed (nearest rank); 0 when there are none. */
uint64_t rp_histogram_percentile(const struct rp_histogram *h, double percent);

#endif
