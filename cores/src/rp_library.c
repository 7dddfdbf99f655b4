/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_library.h"

#include <ecusdk/env.h>

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TEXT_SIZE 512u
#define PATH_SIZE 64u

typedef const struct ecu_ops *(*get_ops_fn)(uint32_t host_abi);

struct rp_library {
    pthread_t thread;
    int copy;
    int control;
    int log_fd;
    int done;
    int tid;
    int result;
    enum rp_library_stage stage;
    uint32_t abi;
    char text[TEXT_SIZE];
};

static void keep_text(struct rp_library *library)
{
    const char *text = dlerror();
    snprintf(library->text, sizeof library->text, "%s", text != NULL ? text : "");
}

/* The table's size comes first, so that its version can be read whatever else it holds. */
static int check_ops(struct rp_library *library, const struct ecu_ops *ops)
{
    library->stage = RP_LIBRARY_REFUSED;
    if (ops == NULL)
        return -EPROTONOSUPPORT;
    library->stage = RP_LIBRARY_ABI;
    library->abi = ops->abi;
    if (ops->abi >> 16 != ECU_ABI_MAJOR || ops->size < sizeof *ops)
        return -EPROTONOSUPPORT;
    library->stage = RP_LIBRARY_RUN;
    return 0;
}

static int find_ops(struct rp_library *library, void *handle, const struct ecu_ops **ops)
{
    get_ops_fn get_ops = NULL;
    void *symbol = dlsym(handle, "ecu_get_ops");
    if (symbol == NULL) {
        library->stage = RP_LIBRARY_SYMBOL;
        keep_text(library);
        return -ENOENT;
    }
    memcpy(&get_ops, &symbol, sizeof get_ops); /* ISO C has no cast from an object to a function pointer */
    *ops = get_ops(ECU_ABI);
    return check_ops(library, *ops);
}

/* By process number and not by /proc/self, on which debuggers hang. */
static void *load(struct rp_library *library)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), library->copy);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        keep_text(library);
    return handle;
}

static int run(struct rp_library *library)
{
    const struct ecu_ops *ops = NULL;
    library->stage = RP_LIBRARY_OPEN;
    void *handle = load(library);
    if (handle == NULL)
        return -ENOEXEC;
    int result = find_ops(library, handle, &ops);
    if (result == 0) {
        result = ecu_run(library->control, ops, library->log_fd);
        library->control = -1;
    }
    dlclose(handle);
    return result;
}

static void *run_thread(void *argument)
{
    struct rp_library *library = argument;
    uint64_t one = 1;
    __atomic_store_n(&library->tid, (int)gettid(), __ATOMIC_RELEASE);
    library->result = run(library);
    if (library->control >= 0)
        close(library->control);
    close(library->log_fd);
    /* Only now: glibc returns the library it still has when another one is opened under the same name. */
    close(library->copy);
    ssize_t written = write(library->done, &one, sizeof one);
    (void)written; /* a counter of 0 takes 1 */
    return NULL;
}

/* Signals of the host are handled by the host's threads. */
static int start_thread(struct rp_library *library)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&library->thread, NULL, run_thread, library);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void release(struct rp_library *library, int copy, int control, int log_fd)
{
    close(copy);
    close(control);
    close(log_fd);
    if (library != NULL && library->done >= 0)
        close(library->done);
    free(library);
}

struct rp_library *rp_library_start(int copy, int control, int log_fd, int *error)
{
    struct rp_library *library = calloc(1, sizeof *library);
    *error = -ENOMEM;
    if (library == NULL) {
        release(NULL, copy, control, log_fd);
        return NULL;
    }
    library->copy = copy;
    library->control = control;
    library->log_fd = log_fd;
    library->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *error = library->done < 0 ? -errno : -start_thread(library);
    if (*error == 0)
        return library;
    release(library, copy, control, log_fd);
    return NULL;
}

int rp_library_done_fd(const struct rp_library *library)
{
    return library->done;
}

int rp_library_result(const struct rp_library *library, int *stage, uint32_t *abi, const char **text)
{
    *stage = (int)library->stage;
    *abi = library->abi;
    *text = library->text;
    return library->result;
}

int rp_library_join(struct rp_library *library)
{
    struct pollfd done = {.fd = library->done, .events = POLLIN};
    if (poll(&done, 1, 0) != 1)
        return -EBUSY;
    pthread_join(library->thread, NULL);
    close(library->done);
    free(library);
    return 0;
}

int rp_library_tid(const struct rp_library *library)
{
    return __atomic_load_n(&library->tid, __ATOMIC_ACQUIRE);
}

uint32_t rp_library_host_abi(void)
{
    return ECU_ABI;
}
