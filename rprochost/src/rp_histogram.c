/* SPDX-License-Identifier: Apache-2.0 */
#include "rp_histogram.h"

/* One group for the values of up to 8 bits, and one for each further length. */
_Static_assert(RP_HISTOGRAM_BUCKETS == (64 - RP_HISTOGRAM_STEPS_LOG2 + 1) << RP_HISTOGRAM_STEPS_LOG2,
               "one bucket for each value of 64 bits");

uint64_t rp_histogram_highest(uint32_t bucket)
{
    uint32_t group = bucket >> RP_HISTOGRAM_STEPS_LOG2;
    uint32_t shift = group > 1 ? group - 1 : 0;
    return (((uint64_t)bucket - ((uint64_t)shift << RP_HISTOGRAM_STEPS_LOG2) + 1) << shift) - 1;
}

void rp_histogram_record_all(struct rp_histogram *h, const uint64_t *ns, size_t num)
{
    for (size_t i = 0; i < num; i++)
        rp_histogram_record(h, ns[i]);
}

void rp_histogram_record_turns(struct rp_histogram *h, const uint64_t *stamps_ns, size_t num)
{
    for (size_t i = 1; i < num; i++)
        rp_histogram_record(h, stamps_ns[i] - stamps_ns[i - 1]);
}

void rp_histogram_merge(struct rp_histogram *into, const struct rp_histogram *from)
{
    if (from->num == 0)
        return;
    if (into->num == 0 || from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    into->num += from->num;
    into->total_ns += from->total_ns;
    for (uint32_t i = 0; i < RP_HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
}

uint64_t rp_histogram_percentile(const struct rp_histogram *h, double percent)
{
    double wanted = (double)h->num * percent / 100.0;
    uint64_t rank = wanted < 1.0 ? 1 : (uint64_t)wanted;
    uint64_t seen = 0;
    if ((double)rank < wanted)
        rank++;
    for (uint32_t i = 0; i < RP_HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank) {
            uint64_t highest = rp_histogram_highest(i);
            if (highest < h->min_ns)
                return h->min_ns;
            return highest < h->max_ns ? highest : h->max_ns;
        }
    }
    return h->max_ns;
}
