# SPDX-License-Identifier: Apache-2.0
"""Process cores: what they start with, how their end is told, that nothing of them stays."""

import ctypes
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cores import CoreDiedError, CoreError, CoreFirmwareError, IsolationError
from cores.process import ProcessCore
from cores.sessions import tracer_of
from cores.trial import SERVICE
from rpmsg.bus import VirtioRpmsgBus
from rproc.remoteproc import RemoteProc
from rproc.state import State
from tests.cores.conftest import MakeBench
from tests.cores.kinds import strict_is_possible
from virtio import WorkThread

PTRACE_SEIZE = 0x4206
ISOLATIONS = ("normal", "strict") if strict_is_possible() else ("normal",)


def children() -> set[int]:
    """Process numbers of this process's children, zombies included."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:
                continue
            if int(text.rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(folder.name))
    return found


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_core_has_three_standard_descriptors_and_its_own(
    isolation: str, bench: MakeBench, ecus: Path
) -> None:
    """Nothing of the host's is open in the core; it has its own session and can gain no privileges."""
    core = ProcessCore(isolation=isolation)
    running = bench(core, "echo", ecus)
    with (ecus / "echo").open():
        os.set_inheritable(0, True)
        running.remote.boot()
    proc = Path(f"/proc/{core.pid}")
    links = [str(fd.readlink()).split(":")[0] for fd in (proc / "fd").iterdir()]
    # Input, output, error, control socket; the two bells of HELLO. The memory is mapped and closed.
    assert sorted(links) == ["/dev/null", "anon_inode", "pipe", "pipe", "pipe", "socket"]
    status = (proc / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "SigBlk:\t0000000000000000" in status
    assert os.getsid(core.pid or 0) == core.pid
    limits = (proc / "limits").read_text()
    assert "Max core file size        0" in limits


@pytest.mark.skipif(len(ISOLATIONS) == 1, reason="this system forbids the namespaces")
def test_strict_core_is_in_namespaces_of_its_own(bench: MakeBench, ecus: Path) -> None:
    """User, pid, mount, net and ipc differ from the host's."""
    core = ProcessCore(isolation="strict")
    bench(core, "echo", ecus).remote.boot()
    for kind in ("user", "pid", "mnt", "net", "ipc"):
        assert Path(f"/proc/{core.pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()


def test_forbidden_isolation_is_refused_with_the_reason(ecus: Path) -> None:
    """A system without user namespaces is told, never silently given less."""
    script = """
import sys
sys.path[:] = sys.argv[2:]
from pathlib import Path
import cores
from rproc.remoteproc import RemoteProc
core = cores.create("process", isolation="strict")
remote = RemoteProc(core, "echo", name="e", firmware_path=Path(sys.argv[1]))
try:
    remote.boot()
except cores.IsolationError as error:
    print(error.strerror, error.rule, error.hint)
"""
    # Inside a user namespace whose own limit of user namespaces is 0; where there can be none, the system
    # refuses already.
    limit = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    forbidding = ["unshare", "-Ur", "sh", "-c", limit, "sh"]
    if subprocess.run([*forbidding, "true"], capture_output=True, check=False).returncode != 0:
        forbidding = []
    done = subprocess.run(
        [*forbidding, sys.executable, "-c", script, str(ecus), *sys.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "namespaces, which this system refuses" in done.stdout, done.stdout + done.stderr
    assert "isolation-system" in done.stdout


def test_unknown_isolation_names_the_known() -> None:
    """A typing error is told at once."""
    with pytest.raises(CoreError) as caught:
        ProcessCore(isolation="strikt")
    assert "strict" in caught.value.hint
    assert issubclass(IsolationError, PermissionError)


@pytest.mark.parametrize(
    ("firmware", "detail"), [("exit_boot", "exit code 4"), ("segfault_boot", "killed by SIGSEGV")]
)
def test_end_before_ready_is_told_apart(firmware: str, detail: str, bench: MakeBench, ecus: Path) -> None:
    """Exit code and signal of a core that ends in boot; nothing of it stays."""
    before = children()
    with pytest.raises(CoreDiedError) as caught:
        bench(ProcessCore(), firmware, ecus).remote.boot()
    assert caught.value.exit.detail == detail
    assert children() == before


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_kill_from_outside_is_told_by_name(isolation: str, bench: MakeBench, ecus: Path) -> None:
    """SIGKILL by the user is a crash with that name."""
    core = ProcessCore(isolation=isolation)
    running = bench(core, "echo", ecus)
    running.remote.boot()
    os.kill(core.pid or 0, signal.SIGKILL)
    assert running.exit().detail == "killed by SIGKILL"


def test_exec_failure_is_told_with_its_errno(bench: MakeBench, ecus: Path, tmp_path: Path) -> None:
    """Not as an exit code: the reason reaches the caller."""
    plain = tmp_path / "plain"
    plain.write_bytes((ecus / "echo").read_bytes())
    plain.chmod(0o644)
    with pytest.raises(CoreFirmwareError) as caught:
        bench(ProcessCore(), "plain", tmp_path).remote.boot()
    assert caught.value.errno == errno.EACCES
    assert "chmod +x" in caught.value.hint


def test_missing_cwd_is_told(bench: MakeBench, ecus: Path, tmp_path: Path) -> None:
    """The step that failed is named."""
    with pytest.raises(CoreError, match="cwd") as caught:
        bench(ProcessCore(cwd=tmp_path / "nowhere"), "echo", ecus).remote.boot()
    assert caught.value.errno == errno.ENOENT


def test_library_as_process_names_the_right_kind(bench: MakeBench, ecus: Path) -> None:
    """A shared library is no program."""
    with pytest.raises(CoreFirmwareError) as caught:
        bench(ProcessCore(), "libecho.so", ecus).remote.boot()
    assert 'kind = "library"' in caught.value.hint


def test_children_of_a_core_end_with_it(ecus: Path, work: WorkThread) -> None:
    """Also those in a process group of their own."""
    bus = VirtioRpmsgBus()
    core = ProcessCore()
    remote = RemoteProc(core, "echo", name="ecu", firmware_path=ecus, drivers=[bus], work=work)
    remote.boot()
    with bus.wait_channel(SERVICE, timeout=10).open() as endpoint:
        endpoint.send(b"fork")
        assert endpoint.recv(timeout=10).data == b"fork"
    pid = core.pid
    assert len(session(pid)) == 2
    remote.shutdown()
    end = time.monotonic() + 10
    while session(pid):
        assert time.monotonic() < end, "a child of the core is left"
    assert remote.state is State.OFFLINE


def session(sid: int | None) -> list[int]:
    """Process numbers in a session that live."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name.isdigit() and int(fields[3]) == sid and fields[0] not in "ZX":
            found.append(int(folder.name))
    return found


def test_output_comes_line_by_line_and_marked(ecus: Path, work: WorkThread, bench: MakeBench) -> None:
    """The stream is named; a flood is counted."""
    running = bench(ProcessCore(), "echo", ecus)
    running.remote.boot()
    line = running.line("create ecu")
    assert line.source == "ecu stderr"


def test_attached_debugger_is_seen(bench: MakeBench, ecus: Path) -> None:
    """By the kernel's word for it, which is what keeps time-outs from firing."""
    core = ProcessCore()
    running = bench(core, "echo", ecus)
    running.remote.boot()
    pid = core.pid or 0
    assert tracer_of(pid) == 0
    assert ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, pid, None, None) == 0
    assert tracer_of(pid) == os.getpid()


def test_no_time_out_while_a_debugger_is_attached(bench: MakeBench, ecus: Path) -> None:
    """A boot that is being debugged may take as long as it likes; without the debugger its time is over."""
    seen = []

    def attach_for_a_second() -> None:
        pid = next(iter(wait_for_child()))
        assert ctypes.CDLL(None).ptrace(PTRACE_SEIZE, pid, None, None) == 0
        time.sleep(1.0)
        seen.append(tracer_of(pid))
        # The tracer is this thread: it lets go by ending.

    debugger = threading.Thread(target=attach_for_a_second)
    debugger.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        bench(ProcessCore(), "hang_boot", ecus, timeout=0.5).remote.boot()
    debugger.join()
    assert seen[0] != 0
    assert time.monotonic() - began >= 1.0


def wait_for_child() -> set[int]:
    """Process numbers of children, as soon as there is one."""
    end = time.monotonic() + 10
    while not (found := children()):
        assert time.monotonic() < end
    return found


def test_core_dies_with_its_host(ecus: Path) -> None:
    """Even one that is stuck, when the host is killed without a chance to clean up."""
    script = """
import os, signal, sys
sys.path[:] = sys.argv[2:]
from pathlib import Path
import cores
from cores.sessions import tracer_of
from cores.trial import SERVICE
from rpmsg.bus import VirtioRpmsgBus
from rproc.remoteproc import RemoteProc
core, bus = cores.create("process"), VirtioRpmsgBus()
remote = RemoteProc(core, "echo", name="e", firmware_path=Path(sys.argv[1]), drivers=[bus])
remote.boot()
bus.wait_channel(SERVICE, timeout=10).open().send(b"hang")
print(core.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(ecus), *sys.path], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    end = time.monotonic() + 10
    while session(int(done.stdout)):
        assert time.monotonic() < end, "the core outlived its host"
