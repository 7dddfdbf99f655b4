// SPDX-License-Identifier: Apache-2.0
// include: "rp_histogram.h"
// include: "rp_floor.h"
// include: "rp_loop.h"
// include: "rp_facts.h"

#define RP_HISTOGRAM_BUCKETS ...

struct rp_histogram {
    uint64_t num;
    uint64_t total_ns;
    uint64_t min_ns;
    uint64_t max_ns;
    uint64_t counts[...];
};
uint64_t rp_histogram_highest(uint32_t bucket);
void rp_histogram_record(struct rp_histogram *h, uint64_t ns);
void rp_histogram_record_all(struct rp_histogram *h, const uint64_t *ns, size_t num);
void rp_histogram_record_turns(struct rp_histogram *h, const uint64_t *stamps_ns, size_t num);
void rp_histogram_merge(struct rp_histogram *into, const struct rp_histogram *from);
uint64_t rp_histogram_percentile(const struct rp_histogram *h, double percent);

struct rp_flags {
    uint64_t ping;
    uint64_t pong;
    ...;
};
struct rp_floor {
    struct rp_flags *flags;
    int to_peer;
    int to_host;
    uint64_t first;
    uint64_t num;
    uint64_t work_ns;
};
int rp_floor_flag(const struct rp_floor *floor, struct rp_histogram *histogram);
int rp_floor_bell(const struct rp_floor *floor, struct rp_histogram *histogram);
int rp_floor_work(const struct rp_floor *floor, struct rp_histogram *histogram);
int rp_floor_flag_peer(const struct rp_floor *floor);
int rp_floor_bell_peer(const struct rp_floor *floor);
int rp_floor_work_peer(const struct rp_floor *floor);

struct rp_loop {
    struct rp_endpoint *ept;
    uint32_t dst;
    uint32_t mtu;
    const uint8_t *data;
    uint32_t len;
    uint32_t batch;
    uint64_t num;
    uint64_t deadline_ns;
    struct rp_histogram *histogram;
    uint64_t sent;
    uint64_t received;
    uint64_t calls;
    ...;
};
int rp_loop_echo(struct rp_loop *loop);
int rp_loop_receive(struct rp_loop *loop);
int rp_loop_send(struct rp_loop *loop);

int rp_die_with_parent(int pid);
const char *rp_compiler(void);
uint64_t rp_clock_cost_ns(void);
uint64_t rp_nothing(void);
