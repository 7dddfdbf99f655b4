/* SPDX-License-Identifier: Apache-2.0
 *
 * The surroundings of a core that runs under Linux, made from the HELLO of its host: shared memory, bells,
 * control socket. ecu_run() is the whole life of an ordinary core and what the SDK's main() calls; a core
 * with a loop of its own (Python, an RTOS on host threads) uses ecu_env_open, ecu_env_wait and ecu_env_close
 * instead.
 *
 * Thread safety: one thread owns an env; ops.kick, ops.log, ops.now_ns and ops.da_to_va may be called from
 * any.
 */
#ifndef ECUSDK_ENV_H
#define ECUSDK_ENV_H

#include <ecusdk/ecu.h>
#include <ecusdk/handover.h>

#include <stdbool.h>

#define ECU_ENV_VDEVS_MAX 8u

struct ecu_region {
    uint64_t da;
    uint64_t size;
    void *va;
};

/* What ecu_env_wait saw; or-ed together. */
enum ecu_event {
    ECU_EVENT_BELL = 1,     /* notify ids in *notify_ids (bit n = id n) */
    ECU_EVENT_LINK = 2,     /* a vdev came up or went down: compare vdev_up; handled before notify */
    ECU_EVENT_STEP = 4,     /* virtual time: *now_ns */
    ECU_EVENT_RESET = 8,
    ECU_EVENT_DETACH = 16,
    ECU_EVENT_STOP = 32,    /* the host asks to stop */
    ECU_EVENT_HANGUP = 64   /* the host is gone */
};

struct ecu_events {
    uint32_t seen; /* or of enum ecu_event; 0: the deadline passed or a signal came */
    uint32_t link_changed; /* bit n: vdev n changed */
    uint64_t notify_ids;
    uint64_t now_ns; /* of STEP */
};

struct ecu_env {
    struct ecu_host_ops ops; /* hand this to ecu_ops.create; context is this env */
    int control;             /* control socket */
    int bell_in;
    int bell_out;
    int log_fd;              /* lines "<level>text\n"; standard error by default */
    struct ecu_control_page *page;
    uint32_t num_regions;
    struct ecu_region regions[ECU_CTL_REGIONS_MAX];
    void *table;
    uint32_t table_size;
    uint32_t mode;
    char name[ECU_CTL_NAME_SIZE];
    uint32_t num_vdevs;
    uint8_t *vdev_status[ECU_ENV_VDEVS_MAX]; /* status bytes in the loaded table */
    bool vdev_up[ECU_ENV_VDEVS_MAX];
    bool stopping; /* STOP or hang-up seen */

    /* Private to the functions below. */
    uint64_t vdev_notify_ids[ECU_ENV_VDEVS_MAX]; /* bit n: notify id n belongs to a vring of this vdev */
    uint64_t virtual_now_ns;                     /* of the last STEP */
    struct ecu_events pending;                   /* seen by ops.wait, not yet told by ecu_env_wait */
    int failure;                                 /* negative errno: the host broke the hand-over */
};

/* Receive HELLO on `control` and map what it describes. Takes over `control` on success. Negative errno; the
 * reason has been sent to the host as ERROR where it could be. */
int ecu_env_open(struct ecu_env *env, int control);

/* Unmap, close everything. */
void ecu_env_close(struct ecu_env *env);

int ecu_env_ready(struct ecu_env *env);                              /* send READY */
int ecu_env_error(struct ecu_env *env, int error, const char *text); /* send ERROR */
int ecu_env_send(struct ecu_env *env, uint32_t type);                /* send a head alone, such as STOPPED */
int ecu_env_stepped(struct ecu_env *env, uint64_t now_ns, uint64_t next_ns);

/* Sleep until something happens or the deadline (CLOCK_MONOTONIC ns, UINT64_MAX for none) passes. Drains the
 * bell, takes the notify ids, reads at most one control message. In virtual time the bell is looked at when a
 * STEP comes, never between. 0 or negative errno. */
int ecu_env_wait(struct ecu_env *env, uint64_t deadline_ns, struct ecu_events *events);

/* HELLO, create, boot, READY, loop, stop, STOPPED, destroy. Takes over `control` in every case. ops may be
 * NULL (the ECU refused the ABI): that is reported to the host as any other reason not to start. Returns 0
 * after STOP, -ENOTCONN after a hang-up, else the negative errno the core ended with. */
int ecu_run(int control, const struct ecu_ops *ops, int log_fd);

#endif
