# SPDX-License-Identifier: Apache-2.0
"""The kind "python": a class of a Python file as a core, in a thread of the host or its own interpreter."""

import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from cores.errors import CoreDiedError, CoreError, CoreFirmwareError, CoreStateError
from cores.firmware import check_readable, find_firmware
from cores.handover import Conversation
from cores.loglines import LineReader
from cores.process import (
    ISOLATIONS,
    PROCESS_CONTAINMENT,
    Command,
    ProcessBody,
    ProcessCore,
    isolation_error,
)
from cores.pycore import PythonCore
from cores.pyload import build_image, load_class, split_name
from cores.pyrun import run
from cores.sessions import tracer_of
from cores.supervisor import Supervisor
from resource_tables import ElfImage
from rproc.core import BootInfo, Containment, Exit
from virtio.wait import Deadline, Wait

#: Seconds that an interpreter gets to import a core's file and print its image.
IMAGE_TIMEOUT = 20.0
_IMAGE_BYTES = 16 << 20

THREAD_CONTAINMENT = Containment(
    segfault=False, exit_call=False, kill=False, hang_in_boot=False, hang_in_notify=False, memory=False
)


class ThreadBody:
    """The thread of one Python core, which owns control socket and log pipe whether it starts or not.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, core_class: type[PythonCore], name: str, control: int, log_fd: int) -> None:
        # Who takes the pair out owns it: the thread, or the one who ends a start that did not reach it.
        self._ends = [(control, log_fd)]
        self._result = 0
        self._thread = threading.Thread(
            target=self._main, args=(core_class,), name=f"core-{name}", daemon=True
        )
        self._done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def start(self) -> None:
        """Start the thread; raises CoreError (EAGAIN) when the system has none."""
        try:
            self._thread.start()
        except RuntimeError as error:
            raise CoreError(
                errno.EAGAIN,
                f"no thread for the core: {error}",
                hint="look at the limits of threads and memory: ulimit -a",
                rule="core-thread",
            ) from None

    def _main(self, core_class: type[PythonCore]) -> None:
        try:
            control, log_fd = self._ends.pop()
        except IndexError:
            return
        try:
            self._result = run(core_class, control, log_fd)
        finally:
            os.close(log_fd)
            os.eventfd_write(self._done, 1)

    def fileno(self) -> int:
        """Return an eventfd, readable once the core has ended; -1 once reaped."""
        return self._done

    def kill(self) -> bool:
        """Return False: a thread cannot be ended from outside. True for one that has not begun."""
        try:
            ends = self._ends.pop()
        except IndexError:
            return False
        for fd in ends:
            os.close(fd)
        os.eventfd_write(self._done, 1)
        return True

    def reap(self) -> Exit:
        """Join the thread."""
        if self._thread.ident is not None:
            self._thread.join()
        done, self._done = self._done, -1
        os.close(done)
        if self._result < 0:
            code = errno.errorcode.get(-self._result, str(self._result))
            return Exit("exit", f"ended with {code}", -self._result)
        return Exit("exit", "ended")

    def abandon(self) -> None:
        """Keep all of it: the thread may still use any part."""
        PythonCoreAdapter.count_abandoned()

    def is_traced(self) -> bool:
        """Whether a debugger is attached to the host."""
        return tracer_of(os.getpid()) != 0

    def failure(self, end: Exit) -> CoreError:
        """Return the error for a core that ended before READY."""
        return CoreDiedError(end, hint="its traceback is in the core's log")


class PythonCoreAdapter:
    """A core that is a class of a Python file, ``firmware = "ecus.py:Echo"``.

    ``process`` gives it an interpreter of its own; only then ``env``, ``cwd`` and ``isolation`` mean
    something, and only then the file is not imported into the host. ``abandoned`` counts the threads of this
    process that did not return. Raises CoreError (EINVAL) for a contradiction.
    Thread safety: one thread at a time.
    """

    kind = "python"
    abandoned: ClassVar[int] = 0

    def __init__(
        self,
        *,
        process: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        isolation: str = "normal",
    ) -> None:
        if not process and (env or cwd is not None or isolation != "normal"):
            raise CoreError(
                errno.EINVAL,
                "env, cwd and isolation belong to a process, this core is a thread",
                hint="add process = true",
                rule="python-process",
            )
        if isolation not in ISOLATIONS:
            raise isolation_error(isolation)
        self.contains = PROCESS_CONTAINMENT if process else THREAD_CONTAINMENT
        self._process = ProcessCore() if process else None
        self._command = Command(
            path=Path(sys.executable),
            argv=(),
            env={**(env or {}), "PYTHONPATH": _python_path(env or {})},
            cwd=cwd,
            isolation=isolation,
        )
        self._firmware: tuple[Path, str] | None = None
        self._class: type[PythonCore] | None = None
        self._supervisor: Supervisor | None = None

    @property
    def pid(self) -> int | None:
        """The process number of the core's own interpreter, of its last start; None for a thread."""
        return self._process.pid if self._process is not None else None

    def request_firmware(self, name: str, search: Path) -> bytes:
        """Import the file, return an image of its class's table; raises CoreFirmwareError, TableError."""
        file, class_name = split_name(name)
        path = find_firmware(file, search).absolute()
        check_readable(path)
        self._firmware = (path, class_name)
        if self._process is not None:
            return self._image_of_process()
        self._class = load_class(path, class_name)
        return build_image(self._class.resource_table)

    def check(self, image: ElfImage) -> None:
        """Raise CoreFirmwareError when the image is none that request_firmware made."""
        if self._firmware is None or image.table_bytes is None:
            raise CoreFirmwareError(
                errno.ENOEXEC,
                "the image was not made of a Python core",
                hint="let this core's own request_firmware make the image",
                rule="python-image",
            )

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Start the thread or the interpreter and return at READY; raises CoreError."""
        if self._firmware is None:
            raise CoreStateError(
                errno.EINVAL,
                "start before request_firmware",
                hint="boot the core through RemoteProc, which asks for the firmware first",
                rule="python-image",
            )
        if self._process is not None:
            self._process.launch(self._interpreter(), boot, on_exit)
        else:
            self._start_thread(boot, on_exit)

    def stop(self, timeout: float) -> None:
        """STOP; by force after ``timeout`` seconds for a process, CoreAbandonedError for a thread."""
        if self._process is not None:
            self._process.stop(timeout)
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop(timeout)

    @classmethod
    def count_abandoned(cls) -> None:
        """Count a core that did not return."""
        PythonCoreAdapter.abandoned += 1

    def _start_thread(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        if self._supervisor is not None and not self._supervisor.ended:
            raise CoreStateError(
                errno.EBUSY, "the core runs already", hint="stop it first", rule="core-running"
            )
        assert self._class is not None
        with ExitStack() as undo:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            talk = Conversation(ours)
            undo.callback(talk.close)
            undo.callback(theirs.close)
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            reader = LineReader(read_end, boot.log, boot.name)
            undo.callback(reader.close)
            body = ThreadBody(self._class, boot.name, theirs.detach(), write_end)
            supervisor = Supervisor(boot, body, talk, [reader])
            undo.callback(supervisor.abort)
            body.start()
            supervisor.greet()
            self._supervisor = supervisor
            supervisor.watch(on_exit)
            undo.pop_all()

    def _interpreter(self, *options: str) -> Command:
        assert self._firmware is not None
        path, class_name = self._firmware
        argv = (sys.executable, "-u", "-X", "faulthandler", "-m", "cores.pyhost", *options)
        return replace(self._command, argv=(*argv, f"{path}:{class_name}"))

    def _image_of_process(self) -> bytes:
        """Let the core's own interpreter make the image: its file may do anything when it is imported."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        out, err = (
            os.memfd_create("rproc-image", os.MFD_CLOEXEC),
            os.memfd_create("rproc-text", os.MFD_CLOEXEC),
        )
        body = ProcessBody()
        try:
            body.start(self._interpreter("--image"), theirs.fileno(), out, err)
            theirs.close()
            in_time = bool(Wait([body.fileno()], Deadline(IMAGE_TIMEOUT)).ready())
            body.kill()
            end = body.reap()
            if not in_time or end.detail != "exit code 0":
                raise self._image_error(end, in_time, _content(err, 4096).decode("utf-8", "replace"))
            return _content(out, _IMAGE_BYTES)
        finally:
            body.end()
            for fd in (out, err):
                os.close(fd)
            ours.close()
            theirs.close()

    def _image_error(self, end: Exit, in_time: bool, text: str) -> CoreFirmwareError:
        lines = [line.removeprefix("<3>") for line in text.splitlines()]
        path = self._firmware[0] if self._firmware else None
        if not in_time:
            return CoreFirmwareError(
                errno.ETIMEDOUT,
                f"its import did not end within {IMAGE_TIMEOUT:g} s",
                hint="move what takes long, or waits, from the file's top level to on_boot()",
                rule="python-time",
                file=path,
            )
        if end.detail == "exit code 1" and len(lines) == 3:
            what, hint, rule = lines
            return CoreFirmwareError(errno.ENOEXEC, what, hint=hint, rule=rule, file=path)
        return CoreFirmwareError(
            errno.ENOEXEC,
            f"its interpreter ended with {end.detail}: {' '.join(lines[-1:])}".rstrip(": "),
            hint=f"python3 {path} shows what the file does when it is imported",
            rule="python-import",
            file=path,
        )


def _content(fd: int, limit: int) -> bytes:
    return os.pread(fd, limit, 0)


def _python_path(env: Mapping[str, str]) -> str:
    """Let the core's interpreter find this very package, however the host found it."""
    room = str(Path(__file__).parent.parent)
    given = env.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    return os.pathsep.join([room, *filter(None, given.split(os.pathsep))])
