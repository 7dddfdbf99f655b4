/* SPDX-License-Identifier: Apache-2.0
 *
 * The floors: what a round trip between two processes costs with nothing around it. Host and peer call the two halves of a
 * floor with the same numbers, each in a process of its own:
 *
 *   flag   both sides spin on a word in shared memory
 *   bell   both sides sleep on an eventfd
 *   work   the peer spins on a word, works for a while and rings an eventfd, on which the host sleeps
 *
 * All calls return 0, or -ETIMEDOUT when the other side does not come within PATIENCE, or what a bell's descriptor answered
 * (-EINTR: a signal).
 *
 * Thread safety: any thread, one on each side of a pair.
 */
#ifndef RP_FLOOR_H
#define RP_FLOOR_H

#include "rp_histogram.h"

/* In memory that both sides share. A cache line for each word: in one line the two writers would wait for each other twice. */
struct rp_flags {
    _Alignas(64) uint64_t ping;
    _Alignas(64) uint64_t pong;
};

/* How a pair is joined. Turns are numbered from `first` on: the words count on from one run to the next. */
struct rp_floor {
    struct rp_flags *flags;
    int to_peer; /* eventfds */
    int to_host;
    uint64_t first;
    uint64_t num;
    uint64_t work_ns;
};

/* The host's half; the time of each turn goes to the histogram. */
int rp_floor_flag(const struct rp_floor *floor, struct rp_histogram *histogram);
int rp_floor_bell(const struct rp_floor *floor, struct rp_histogram *histogram);
int rp_floor_work(const struct rp_floor *floor, struct rp_histogram *histogram);

/* The peer's half. */
int rp_floor_flag_peer(const struct rp_floor *floor);
int rp_floor_bell_peer(const struct rp_floor *floor);
int rp_floor_work_peer(const struct rp_floor *floor);

#endif
