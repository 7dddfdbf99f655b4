/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_bells.h"

#include <ecusdk/handover.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

int rp_bells_open(struct rp_bells *bells, void *control_page)
{
    struct ecu_control_page *page = control_page;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* O_NONBLOCK on our end only: the two ends of a pipe have separate flags. */
    if (event < 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        if (event >= 0)
            close(event);
        return -error;
    }
    *bells = (struct rp_bells){
        .pipe_read = ends[0],
        .pipe_write = ends[1],
        .event = event,
        .to_core = &page->to_core,
        .to_host = &page->to_host,
    };
    return 0;
}

void rp_bells_close(struct rp_bells *bells)
{
    close(bells->pipe_read);
    close(bells->pipe_write);
    close(bells->event);
    bells->pipe_read = bells->pipe_write = bells->event = -1;
}

void rp_kick(struct rp_bells *bells, uint32_t notify_id)
{
    if (notify_id < 64) {
        uint64_t bit = UINT64_C(1) << notify_id;
        /* The bit still set: the core has not answered the last bell for this id and will look after it did. */
        if (__atomic_fetch_or(bells->to_core, bit, __ATOMIC_SEQ_CST) & bit)
            return;
    }
    __atomic_fetch_add(&bells->kicks, 1, __ATOMIC_RELAXED);
    /* Full means rung already, and nothing else can go wrong that a kick could mend. */
    ssize_t ignored = write(bells->pipe_write, "", 1);
    (void)ignored;
}

uint64_t rp_bells_take(struct rp_bells *bells)
{
    return __atomic_exchange_n(bells->to_host, 0, __ATOMIC_SEQ_CST);
}
