/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "rp_spawn.h"

#include "rp_service.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)65536)
#define ID_MAP_SIZE 64u

/* What the child needs beside the request, all of it made before the clone: between clone and exec it
 * shares the host's memory while other threads run, so that it may only make system calls. */
struct child {
    struct rp_spawn *spawn;
    int error; /* positive errno, written by the child into the memory it shares */
    char uid_map[ID_MAP_SIZE];
    char gid_map[ID_MAP_SIZE];
};

static int fail(struct child *child, enum rp_spawn_stage stage)
{
    child->error = errno;
    child->spawn->stage = (int)stage;
    return -1;
}

static void format_id_map(char *text, unsigned id)
{
    char digits[16];
    size_t num = 0;
    do {
        digits[num++] = (char)('0' + id % 10);
        id /= 10;
    } while (id != 0);
    size_t at = 0;
    for (int copy = 0; copy < 2; copy++) {
        for (size_t i = num; i > 0; i--)
            text[at++] = digits[i - 1];
        text[at++] = ' ';
    }
    text[at++] = '1';
    text[at] = '\0';
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* The core keeps its user and group number inside, without any right outside. */
static int map_ids(struct child *child)
{
    if (write_file("/proc/self/setgroups", "deny") != 0 ||
        write_file("/proc/self/uid_map", child->uid_map) != 0 ||
        write_file("/proc/self/gid_map", child->gid_map) != 0)
        return fail(child, RP_SPAWN_NAMESPACE);
    return 0;
}

/* A core that runs as the host's user would own the host's files: every mount becomes read-only. The host's
 * /proc is replaced, by an empty folder where the system does not let a namespace mount its own. */
static int private_mounts(struct child *child)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return fail(child, RP_SPAWN_MOUNT);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0 &&
        mount("none", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k") != 0)
        return fail(child, RP_SPAWN_MOUNT);
    if (syscall(SYS_mount_setattr, -1, "/", AT_RECURSIVE, &attr, sizeof attr) != 0)
        return fail(child, RP_SPAWN_MOUNT);
    return 0;
}

static void reset_signals(void)
{
    /* The kernel's own structure, all zero: default action, no flags, empty mask. Not sigaction(), which refuses the signals
     * that the C library keeps for itself, and those may be ignored too. KILL and STOP refuse. */
    const unsigned long action[8] = {0};
    const size_t set_size = _NSIG / 8;
    for (int number = 1; number < _NSIG; number++)
        (void)syscall(SYS_rt_sigaction, number, action, NULL, set_size);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The host may have ended before the parent-death signal was set: its end of the control socket is closed
 * then. */
static bool host_is_gone(int control)
{
    char byte;
    return recv(control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int own_session(struct child *child)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        setsid() < 0)
        return fail(child, RP_SPAWN_SESSION);
    if (host_is_gone(child->spawn->control)) {
        errno = ESRCH;
        return fail(child, RP_SPAWN_SESSION);
    }
    return 0;
}

static int limit(int resource, rlim_t value)
{
    struct rlimit limits;
    if (getrlimit((__rlimit_resource_t)resource, &limits) != 0)
        return -1;
    if (limits.rlim_max < value)
        value = limits.rlim_max;
    limits.rlim_cur = value;
    limits.rlim_max = value;
    return setrlimit((__rlimit_resource_t)resource, &limits);
}

/* Standard input is /dev/null, output and error are the log's pipes, 3 is the control socket, nothing else
 * is open. */
static int own_descriptors(struct child *child)
{
    const struct rp_spawn *spawn = child->spawn;
    int source[4] = {open("/dev/null", O_RDONLY | O_CLOEXEC), spawn->out, spawn->err, spawn->control};
    for (int i = 0; i < 4; i++) { /* out of the way first: any of them may be a number below 4 itself */
        source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, RP_SPAWN_CONTROL_FD + 1);
        if (source[i] < 0)
            return fail(child, RP_SPAWN_DESCRIPTORS);
    }
    for (int i = 0; i < 4; i++)
        if (dup2(source[i], i) < 0)
            return fail(child, RP_SPAWN_DESCRIPTORS);
    if (syscall(SYS_close_range, RP_SPAWN_CONTROL_FD + 1, ~0u, 0) != 0)
        return fail(child, RP_SPAWN_DESCRIPTORS);
    return 0;
}

static int become_core(struct child *child)
{
    const struct rp_spawn *spawn = child->spawn;
    if (spawn->strict && (map_ids(child) != 0 || private_mounts(child) != 0))
        return -1;
    if (own_session(child) != 0)
        return -1;
    if (limit(RLIMIT_CORE, 0) != 0)
        return fail(child, RP_SPAWN_LIMITS);
    if (own_descriptors(child) != 0)
        return -1;
    if (limit(RLIMIT_NOFILE, spawn->max_descriptors) != 0)
        return fail(child, RP_SPAWN_LIMITS);
    if (spawn->cwd != NULL && chdir(spawn->cwd) != 0)
        return fail(child, RP_SPAWN_CWD);
    reset_signals();
    /* By path, so that debuggers, $ORIGIN and /proc/PID/exe show the file. */
    execve(spawn->path, spawn->argv, spawn->envp);
    return fail(child, RP_SPAWN_EXEC);
}

static int run_child(void *argument)
{
    (void)become_core(argument);
    _exit(127); /* nobody sees this number: the errno is in the shared memory */
}

static int clone_child(struct child *child)
{
    struct rp_spawn *spawn = child->spawn;
    int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, kind, -1, 0);
    if (stack == MAP_FAILED)
        return fail(child, RP_SPAWN_CLONE);
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
    if (spawn->strict)
        flags |= CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;
    /* A handler of the host must not run in the child, where it would work on the host's memory. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    spawn->pid = clone(run_child, (char *)stack + STACK_SIZE, flags, child, &spawn->pidfd);
    if (spawn->pid < 0)
        (void)fail(child, RP_SPAWN_CLONE);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    munmap(stack, STACK_SIZE);
    return spawn->pid;
}

static int spawn_here(void *argument)
{
    struct child child = {.spawn = argument};
    struct rp_spawn *spawn = child.spawn;
    spawn->pidfd = -1;
    format_id_map(child.uid_map, geteuid());
    format_id_map(child.gid_map, getegid());
    if (clone_child(&child) > 0 && child.error != 0) {
        while (waitpid(spawn->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        close(spawn->pidfd);
        spawn->pidfd = -1;
    }
    return -child.error;
}

int rp_spawn(struct rp_spawn *spawn)
{
    return rp_service_call(spawn_here, spawn);
}
