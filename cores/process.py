# SPDX-License-Identifier: Apache-2.0
"""Cores that are processes: the default, since whatever such a core does ends that core alone."""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cores._native import ffi, lib
from cores.errors import CoreDiedError, CoreError, CoreFirmwareError, CoreStateError, IsolationError
from cores.exits import status_exit
from cores.firmware import check_machine, is_executable, read_firmware
from cores.handover import Conversation
from cores.loglines import LineReader
from cores.sessions import kill_session, tracer_of
from cores.supervisor import OnExit, Supervisor
from resource_tables import ElfImage
from rproc.core import BootInfo, Containment, Exit
from virtio.log import INFO, WARNING

#: Descriptors that a core may have open.
MAX_DESCRIPTORS = 256
ISOLATIONS = ("normal", "strict")
#: All that a strictly isolated core gets of the host's environment.
_STRICT_ENVIRONMENT = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TZ")

PROCESS_CONTAINMENT: Final = Containment(
    segfault=True, exit_call=True, kill=True, hang_in_boot=True, hang_in_notify=True, memory=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to start as a core. ``env`` is added to the host's environment. Thread safety: immutable."""

    path: Path
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    isolation: str = "normal"

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the core."""
        inherited = dict(os.environ)
        if self.isolation == "strict":
            inherited = {name: inherited[name] for name in _STRICT_ENVIRONMENT if name in inherited}
        return {**inherited, **self.env, "ECUSDK_FD": str(lib.RP_SPAWN_CONTROL_FD)}


class ProcessBody:
    """A process with its session, from ``start`` to ``reap``.

    Thread safety: none; the caller serialises.
    """

    def __init__(self) -> None:
        # The C half writes pid and pidfd in here: an exception right behind its call loses neither.
        self._spawn: Any = ffi.new("struct rp_spawn *", {"pidfd": -1})

    @property
    def pid(self) -> int:
        """The process number."""
        return int(self._spawn.pid)

    def fileno(self) -> int:
        """Return the pidfd; -1 before the start and once reaped."""
        return int(self._spawn.pidfd)

    def start(self, command: Command, control: int, out: int, err: int) -> None:
        """Start a process with these descriptors; raises CoreError naming the step that failed."""
        environment = [f"{name}={value}" for name, value in command.environment().items()]
        keep: list[Any] = []
        request = self._spawn
        request.path = _string(os.fsencode(command.path), keep)
        request.argv = _strings(command.argv, keep)
        request.envp = _strings(environment, keep)
        request.cwd = ffi.NULL if command.cwd is None else _string(os.fsencode(command.cwd), keep)
        request.control, request.out, request.err = control, out, err
        request.strict = command.isolation == "strict"
        request.max_descriptors = MAX_DESCRIPTORS
        result = lib.rp_spawn(request)
        if result < 0:
            raise _spawn_error(-result, request.stage, command)

    def kill(self) -> bool:
        """SIGKILL; True, since nothing withstands it."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.fileno(), signal.SIGKILL)
        return True

    def reap(self) -> Exit:
        """End the rest of its session, take its status, close the pidfd."""
        # First, as the numbers of group and session stay its own only until it is reaped.
        kill_session(self.pid)
        try:
            status = os.waitid(os.P_PIDFD, self.fileno(), os.WEXITED)
        except ChildProcessError:
            status = None
        pidfd, self._spawn.pidfd = self.fileno(), -1
        os.close(pidfd)
        return status_exit(status)

    def end(self) -> None:
        """Kill and reap what still runs. May be called again."""
        if self.fileno() >= 0:
            self.kill()
            self.reap()

    def abandon(self) -> None:
        """Leave a process that the kernel does not let go."""

    def is_traced(self) -> bool:
        """Whether a debugger is attached."""
        return tracer_of(self.pid) != 0

    def failure(self, end: Exit) -> CoreError:
        """Return the error for a process that ended before READY."""
        return CoreDiedError(end, hint="its last words are in the core's log")


def launch(command: Command, boot: BootInfo, undo: ExitStack) -> tuple[Supervisor, int]:
    """Start a process that was not greeted yet; its supervisor and number.

    All that is made is undone by ``undo``, also when an exception comes right behind the start: until the
    caller has taken the core over, that is its owner. Raises CoreError, OSError.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    talk = Conversation(ours)
    undo.callback(talk.close)
    with theirs, ExitStack() as child_ends:
        readers, ends = [], []
        for stream, level in (("stdout", INFO), ("stderr", WARNING)):
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            child_ends.callback(os.close, write_end)
            reader = LineReader(read_end, boot.log, boot.name, stream=stream, level=level)
            undo.callback(reader.close)
            readers.append(reader)
            ends.append(write_end)
        # Before there is anything to abort, so that there is no moment without an owner.
        body = ProcessBody()
        supervisor = Supervisor(boot, body, talk, readers)
        undo.callback(supervisor.abort)
        body.start(command, theirs.fileno(), ends[0], ends[1])
    return supervisor, body.pid


def _string(text: bytes, keep: list[Any]) -> Any:
    if b"\0" in text:
        raise CoreError(
            errno.EINVAL,
            f"{text!r} cannot be handed to a process: it contains a NUL",
            hint="take the NUL out of args, env or cwd",
            rule="core-nul",
        )
    keep.append(ffi.new("char[]", text))
    return keep[-1]


def _strings(texts: Sequence[str], keep: list[Any]) -> Any:
    pointers = [_string(os.fsencode(text), keep) for text in texts]
    keep.append(ffi.new("char *[]", [*pointers, ffi.NULL]))
    return keep[-1]


def _spawn_error(number: int, stage: int, command: Command) -> CoreError:
    why = os.strerror(number)
    if stage == lib.RP_SPAWN_EXEC:
        hint = _EXEC_HINTS.get(number, "run the file by hand to see more")
        return CoreFirmwareError(
            number, f"cannot be executed: {why}", hint=hint, rule="fw-exec", file=command.path
        )
    if stage == lib.RP_SPAWN_CWD:
        return CoreError(
            number,
            f"cwd {command.cwd} cannot be entered: {why}",
            hint="make the folder and let this user enter it, or name another cwd",
            rule="core-cwd",
        )
    if command.isolation == "strict" and stage in _ISOLATION_STEPS:
        return IsolationError(
            number,
            f'isolation = "strict" needs {_ISOLATION_STEPS[stage]}, which this system refuses: {why}',
            hint='allow unprivileged user namespaces, or use isolation = "normal"',
            rule="isolation-system",
        )
    return CoreError(
        number,
        f"process cannot be started: {why}",
        hint="look at the limits of processes, open files and memory: ulimit -a",
        rule="core-process",
    )


_ISOLATION_STEPS = {
    lib.RP_SPAWN_CLONE: "user, pid, mount, net and ipc namespaces",
    lib.RP_SPAWN_NAMESPACE: "a user map",
    lib.RP_SPAWN_MOUNT: "private, read-only mounts",
}
_EXEC_HINTS = {
    errno.EACCES: "make the file executable (chmod +x) on a file system that is not mounted noexec",
    errno.ENOENT: "the file or the dynamic linker that it names is missing: build it on this system",
    errno.ENOEXEC: "the file is no program of this machine: build it with the host's compiler",
    errno.ETXTBSY: "the file is still being written: start the core when that is done",
}


def isolation_error(word: str) -> CoreError:
    """Return the error for a word that is none of ``ISOLATIONS``."""
    return CoreError(
        errno.EINVAL,
        f"isolation {word!r} is none",
        hint=f"use one of {', '.join(ISOLATIONS)}",
        rule="isolation-word",
    )


class ProcessCore:
    """A core that is a process: an executable built with the SDK, or anything that speaks docs/hand-over.md.

    ``args`` follow the program's name, ``env`` is added to the environment, ``cwd`` is its working directory.
    ``isolation = "strict"`` adds namespaces (docs/isolation.md). Raises CoreError (EINVAL) for another word.
    Thread safety: one thread at a time.
    """

    kind = "process"
    contains = PROCESS_CONTAINMENT

    def __init__(
        self,
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        isolation: str = "normal",
    ) -> None:
        if isolation not in ISOLATIONS:
            raise isolation_error(isolation)
        self._args = tuple(args)
        self._env = dict(env or {})
        self._cwd = cwd
        self._isolation = isolation
        self._supervisor: Supervisor | None = None
        #: Process number of the last start; None before the first.
        self.pid: int | None = None

    def request_firmware(self, name: str, search: Path) -> bytes:
        """Return the file's bytes; raises CoreFirmwareError."""
        return read_firmware(name, search)

    def check(self, image: ElfImage) -> None:
        """Raise CoreFirmwareError (ENOEXEC) unless the image is a program of this machine."""
        check_machine(image, self.kind)
        if not is_executable(image):
            raise CoreFirmwareError(
                errno.ENOEXEC,
                "firmware is a shared library, not a program",
                hint='use kind = "library"',
                rule="fw-program",
            )

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Start the program and return at READY; raises CoreError with nothing left."""
        if boot.firmware_path is None:
            raise CoreFirmwareError(
                errno.ENOENT,
                "a process is started from a file, and the firmware has no path",
                hint="give firmware_path and the name of a file",
                rule="fw-path",
            )
        path = boot.firmware_path.absolute()
        self.launch(
            Command(
                path=path,
                argv=(str(path), *self._args),
                env=self._env,
                cwd=self._cwd,
                isolation=self._isolation,
            ),
            boot,
            on_exit,
        )

    def launch(self, command: Command, boot: BootInfo, on_exit: OnExit) -> None:
        """Start any program as this core."""
        if self._supervisor is not None and not self._supervisor.ended:
            raise CoreStateError(
                errno.EBUSY, "the core runs already", hint="stop it first", rule="core-running"
            )
        with ExitStack() as undo:
            supervisor, pid = launch(command, boot, undo)
            supervisor.greet()
            self._supervisor, self.pid = supervisor, pid
            supervisor.watch(on_exit)
            undo.pop_all()

    def stop(self, timeout: float) -> None:
        """STOP, then SIGKILL after ``timeout`` seconds; nothing of the core's session is left."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop(timeout)
