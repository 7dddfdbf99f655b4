// SPDX-License-Identifier: Apache-2.0
// include: <ecusdk/ring.h>

#define ECU_VRING_NUM_MAX ...

struct ecu_vring {
    uint32_t num;
    ...;
};
bool ecu_vring_shape_ok(uint32_t num, uint32_t align);
size_t ecu_vring_size(uint32_t num, uint32_t align);
int ecu_vring_map(struct ecu_vring *vr, void *base, size_t size, uint32_t num, uint32_t align);

const char *ecu_rule_name(unsigned rule);
const char *ecu_rule_text(unsigned rule);

struct ecu_buffer {
    uint64_t da;
    uint32_t len;
    bool device_writes;
};

struct ecu_driver_slot {
    uint16_t parts;
    ...;
};

struct ecu_driver {
    uint16_t num_free;
    uint8_t broken;
    ...;
};

struct ecu_reaped {
    uint16_t id;
    uint32_t len;
    uint32_t offered;
};

int ecu_driver_init(struct ecu_driver *d, const struct ecu_vring *ring, struct ecu_driver_slot *slots);
int ecu_driver_offer(struct ecu_driver *d, const struct ecu_buffer *parts, unsigned num_parts);
void ecu_driver_publish(struct ecu_driver *d);
bool ecu_driver_needs_kick(struct ecu_driver *d);
int ecu_driver_reap(struct ecu_driver *d, struct ecu_reaped *out);
void ecu_driver_use_event_idx(struct ecu_driver *d);
uint16_t ecu_driver_num_outstanding(const struct ecu_driver *d);
bool ecu_driver_pending(const struct ecu_driver *d);
void ecu_driver_quiet(struct ecu_driver *d);
bool ecu_driver_listen(struct ecu_driver *d);

struct ecu_device {
    uint8_t broken;
    ...;
};

struct ecu_chain {
    uint16_t id;
    uint16_t num_parts;
};

int ecu_device_init(struct ecu_device *d, const struct ecu_vring *ring);
void ecu_device_use_event_idx(struct ecu_device *d);
int ecu_device_take(struct ecu_device *d, struct ecu_chain *out, struct ecu_buffer *parts, unsigned max_parts);
void ecu_device_give(struct ecu_device *d, uint16_t id, uint32_t written);
void ecu_device_publish(struct ecu_device *d);
bool ecu_device_needs_kick(struct ecu_device *d);
bool ecu_device_pending(const struct ecu_device *d);
void ecu_device_quiet(struct ecu_device *d);
bool ecu_device_listen(struct ecu_device *d);
