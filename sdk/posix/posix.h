/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of sdk/posix share with each other and with nobody else.
 */
#ifndef ECUSDK_POSIX_H
#define ECUSDK_POSIX_H

#include <ecusdk/env.h>

#define ECU_CTL_FDS_ROOM 16u /* descriptors that one packet may carry before the kernel drops the rest */

/* One received packet. Bytes that the packet does not have read as zero. */
struct ecu_ctl_packet {
    union {
        struct ecu_ctl_head head;
        struct ecu_ctl_hello hello;
        struct ecu_ctl_time time;
        uint8_t bytes[ECU_CTL_SIZE_MAX];
    } message;
    uint32_t size;
    uint32_t num_fds;
    bool fds_dropped;
    int fds[ECU_CTL_FDS_ROOM];
};

/* Never sleeps: 1 a packet (its descriptors are the caller's), 0 none, -ENOTCONN the host is gone, -EPROTO
 * the packet lies about its size (already disposed of). */
int ecu_ctl_receive(int control, struct ecu_ctl_packet *packet);
void ecu_ctl_close_fds(struct ecu_ctl_packet *packet);

/* `message` begins with a head, which is filled in here. */
int ecu_ctl_send(int control, void *message, uint32_t type, uint32_t size);

/* Why HELLO is refused. */
struct ecu_refusal {
    int error; /* positive errno; 0: not refused */
    char text[256];
};

/* Checks of HELLO; each fills in *why and returns false when the host is wrong. */
bool ecu_hello_check(const struct ecu_ctl_packet *packet, struct ecu_refusal *why);
bool ecu_hello_check_memory(const struct ecu_ctl_hello *hello, uint64_t memory_size, uint64_t page_size,
                            struct ecu_refusal *why);
bool ecu_refuse(struct ecu_refusal *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fill in env->ops, and the vdevs of the loaded table. */
void ecu_env_init_ops(struct ecu_env *env);
bool ecu_env_find_vdevs(struct ecu_env *env, struct ecu_refusal *why);

/* ops.wait. */
int ecu_env_host_wait(void *context, uint64_t deadline_ns);

uint64_t ecu_monotonic_ns(void);

#endif
