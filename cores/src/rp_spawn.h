/* SPDX-License-Identifier: Apache-2.0
 *
 * Start a process core: vfork and exec from the service thread, with nothing of the host's left in the
 * child.
 *
 * The service thread, because PR_SET_PDEATHSIG fires when the *thread* that started the child ends, and
 * that one lives as long as the host.
 *
 * Thread safety: any thread.
 */
#ifndef RP_SPAWN_H
#define RP_SPAWN_H

#include <stdint.h>

/* The control socket's number in the core; everything above it is closed. */
#define RP_SPAWN_CONTROL_FD 3

/* Where it failed. */
enum rp_spawn_stage {
    RP_SPAWN_CLONE,       /* no process, or no namespace, was made */
    RP_SPAWN_NAMESPACE,   /* user and group maps of the new user namespace */
    RP_SPAWN_MOUNT,       /* read-only file system, private /proc */
    RP_SPAWN_SESSION,     /* parent-death signal, session, no_new_privs */
    RP_SPAWN_LIMITS,
    RP_SPAWN_DESCRIPTORS,
    RP_SPAWN_CWD,
    RP_SPAWN_EXEC
};

struct rp_spawn {
    const char *path; /* absolute: cwd is entered before */
    char **argv;
    char **envp;
    const char *cwd; /* NULL: the host's */
    int control;     /* these three stay the caller's; the child gets copies */
    int out;
    int err;
    int strict; /* user, pid, mount, net and ipc namespaces */
    uint64_t max_descriptors;

    /* results */
    int pid;
    int pidfd; /* the caller's to close */
    int stage; /* enum rp_spawn_stage, when it failed */
};

/* 0, or the negative errno of the step in `stage`; then no process is left. */
int rp_spawn(struct rp_spawn *spawn);

#endif
