/* SPDX-License-Identifier: Apache-2.0
 *
 * main() of an ECU that is an executable. A member of the archive of its own: an ECU with another main()
 * leaves it out.
 */
#define _GNU_SOURCE
#include <ecusdk/env.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED_BY_A_HOST = 2 };

/* The control socket, or -1. */
static int control_socket(void)
{
    const char *text = getenv("ECUSDK_FD");
    char *end = NULL;
    int type = 0;
    socklen_t size = sizeof type;
    long fd;

    if (!text)
        return -1;
    errno = 0;
    fd = strtol(text, &end, 10);
    if (errno || end == text || *end || fd < 0 || fd > 0xFFFFF)
        return -1;
    if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
        return -1;
    return (int)fd;
}

static int explain(const char *program)
{
    fprintf(stderr,
            "%s: this is a remote core (an ECU built with the ecusdk).\n"
            "It does nothing by itself: a host boots it, gives it shared memory and talks to it over rpmsg.\n"
            "\n"
            "    rproc run %s%s           boot it in the foreground, show its log and its channels\n"
            "    rproc table show %s%s    show its resource table\n",
            program, *program == '/' || *program == '.' ? "" : "./", program,
            *program == '/' || *program == '.' ? "" : "./", program);
    if (getenv("ECUSDK_FD"))
        fprintf(stderr,
                "\nThe environment variable ECUSDK_FD does not name a control socket (SOCK_SEQPACKET).\n");
    return EXIT_NOT_STARTED_BY_A_HOST;
}

int main(int argc, char **argv)
{
    int control = control_socket();

    if (control < 0)
        return explain(argc > 0 && *argv[0] ? argv[0] : "ecu");
    /* Programs that the ECU starts must not hold the socket, or the host would not see this core end. */
    fcntl(control, F_SETFD, FD_CLOEXEC);
    unsetenv("ECUSDK_FD");
    return ecu_run(control, ecu_get_ops(ECU_ABI), STDERR_FILENO) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
