// SPDX-License-Identifier: Apache-2.0
// include: "rp_bus.h"

#define ECU_RULE_COUNT ...
const char *ecu_rule_name(unsigned rule);
const char *ecu_rule_text(unsigned rule);

struct rp_bus;
struct rp_endpoint;

#define RP_MTU_MAX ...

struct rp_bus_config {
    struct ecu_driver *rx;
    struct ecu_driver *tx;
    uint32_t rx_notify;
    uint32_t tx_notify;
    struct rp_bells *bells;
    struct rp_lifeline *lifeline;
    uint8_t *buffers;
    uint64_t buffers_da;
    uint32_t buffer_size;
    uint32_t num_rx;
    uint32_t num_tx;
    uint32_t inbox;
    uint64_t spin_ns;
};

struct rp_bus_stats {
    uint64_t rx_messages;
    uint64_t rx_bytes;
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint64_t no_recipient;
    uint64_t inbox_full;
    uint64_t kicks;
    uint64_t bells;
    uint64_t empty_bells;
    uint32_t violations[...];
    uint32_t broken;
    uint32_t held;
    uint32_t bad_used_len;
    uint32_t bad_len;
    uint32_t stray_src;
    uint32_t stray_dst;
    bool dead;
    ...;
};

struct rp_endpoint_stats {
    uint64_t rx_messages;
    uint64_t rx_bytes;
    uint64_t tx_messages;
    uint64_t tx_bytes;
    uint64_t dropped;
    uint32_t queued;
    ...;
};

struct rp_bus *rp_bus_new(const struct rp_bus_config *config);
int rp_bus_start(struct rp_bus *bus);
void rp_bus_stop(struct rp_bus *bus);
void rp_bus_free(struct rp_bus *bus);
void rp_bus_stats(struct rp_bus *bus, struct rp_bus_stats *out);
int rp_bus_notice_fd(const struct rp_bus *bus);
void rp_bus_violation(struct rp_bus *bus, uint32_t rule);

int rp_endpoint_open(struct rp_bus *bus, uint32_t address, uint32_t dst, struct rp_endpoint **out);
void rp_endpoint_close(struct rp_endpoint *ept);
void rp_endpoint_free(struct rp_endpoint *ept);
void rp_endpoint_hang_up(struct rp_endpoint *ept);
uint32_t rp_endpoint_address(const struct rp_endpoint *ept);
void rp_endpoint_stats(struct rp_endpoint *ept, struct rp_endpoint_stats *out);
int rp_endpoint_fd(struct rp_endpoint *ept);

struct rp_record {
    uint32_t src;
    uint32_t len;
};

struct rp_slot {
    struct rp_endpoint *ept;
    uint8_t *records;
    uint32_t stride;
    uint32_t max;
    uint32_t count;
    bool may_sleep;
    bool borrow;
    uint64_t deadline_ns;
    const uint8_t *borrowed;
    uint32_t borrowed_buffer;
    ...;
};
int rp_recv(struct rp_slot *slot);
void rp_release(struct rp_bus *bus, uint32_t buffer);

int rp_send(struct rp_endpoint *ept, uint32_t dst, const void *data, uint32_t len, uint64_t deadline_ns);
int rp_send_many(struct rp_endpoint *ept, uint32_t dst, const uint8_t *data, const uint32_t *lens, uint32_t num,
                 uint64_t deadline_ns);

struct rp_loan {
    uint8_t *data;
    uint32_t size;
    uint32_t buffer;
};
int rp_borrow(struct rp_endpoint *ept, uint64_t deadline_ns, struct rp_loan *out);
int rp_submit(struct rp_endpoint *ept, uint32_t dst, uint32_t buffer, uint32_t len);
void rp_cancel(struct rp_bus *bus, uint32_t buffer);
