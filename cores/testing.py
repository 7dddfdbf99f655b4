# SPDX-License-Identifier: Apache-2.0
"""The contract of a kind of core, as checks that anybody can run over a kind of their own.

``check_core(make_core)`` runs them all; a test suite rather makes one test of each of ``CHECKS``.
``make_core`` takes a behaviour and returns a core, the firmware's name and its folder, or None when the kind
has none:

* ``echo``: a service ``behave`` that returns every message, except that it answers ``count`` with a
  little-endian u32 that grows by 1 from 1, and does what ``segfault``, ``exit`` (code 3), ``kill``
  (SIGKILL), ``hang`` and ``error`` (EIO) say;
* ``refuse``: boot fails with EPERM; ``hang_boot``, ``hang_stop``: boot, stop never returns, else as ``echo``.

What a kind declares not to contain is checked for the documented result, in another interpreter:
``make_core`` must be picklable.
"""

import errno
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable

from cores.errors import CoreAbandonedError, CoreError
from cores.trial import LONG, MakeCore, NoSuchFirmwareError, Subject, expect, require, running, subject
from rproc.state import State

#: Exit status of an interpreter in which a check passed, apart.
PASSED_APART = 77
#: Seconds that are given to what hangs.
_HANG_TIMEOUT = 0.5

Check = Callable[[MakeCore], None]


# ---- checks that every kind passes ----


def check_echo(make_core: MakeCore) -> None:
    """A message comes back; a stop leaves the core offline and its endpoint at its end."""
    with running(make_core) as core:
        for size in (1, 100, core.endpoint.mtu):
            data = bytes(i & 0xFF for i in range(size))
            require(core.ask(data) == data, f"{size} bytes did not come back as they were sent")
        core.remote.shutdown()
        require(core.remote.state is State.OFFLINE, "the core is not offline after shutdown")
        require(core.remote.crash is None, "an orderly stop was taken for a crash")
        expect(BrokenPipeError, lambda: core.endpoint.recv(timeout=LONG))


def check_many(make_core: MakeCore) -> None:
    """Messages come back in order, more of them than there are buffers."""
    with running(make_core) as core:
        for i in range(1000):
            data = struct.pack("<I", i)
            require(core.ask(data) == data, f"message {i} did not come back")


def check_restart_is_fresh(make_core: MakeCore) -> None:
    """Each boot begins with globals as they are in the file."""
    with subject(make_core, "echo") as tried:
        for _ in range(3):
            tried.remote.boot()
            with tried.talk() as core:
                answers = [struct.unpack("<I", core.ask(b"count"))[0] for _ in range(2)]
                require(answers == [1, 2], f"counted {answers}: globals of an earlier boot are still there")
            tried.remote.shutdown()


def check_two_instances(make_core: MakeCore) -> None:
    """Two cores of one file have globals of their own."""
    with running(make_core) as one, running(make_core) as two:
        answers = [struct.unpack("<I", core.ask(b"count"))[0] for core in (one, two, one, two)]
        require(answers == [1, 1, 2, 2], f"counted {answers}: the instances share their globals")


def check_double_start(make_core: MakeCore) -> None:
    """A core that runs cannot be started once more, and goes on."""
    with running(make_core) as core:
        boot = core.core.boot
        assert boot is not None
        expect(CoreError, lambda: core.core.core.start(boot, lambda end: None))
        require(core.ask(b"still there") == b"still there", "the refused start disturbed the core")


def check_refusing_boot(make_core: MakeCore) -> None:
    """A boot that fails is told with the core's own errno, and leaves the processor offline."""
    with subject(make_core, "refuse") as tried:
        error = expect(OSError, tried.remote.boot)
        require(isinstance(error, OSError) and error.errno == errno.EPERM, f"errno of {error!r} is not EPERM")
        require(tried.remote.state is State.OFFLINE, "the processor is not offline after a refused boot")


def check_missing_firmware(make_core: MakeCore) -> None:
    """A file that is not there is FileNotFoundError; a name that leads elsewhere is refused."""
    made = make_core("echo")
    if made is not None:
        core, _, folder = made
        expect(FileNotFoundError, lambda: core.request_firmware("no-such-file", folder))
        expect(OSError, lambda: core.request_firmware("../echo", folder))


def check_error_is_a_crash(make_core: MakeCore) -> None:
    """A callback that fails ends the core as crashed, with its errno; another core never notices."""
    with running(make_core) as other, running(make_core) as core:
        end = core.crash_by(b"error")
        require(end.errno == errno.EIO, f"ended by {end}, not by EIO")
        require(other.ask(b"hello") == b"hello", "another core was disturbed")


def check_restart_after_crash(make_core: MakeCore) -> None:
    """A crashed core can be shut down and booted again."""
    with subject(make_core, "echo") as tried:
        tried.remote.boot()
        with tried.talk() as core:
            core.crash_by(b"error")
        tried.remote.shutdown()
        tried.remote.boot()
        with tried.talk() as core:
            require(core.ask(b"again") == b"again", "the second boot does not answer")


def check_recovery(make_core: MakeCore) -> None:
    """A crashed core recovers: other memory, globals as in the file, and it answers."""
    with subject(make_core, "echo") as tried:
        tried.remote.boot()
        with tried.talk() as core:
            require(core.ask(b"count")[0] == 1, "the first count is not 1")
            core.crash_by(b"error")
        tried.remote.recover()
        with tried.talk() as core:
            require(core.ask(b"count")[0] == 1, "globals of the boot that crashed are still there")


# ---- what a kind contains, or not ----


def check_segfault(make_core: MakeCore) -> None:
    """An invalid access ends the core alone, where the kind contains it."""
    _ends_core_alone(make_core, b"segfault", "SIGSEGV")


def check_exit(make_core: MakeCore) -> None:
    """exit() ends the core alone, where the kind contains it."""
    _ends_core_alone(make_core, b"exit", "exit code 3")


def check_kill(make_core: MakeCore) -> None:
    """SIGKILL ends the core alone, where the kind contains it."""
    _ends_core_alone(make_core, b"kill", "SIGKILL")


def _ends_core_alone(make_core: MakeCore, order: bytes, detail: str) -> None:
    with running(make_core) as other, running(make_core) as core:
        end = core.crash_by(order)
        require(detail in end.detail, f"ended by {end}, not by {detail}")
        require(other.ask(b"hello") == b"hello", "another core was disturbed")


def check_hang_in_boot(make_core: MakeCore) -> None:
    """A boot that hangs is TimeoutError; a core that cannot be ended is abandoned, with the remedy."""
    with subject(make_core, "hang_boot", _HANG_TIMEOUT) as tried:
        error = expect(TimeoutError, tried.remote.boot)
        _check_abandoned(error, tried.core.contains.hang_in_boot)
        require(tried.remote.state is State.OFFLINE, "the processor is not offline after its boot hung")
    check_echo(make_core)


def check_hang_in_notify(make_core: MakeCore) -> None:
    """A callback that does not return: the stop ends the core, or abandons it; others go on."""
    with running(make_core) as other, subject(make_core, "echo") as tried:
        tried.remote.boot()
        with tried.talk() as core:
            core.endpoint.send(b"hang")
            # A stop that comes before the message is read would be an ordinary one.
            expect(TimeoutError, lambda: core.endpoint.recv(timeout=_HANG_TIMEOUT))
            _stop_hanging(tried)
        require(other.ask(b"hello") == b"hello", "another core was disturbed")


def check_hang_in_stop(make_core: MakeCore) -> None:
    """A stop that does not return ends by force, or abandons the core; a new one boots."""
    with subject(make_core, "hang_stop") as tried:
        tried.remote.boot()
        with tried.talk() as core:
            require(core.ask(b"hello") == b"hello", "no answer")
        _stop_hanging(tried)
    check_echo(make_core)


def _stop_hanging(tried: Subject) -> None:
    contained = tried.core.contains.hang_in_notify
    try:
        tried.remote.shutdown()
    except CoreError as error:
        _check_abandoned(error, contained)
        # What could not be ended is no longer the core's: now there is nothing left to stop.
        tried.remote.shutdown()
    state = tried.remote.state
    require(state is State.OFFLINE, f"the processor is {state.value} after a hard stop")
    abandoned = getattr(type(tried.core.core), "abandoned", 0)
    require(contained or abandoned > 0, "the core was neither ended nor counted as abandoned")


def _check_abandoned(error: BaseException, contained: bool) -> None:
    if contained:
        require(not isinstance(error, CoreAbandonedError), "a core that can be ended was abandoned")
    else:
        require(isinstance(error, CoreAbandonedError), f"{error!r} does not say that the core was abandoned")
        require('kind = "process"' in getattr(error, "hint", ""), "the error does not name the remedy")


#: What an uncontained deed does to the host: exit status of its interpreter.
_FATAL: dict[Check, int] = {check_segfault: -signal.SIGSEGV, check_exit: 3, check_kill: -signal.SIGKILL}
_CONTAINED_BY: dict[Check, str] = {
    check_segfault: "segfault",
    check_exit: "exit_call",
    check_kill: "kill",
    check_hang_in_boot: "hang_in_boot",
    check_hang_in_notify: "hang_in_notify",
    check_hang_in_stop: "hang_in_notify",
}

CHECKS: tuple[Check, ...] = (
    check_echo,
    check_many,
    check_restart_is_fresh,
    check_two_instances,
    check_double_start,
    check_refusing_boot,
    check_missing_firmware,
    check_error_is_a_crash,
    check_restart_after_crash,
    check_recovery,
    check_segfault,
    check_exit,
    check_kill,
    check_hang_in_boot,
    check_hang_in_notify,
    check_hang_in_stop,
)


def run_check(check: Check, make_core: MakeCore) -> None:
    """Run one check, apart where the kind does not contain what it does; raises AssertionError.

    Raises NoSuchFirmwareError when ``make_core`` has no firmware for it. Thread safety: any thread.
    """
    made = make_core("echo")
    contained = made is None or check not in _CONTAINED_BY
    if made is not None and check in _CONTAINED_BY:
        contained = getattr(made[0].contains, _CONTAINED_BY[check])
    if contained:
        check(make_core)
        return
    expected = _FATAL.get(check, PASSED_APART)
    status, text = _run_apart(check, make_core)
    require(status == expected, f"the host ended with {status}, documented is {expected}:\n{text}")


def _run_apart(check: Check, make_core: MakeCore) -> tuple[int, str]:
    """Run a check in another interpreter, which may not survive it."""
    script = "import sys; sys.path[:] = sys.argv[1:]; from cores.testing import main_apart; main_apart()"
    done = subprocess.run(
        [sys.executable, "-c", script, *sys.path],
        input=pickle.dumps((check, make_core)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=3 * LONG,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def main_apart() -> None:
    """Run the check that comes on standard input; exits with PASSED_APART, abandoned threads or not."""
    check, make_core = pickle.load(sys.stdin.buffer)
    check(make_core)
    sys.exit(PASSED_APART)


def check_core(make_core: MakeCore) -> list[str]:
    """Run every check; returns the names of those that do not apply. AssertionError names all that failed.

    Thread safety: any thread.
    """
    skipped, failed = [], []
    for check in CHECKS:
        try:
            run_check(check, make_core)
        except NoSuchFirmwareError:
            skipped.append(check.__name__)
        except Exception as error:
            failed.append(f"{check.__name__}: {type(error).__name__}: {error}")
    if failed:
        raise AssertionError("\n".join(failed))
    return skipped
