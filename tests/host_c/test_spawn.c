/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting processes from the service thread: errors reach the caller, nothing is inherited or left. */
#define _GNU_SOURCE
#include "rp_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);         \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

static int sockets[2];
static int out[2];

static void open_ends(void)
{
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    CHECK(pipe2(out, O_CLOEXEC) == 0);
}

static void close_ends(void)
{
    for (int i = 0; i < 2; i++) {
        close(sockets[i]);
        close(out[i]);
    }
}

static int spawn_shell(struct rp_spawn *spawn, char *script)
{
    static char *envp[] = {"PATH=/usr/bin:/bin", NULL};
    static char shell[] = "/bin/sh";
    static char flag[] = "-c";
    char *argv[] = {shell, flag, script, NULL};
    spawn->path = shell;
    spawn->argv = argv;
    spawn->envp = envp;
    spawn->control = sockets[1];
    spawn->out = out[1];
    spawn->err = out[1];
    spawn->max_descriptors = 64;
    return rp_spawn(spawn);
}

static int wait_for(const struct rp_spawn *spawn)
{
    int status = -1;
    struct pollfd ended = {.fd = spawn->pidfd, .events = POLLIN};
    CHECK(poll(&ended, 1, 10000) == 1);
    CHECK(waitpid(spawn->pid, &status, 0) == spawn->pid);
    close(spawn->pidfd);
    return status;
}

static void test_exit_code_reaches_the_host(void)
{
    char script[] = "exit 7";
    struct rp_spawn spawn = {0};
    open_ends();
    CHECK(spawn_shell(&spawn, script) == 0);
    int status = wait_for(&spawn);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    close_ends();
}

static void test_exec_failure_is_an_errno_and_leaves_no_process(void)
{
    static char *argv[] = {NULL};
    struct rp_spawn spawn = {.path = "/nonexistent", .argv = argv, .envp = argv, .max_descriptors = 64};
    open_ends();
    spawn.control = sockets[1];
    spawn.out = spawn.err = out[1];
    CHECK(rp_spawn(&spawn) == -ENOENT);
    CHECK(spawn.stage == RP_SPAWN_EXEC);
    CHECK(spawn.pidfd == -1);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    close_ends();
}

static void test_signals_are_reset_and_none_is_blocked(void)
{
    char script[] = "grep -E '^Sig(Blk|Ign)' /proc/self/status >&2; kill -PIPE $$; exit 0";
    char text[256] = "";
    struct rp_spawn spawn = {0};
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    const unsigned long ignore[8] = {(unsigned long)SIG_IGN};
    CHECK(syscall(SYS_rt_sigaction, 32, ignore, NULL, sizeof(unsigned long)) == 0); /* one of the C library's own */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    open_ends();
    CHECK(spawn_shell(&spawn, script) == 0);
    int status = wait_for(&spawn);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    /* grep may write its lines one by one. */
    for (size_t length = 0; strstr(text, "SigIgn:\t") == NULL || text[length - 1] != '\n';) {
        ssize_t got = read(out[0], text + length, sizeof text - 1 - length);
        CHECK(got > 0);
        length += (size_t)got;
    }
    fputs(text, stderr);
    CHECK(strstr(text, "SigBlk:\t0000000000000000") != NULL);
    CHECK(strstr(text, "SigIgn:\t0000000000000000") != NULL);
    close_ends();
}

static void test_only_the_control_socket_is_inherited(void)
{
    char script[] = "for fd in 0 1 2 3 4 5 6 7 8 9 20 30; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true";
    char text[256] = "";
    struct rp_spawn spawn = {0};
    open_ends();
    int inheritable = fcntl(out[0], F_DUPFD, 20);
    CHECK(spawn_shell(&spawn, script) == 0);
    CHECK(wait_for(&spawn) == 0);
    CHECK(read(out[0], text, sizeof text - 1) > 0);
    CHECK(strcmp(text, "0\n1\n2\n3\n") == 0);
    close(inheritable);
    close_ends();
}

int main(void)
{
    test_exit_code_reaches_the_host();
    test_exec_failure_is_an_errno_and_leaves_no_process();
    test_signals_are_reset_and_none_is_blocked();
    test_only_the_control_socket_is_inherited();
    return 0;
}
