# SPDX-License-Identifier: Apache-2.0
"""The life of one boot of one core, the same for every kind: hand over, watch, tell how it ended, stop.

A kind supplies a :class:`Body`, the thing that runs; everything said over the control socket is done here.
"""

import contextlib
import errno
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from cores.errors import (
    CoreAbandonedError,
    CoreError,
    CoreRefusedError,
    CoreTimeoutError,
    CoreViolationError,
)
from cores.exits import said_exit, violation_exit
from cores.handover import Conversation, CtlMessage, CtlType, Phase
from cores.loglines import LineReader
from rproc.core import BootInfo, Exit
from virtio.wait import Deadline, Wait

#: Seconds to end by oneself, for a core that has said goodbye or hung up, and for one that cannot be killed.
GRACE = 1.0
#: Seconds until a killed process must be gone; only a kernel that is stuck takes longer.
KILL_GRACE = 10.0
#: How often a wait that has run out looks whether the debugger is still there, seconds.
_DEBUGGER_POLL = 0.5

OnExit = Callable[[Exit], None]


class Body(Protocol):
    """What runs: a process, or a thread.

    Thread safety: none; the caller serialises.
    """

    def fileno(self) -> int:
        """Return a descriptor that is readable once the body has ended; -1 before its start."""
        ...

    def kill(self) -> bool:
        """End it by force; False when this kind cannot."""
        ...

    def reap(self) -> Exit:
        """Release what has ended, with all that belonged to it, and say how it ended. Called once."""
        ...

    def abandon(self) -> None:
        """Keep everything of a body that cannot be ended."""
        ...

    def is_traced(self) -> bool:
        """Whether a debugger is attached."""
        ...

    def failure(self, end: Exit) -> CoreError:
        """Return what to raise for a body that ended by itself before READY."""
        ...


class Supervisor:
    """One boot of one core.

    Thread safety: greet, watch and stop belong to one thread at a time; exits are told in the work thread.
    """

    def __init__(self, boot: BootInfo, body: Body, talk: Conversation, readers: Sequence[LineReader]) -> None:
        self._boot = boot
        self._body = body
        self._talk = talk
        self._readers = readers
        self._open_readers = {reader.fd: reader for reader in readers}
        self._unwatch: dict[int, Callable[[], None]] = {}
        self._ready = False
        #: Whoever takes ``on_exit`` under the lock calls it.
        self._telling = threading.Lock()
        self._on_exit: OnExit | None = None
        self._said: Exit | None = None
        self._end: Exit | None = None

    # ---- start ----

    def greet(self) -> None:
        """Send HELLO and wait for READY; raises CoreError, OSError with the body ended and all closed."""
        try:
            self._talk.greet(self._boot)
            self._converse(Phase.RUNNING, self._boot.timeout)
        except CoreViolationError as violation:
            self._finish(violation_exit(violation))
            raise
        except CoreTimeoutError:
            self._finish(None)
            raise
        except OSError:
            # HELLO found nobody: the body ended at once and knows why.
            if not self._body_ended(GRACE):
                self._finish(None)
                raise
        except BaseException:
            self._finish(None)
            raise
        if self._talk.phase is not Phase.RUNNING:
            self._finish(self._said)
            raise self._failure()

    def _failure(self) -> CoreError:
        if self._said is not None and self._said.kind == "refused":
            return CoreRefusedError(self._said.errno or errno.EPROTO, self._said.detail)
        assert self._end is not None
        return self._body.failure(self._end)

    def watch(self, on_exit: OnExit) -> None:
        """Hand the core to the lifeline and the work thread; ``on_exit`` runs there, at most once."""
        self._on_exit = on_exit
        watch = self._boot.work.watch
        try:
            self._boot.lifeline.watch(self._talk.fileno(), hangup_only=True)
            self._boot.lifeline.watch(self._body.fileno(), hangup_only=False)
            for fd, reader in list(self._open_readers.items()):
                self._unwatch[fd] = watch(fd, _Read(self, reader))
            for fd in (self._talk.fileno(), self._body.fileno()):
                self._unwatch[fd] = watch(fd, self._hear)
        except BaseException:
            self.stop(GRACE)
            raise

    # ---- while it runs: in the work thread ----

    def _hear(self) -> None:
        try:
            self._note(self._talk.hear())
        except CoreViolationError as violation:
            self._boot.log.err(self._boot.name, str(violation.strerror))
            self._crash(violation_exit(violation))
            return
        if self._said is not None or self._talk.hung_up or self._body_ended(0):
            self._crash(self._said)

    def _crash(self, end: Exit | None) -> None:
        self._stop_watching()
        self._boot.lifeline.cut()
        with contextlib.suppress(CoreAbandonedError):  # logged there, and on_exit tells
            self._finish(end)
        self._boot.work.submit(self._tell)

    def _tell(self) -> None:
        with self._telling:
            on_exit, self._on_exit = self._on_exit, None
        if on_exit is not None and self._end is not None:
            on_exit(self._end)

    def read(self, reader: LineReader) -> None:
        """Log what a pipe holds; stop looking at it once it is closed."""
        if reader.read():
            return
        self._open_readers.pop(reader.fd, None)
        # Not there yet when watch() is only just returning: the pipe stays readable, so this comes again.
        unwatch = self._unwatch.get(reader.fd)
        if unwatch is not None:
            unwatch()

    # ---- stop ----

    @property
    def ended(self) -> bool:
        """Whether the core has ended, in whichever way."""
        return self._end is not None

    def stop(self, timeout: float) -> Exit:
        """STOP, STOPPED within ``timeout`` seconds, else by force; says how the core ended.

        A core that had ended before it was asked is told to ``on_exit`` now, unless it was already. Raises
        CoreAbandonedError when neither helps. May be called again.
        """
        self._stop_watching()
        unasked = self._end is not None or self._has_ended()
        try:
            if self._end is None:
                with contextlib.suppress(CoreTimeoutError, CoreViolationError):
                    if self._talk.say(CtlType.STOP):
                        self._converse(Phase.ENDED, timeout)
                self._finish(self._said)
        finally:
            if unasked:
                self._tell()
            self._on_exit = None
        # They refer back to this object: without them the boot's descriptors go when the last user does.
        self._unwatch.clear()
        assert self._end is not None
        return self._end

    def _has_ended(self) -> bool:
        """Whether the core has ended, or said so, and nobody has noticed yet."""
        with contextlib.suppress(CoreViolationError):
            self._note(self._talk.hear())
        return self._said is not None or self._talk.hung_up or self._body_ended(0)

    def abort(self) -> None:
        """End a start that an exception interrupted, wherever it was. May be called again.

        For the way out of that exception: nothing is raised, an abandoned core is logged.
        """
        self._on_exit = None
        self._stop_watching()
        if self._end is None and self._body.fileno() >= 0:
            with contextlib.suppress(CoreAbandonedError):
                self._finish(None)

    def _stop_watching(self) -> None:
        for unwatch in list(self._unwatch.values()):
            unwatch()

    def _finish(self, end: Exit | None) -> None:
        """End the body, read what it left, close everything; ``end``: how it ended as far as it has said."""
        hung_up = self._talk.hung_up
        goodbye = hung_up or self._talk.phase is Phase.ENDED
        self._talk.close()
        try:
            forced = self._end_body(goodbye)
            status = self._body.reap()
            if forced and hung_up:
                status = Exit("hangup", "closed its control socket and ran on", errno.EPIPE)
            self._end = end or status
        except CoreAbandonedError as error:
            self._end = end or Exit("hangup", str(error), errno.ETIMEDOUT)
            self._boot.log.err(self._boot.name, f"{error}; {error.hint}")
            raise
        finally:
            for reader in self._readers:
                reader.drain()
                reader.close()

    def _end_body(self, goodbye: bool) -> bool:
        """Wait for the body's end where it may come by itself, else kill; True when it was killed."""
        if goodbye and self._body_ended(GRACE):
            return False
        if self._body.kill():
            if self._body_ended(KILL_GRACE):
                return True
        elif self._body_ended(0 if goodbye else GRACE):
            return False
        self._body.abandon()
        raise CoreAbandonedError(
            errno.ETIMEDOUT,
            "does not return and was abandoned: its thread, memory and copy are kept",
            hint='a core of kind = "process" can be ended whatever it does',
        )

    # ---- waiting ----

    def _converse(self, phase: Phase, timeout: float) -> None:
        """Serve the core until it reaches the phase or is gone. Raises CoreTimeoutError or a violation."""

        def reached() -> bool:
            self._note(self._talk.hear())
            return self._talk.phase in (phase, Phase.ENDED) or self._talk.hung_up or self._body_ended(0)

        if not self._serve(reached, [self._talk.fileno(), self._body.fileno()], timeout):
            what = "was not ready" if phase is Phase.RUNNING else "did not stop"
            raise CoreTimeoutError(errno.ETIMEDOUT, f"{what} within {timeout:g} s", hint=_TIMEOUT_HINT[phase])
        self._note(self._talk.hear())

    def _body_ended(self, timeout: float) -> bool:
        fd = self._body.fileno()
        if timeout == 0:
            return bool(Wait([fd], Deadline(0)).ready())
        return self._serve(lambda: self._body_ended(0), [fd], timeout)

    def _serve(self, reached: Callable[[], bool], fds: Sequence[int], timeout: float) -> bool:
        """Read the core's pipes, which it must not find full, until ``reached``; False when time ran out.

        No time runs out while a debugger holds the core.
        """
        deadline = Deadline(timeout)
        while not reached():
            ready = Wait([*fds, *self._open_readers], deadline).ready()
            if not ready:
                if not self._body.is_traced():
                    return False
                deadline = Deadline(_DEBUGGER_POLL)
            for reader in [self._open_readers[fd] for fd in ready if fd in self._open_readers]:
                self.read(reader)
            if deadline.expired and not self._body.is_traced():
                return reached()
        return True

    def _note(self, messages: Sequence[CtlMessage]) -> None:
        for message in messages:
            if message.type is CtlType.READY:
                self._ready = True
            elif message.type in (CtlType.ERROR, CtlType.FAULT):
                self._said = said_exit(message, ready=self._ready)


class _Read:
    """The work thread's callback for one pipe."""

    def __init__(self, supervisor: Supervisor, reader: LineReader) -> None:
        self._supervisor = supervisor
        self._reader = reader

    def __call__(self) -> None:
        self._supervisor.read(self._reader)


_TIMEOUT_HINT = {
    Phase.RUNNING: "boot() must return; a larger boot_timeout gives it more time",
    Phase.ENDED: "stop() must return",
}
