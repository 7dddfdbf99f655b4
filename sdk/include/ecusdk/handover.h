/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host and a core that runs as a Linux process (or thread) say to each other: the control socket and
 * the control page. docs/hand-over.md is the specification; this header is its only layout in code.
 *
 * The control socket is an AF_UNIX SOCK_SEQPACKET whose number stands in the environment variable ECUSDK_FD.
 * One message is one packet, little endian, and begins with struct ecu_ctl_head; `size` counts the whole
 * packet, so a minor version can append fields. Unknown types are ignored; another major version is refused.
 */
#ifndef ECUSDK_HANDOVER_H
#define ECUSDK_HANDOVER_H

#include <stdint.h>

#define ECU_CTL_MAGIC 0x48554345u /* "ECUH" */
#define ECU_CTL_MAJOR 1u
#define ECU_CTL_MINOR 0u
#define ECU_CTL_SIZE_MAX 8192u /* a longer packet is a violation */
#define ECU_CTL_TEXT_MAX 1024u
#define ECU_CTL_NAME_SIZE 64u
#define ECU_CTL_REGIONS_MAX 64u
#define ECU_CTL_NOTIFY_MAX 64u /* notify ids 0..63: one bit each in the control page */
#define ECU_CTL_FDS 3u         /* sent with HELLO, in this order: */
#define ECU_CTL_FD_MEMORY 0u   /*   sealed memfd */
#define ECU_CTL_FD_BELL_IN 1u  /*   read end of a pipe: host rings core */
#define ECU_CTL_FD_BELL_OUT 2u /*   eventfd: core rings host */

enum ecu_ctl_type {
    ECU_CTL_HELLO = 1,      /* host -> core */
    ECU_CTL_READY = 2,      /* core -> host: boot() returned */
    ECU_CTL_ERROR = 3,      /* core -> host: errno and text; the core ends */
    ECU_CTL_STEP = 4,       /* host -> core: call tick with this time (virtual time) */
    ECU_CTL_STEPPED = 5,    /* core -> host: when it wants to be called next */
    ECU_CTL_RESET = 6,      /* host -> core: rings are about to be zeroed */
    ECU_CTL_RESET_DONE = 7, /* core -> host */
    ECU_CTL_DETACH = 8,     /* host -> core: host goes, core stays */
    ECU_CTL_STOP = 9,       /* host -> core */
    ECU_CTL_STOPPED = 10,   /* core -> host: stop() returned; the core ends */
    ECU_CTL_HEARTBEAT = 11, /* core -> host */
    ECU_CTL_FAULT = 12      /* core -> host: signal, address, registers */
};

enum ecu_ctl_mode { ECU_CTL_REAL_TIME = 0, ECU_CTL_VIRTUAL_TIME = 1 };

struct ecu_ctl_head {
    uint32_t size;
    uint32_t type;
};

/* A piece of the shared memory: [da, da + size) lies at `offset` of descriptor `fd`. Sorted by da, disjoint,
 * page aligned. */
struct ecu_ctl_region {
    uint64_t da;
    uint64_t size;
    uint64_t offset;
    uint32_t fd;
    uint32_t reserved;
};

struct ecu_ctl_hello {
    struct ecu_ctl_head head;
    uint32_t magic;
    uint16_t major;
    uint16_t minor;
    uint32_t mode;
    uint32_t num_regions;
    uint64_t control_offset; /* of the control page, in the memory descriptor; it has no device address */
    uint64_t table_da;       /* loaded resource table */
    uint32_t table_size;
    uint32_t reserved;
    char name[ECU_CTL_NAME_SIZE];
    struct ecu_ctl_region regions[ECU_CTL_REGIONS_MAX];
};

struct ecu_ctl_text { /* ERROR */
    struct ecu_ctl_head head;
    int32_t error; /* errno, positive */
    uint32_t length;
    char text[ECU_CTL_TEXT_MAX];
};

struct ecu_ctl_time { /* STEP, STEPPED */
    struct ecu_ctl_head head;
    uint64_t now_ns;
    uint64_t next_ns;
};

struct ecu_ctl_fault { /* FAULT */
    struct ecu_ctl_head head;
    int32_t signal;
    uint32_t num_registers;
    uint64_t fault_va;
    uint64_t registers[64];
};

/* The control page: which notify ids were rung. A hint: spurious bits are harmless, a bell without a bit
 * means "look everywhere". Each word has a cache line of its own. */
struct ecu_control_page {
    uint64_t to_core; /* host sets, core takes */
    uint64_t pad0[7];
    uint64_t to_host; /* core sets, host takes */
    uint64_t pad1[7];
};

#endif
