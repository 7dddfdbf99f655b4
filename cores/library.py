# SPDX-License-Identifier: Apache-2.0
"""Cores that are shared libraries: a private copy of the file, run by one C thread inside the host.

Chosen knowingly: such a core shares the host's address space. What it breaks there stays broken, and one that
does not return is abandoned: crashed, with its thread, memory and copy kept and counted, never used again.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from cores._native import ffi, lib, text_of
from cores.errors import CoreDiedError, CoreError, CoreFirmwareError, CoreStateError
from cores.firmware import ABI_SYMBOL, DynamicInfo, check_machine, dynamic_info, is_executable, read_firmware
from cores.handover import Conversation
from cores.loglines import LineReader
from cores.sessions import tracer_of
from cores.supervisor import Supervisor
from resource_tables import ElfImage
from rproc.core import BootInfo, Containment, Exit

_SEALS = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
#: In the C half's error until it has run.
_NOT_CALLED = 1
_PROCESS_HINT = 'or use kind = "process"'
#: What the dynamic linker says, and what to do about it.
_LOADER_HINTS = (
    ("static TLS", f"compile all of the ECU with -fPIC and without -ftls-model; {_PROCESS_HINT}"),
    ("cannot open shared object", "a library it needs (DT_NEEDED) is missing: link it statically, install it "
     "or put its folder into LD_LIBRARY_PATH before the host starts"),
    ("undefined symbol", "link the ECU with what defines the symbol; -Wl,-z,defs finds this at build time"),
    ("cannot dynamically load", 'the file is a program: use kind = "process", or link it with -shared'),
    ("invalid ELF header", "the file is no ELF"),
    ("file too short", "the file is truncated"),
    ("wrong ELF class", "build the ECU for the host's word size"),
)  # fmt: skip
_ORIGIN_HINT = (
    "its run path uses $ORIGIN, which is not the file's folder for the private copy that is loaded: "
    "use an absolute run path or link statically"
)


def sealed_copy(data: bytes, name: str) -> int:
    """Return the descriptor of a memfd with these bytes that nobody can change or resize any more.

    Read-only, so that the kernel does not count it as being written. Raises OSError.
    """
    fd = os.memfd_create(f"rproc-copy-{name}"[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


class LibraryBody:
    """The thread of one library core, from ``start`` to ``reap``.

    Thread safety: none; the caller serialises.
    """

    def __init__(self, core: "LibraryCore") -> None:
        #: The C half's thread: one between start and reap, else none.
        self._native: list[Any] = []
        self._core = core
        self._error: CoreError | None = None

    def start(self, ends: list[int]) -> None:
        """Start the thread with copy, control socket and log pipe, which it owns from then on.

        ``ends`` is empty once they have changed hands, which they do even when there is no thread: CoreError.
        """
        error: Any = ffi.new("int *", _NOT_CALLED)
        try:
            # As one call into C: a KeyboardInterrupt between call and assignment would lose the thread.
            self._native.extend(map(lib.rp_library_start, *([end] for end in ends), [error]))
        finally:
            if error[0] != _NOT_CALLED:
                ends.clear()
        if error[0] != 0:
            self._native.clear()
            raise CoreError(
                -error[0],
                f"no thread for the core: {os.strerror(-error[0])}",
                hint="look at the limits of threads, open files and memory: ulimit -a",
                rule="core-thread",
            )

    def fileno(self) -> int:
        """Return an eventfd, readable once the library is unloaded; -1 before the start and once reaped."""
        return int(lib.rp_library_done_fd(self._native[0])) if self.is_there else -1

    @property
    def is_there(self) -> bool:
        """Whether there is a thread."""
        return bool(self._native) and self._native[0] != ffi.NULL

    def kill(self) -> bool:
        """Return False: a thread cannot be ended from outside."""
        return False

    def reap(self) -> Exit:
        """Join the thread."""
        stage: Any = ffi.new("int *")
        abi: Any = ffi.new("uint32_t *")
        text: Any = ffi.new("const char **")
        result = lib.rp_library_result(self._native[0], stage, abi, text)
        said = text_of(text[0])
        if stage[0] != lib.RP_LIBRARY_RUN:
            self._error = self._core.load_error(stage[0], abi[0], said)
        lib.rp_library_join(self._native.pop())
        if self._error is not None:
            return Exit("refused", self._error.strerror or "", self._error.errno)
        if result < 0:
            return Exit("exit", f"ended with {errno.errorcode.get(-result, result)}", -result)
        return Exit("exit", "ended")

    def abandon(self) -> None:
        """Keep all of it: the thread may still use any part."""
        self._core.count_abandoned()

    def is_traced(self) -> bool:
        """Whether a debugger is attached to the host."""
        return tracer_of(os.getpid()) != 0

    def failure(self, end: Exit) -> CoreError:
        """Return the loader's error, or how the core ended."""
        return self._error or CoreDiedError(end)


class LibraryCore:
    """A core that is a shared library built with the SDK; each boot loads a copy with globals of its own.

    ``abandoned`` counts the cores of this process that did not return. Thread safety: one thread at a time.
    """

    kind = "library"
    contains = Containment(
        segfault=False, exit_call=False, kill=False, hang_in_boot=False, hang_in_notify=False, memory=False
    )
    abandoned: ClassVar[int] = 0

    def __init__(self) -> None:
        self._supervisor: Supervisor | None = None
        self._info = DynamicInfo()

    def request_firmware(self, name: str, search: Path) -> bytes:
        """Return the file's bytes; raises CoreFirmwareError."""
        return read_firmware(name, search)

    def check(self, image: ElfImage) -> None:
        """Raise CoreFirmwareError unless the image is a library of this machine with the ABI symbol."""
        check_machine(image, self.kind)
        if is_executable(image):
            raise CoreFirmwareError(
                errno.ENOEXEC,
                "firmware is a program, not a shared library",
                hint='use kind = "process"',
                rule="fw-library",
            )
        self._info = dynamic_info(image)
        if not self._info.has_abi_symbol:
            raise self.load_error(lib.RP_LIBRARY_SYMBOL, 0, "")

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Load a copy and return at READY; raises CoreError with nothing left, or CoreAbandonedError."""
        if self._supervisor is not None and not self._supervisor.ended:
            raise CoreStateError(
                errno.EBUSY, "the core runs already", hint="stop it first", rule="core-running"
            )
        self._warn_of_sharing(boot)
        with ExitStack() as undo:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            talk = Conversation(ours)
            undo.callback(talk.close)
            with theirs:
                read_end, write_end = os.pipe2(os.O_CLOEXEC)
                ends = [write_end]
                undo.callback(_close_all, ends)
                reader = LineReader(read_end, boot.log, boot.name)
                undo.callback(reader.close)
                ends.insert(0, os.dup(theirs.fileno()))
                ends.insert(0, sealed_copy(boot.firmware, boot.name))
                # Before there is anything to abort, so that there is no moment without an owner.
                body = LibraryBody(self)
                supervisor = Supervisor(boot, body, talk, [reader])
                undo.callback(supervisor.abort)
                body.start(ends)
            supervisor.greet()
            self._supervisor = supervisor
            supervisor.watch(on_exit)
            undo.pop_all()

    def stop(self, timeout: float) -> None:
        """STOP; raises CoreAbandonedError when the core does not return within ``timeout`` seconds."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop(timeout)

    def load_error(self, stage: int, abi: int, said: str) -> CoreError:
        """Return the error for a library that could not be loaded or has another ABI."""
        host = lib.rp_library_host_abi()
        if stage == lib.RP_LIBRARY_SYMBOL:
            return CoreFirmwareError(
                errno.ENOEXEC,
                f"firmware has no symbol {ABI_SYMBOL}: it is no ECU library",
                hint=f"define {ABI_SYMBOL} (ecusdk/ecu.h) with default visibility (ecusdk_add_ecu does)",
                rule="ecu-symbol",
            )
        if stage in (lib.RP_LIBRARY_ABI, lib.RP_LIBRARY_REFUSED):
            theirs = "another" if stage == lib.RP_LIBRARY_REFUSED else f"{abi >> 16}.{abi & 0xFFFF}"
            return CoreFirmwareError(
                errno.EPROTONOSUPPORT,
                f"firmware has ECU ABI {theirs}, this host has {host >> 16}.{host & 0xFFFF}",
                hint="build the ECU with the SDK of this host (rproc sdk --cflags)",
                rule="ecu-abi",
            )
        return CoreFirmwareError(
            errno.ENOEXEC,
            f"firmware cannot be loaded: {said}",
            hint=self._loader_hint(said),
            rule="ecu-load",
        )

    @classmethod
    def count_abandoned(cls) -> None:
        """Count a core that did not return."""
        LibraryCore.abandoned += 1

    def _loader_hint(self, said: str) -> str:
        if "$ORIGIN" in self._info.runpath and "cannot open shared object" in said:
            return _ORIGIN_HINT
        return next((hint for words, hint in _LOADER_HINTS if words in said), _PROCESS_HINT[3:])

    def _warn_of_sharing(self, boot: BootInfo) -> None:
        """Say what all copies of the library will have in common after all."""
        unique = self._info.unique_symbols
        if unique:
            shown = ", ".join(unique[:3])
            boot.log.warning(
                boot.name,
                f"{len(unique)} unique symbols ({shown}) are shared by all copies of it: "
                "compile with -fno-gnu-unique",
            )


def _close_all(ends: list[int]) -> None:
    while ends:
        os.close(ends.pop())
