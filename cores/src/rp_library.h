/* SPDX-License-Identifier: Apache-2.0
 *
 * A library core: one thread that loads a private copy of an ECU library, runs it over the control socket
 * like any other core (ecu_run of ecusdk/env.h), and unloads it. Errors before the hand-over have no
 * message on the socket: it hangs up, and the stage and the text are here.
 *
 * Thread safety: the caller serialises, except rp_library_done_fd.
 */
#ifndef RP_LIBRARY_H
#define RP_LIBRARY_H

#include <stdint.h>

enum rp_library_stage {
    RP_LIBRARY_OPEN,    /* dlopen refused: text is dlerror's */
    RP_LIBRARY_SYMBOL,  /* no ecu_get_ops */
    RP_LIBRARY_REFUSED, /* ecu_get_ops returned NULL: the library does not serve this host's major version */
    RP_LIBRARY_ABI,     /* another major version, or a table too short: abi is what the library said */
    RP_LIBRARY_RUN      /* ecu_run ended; the result is its own */
};

struct rp_library;

/* Start the thread. copy: descriptor of the write-sealed memfd that holds the library; control: the core's
 * end of the socket; log_fd: where its log lines go. All three belong to the library from here on, also
 * when this fails (NULL, *error). */
struct rp_library *rp_library_start(int copy, int control, int log_fd, int *error);

/* An eventfd, readable once the thread has unloaded the library and touches nothing any more. */
int rp_library_done_fd(const struct rp_library *library);

/* Valid once done: 0 or a negative errno, where it happened, the library's ABI word, what the loader said
 * ("" for nothing). */
int rp_library_result(const struct rp_library *library, int *stage, uint32_t *abi, const char **text);

/* Join the finished thread and free everything. -EBUSY when it is not done: then nothing is freed, and
 * nothing ever will be unless it is joined later. */
int rp_library_join(struct rp_library *library);

int rp_library_tid(const struct rp_library *library); /* 0 until the thread runs */
uint32_t rp_library_host_abi(void);

#endif
