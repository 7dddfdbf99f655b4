# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and kill -9: whatever ends the host, its cores end with it."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]
LIMIT = 20.0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def _read_until(host: "subprocess.Popen[str]", *words: str) -> None:
    """Read lines until each of the words has come, in any order."""
    assert host.stdout is not None
    missing = set(words)
    for line in host.stdout:
        missing -= {word for word in missing if word in line}
        if not missing:
            return
    pytest.fail(f"the command ended without {words!r}: {host.stderr and host.stderr.read()}")


@pytest.fixture
def host(start: Start, images: dict[str, str], kind: str) -> "Iterator[subprocess.Popen[str]]":
    """`rproc run` with a core that is up."""
    process = start("rproc", "run", images[kind], "--name", "door")
    try:
        _read_until(process, "creating channel", "is now up")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_core_in_order_and_is_the_exit_code(
    host: "subprocess.Popen[str]", kind: str, number: signal.Signals, code: int
) -> None:
    cores = _children(host.pid)
    assert bool(cores) == (kind == "process")
    host.send_signal(number)
    said, errors = host.communicate(timeout=LIMIT)
    assert host.returncode == code
    assert "stopped remote processor door" in said
    assert errors == ""
    assert not [pid for pid in cores if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("kind", ["process"])
def test_kill_9_of_the_host_ends_its_process_cores(host: "subprocess.Popen[str]") -> None:
    (core,) = _children(host.pid)
    watched = os.pidfd_open(core)
    try:
        host.kill()
        host.wait(LIMIT)
        assert select.select([watched], [], [], LIMIT)[0] == [watched]
    finally:
        os.close(watched)


@pytest.mark.parametrize("module", ["rprochost.cli", "rprochost.cli.rpmsg"])
@pytest.mark.parametrize("imported", ["argparse", "typing", "rprochost.cli.target"])
def test_ctrl_c_while_the_command_is_still_imported_ends_it_without_a_word(
    module: str, imported: str
) -> None:
    # Without the site's own imports, which are over when the command begins.
    code = (
        "import os, signal, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "class CtrlC:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {imported!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, CtrlC())\n"
        f"from {module} import main\n"
        "sys.exit(main(['--help']))\n"
    )
    command = [sys.executable, "-S", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_ends_a_ping_in_mid_traffic(start: Start, images: dict[str, str], kind: str) -> None:
    arguments = ("--count", "1000000000", "--interval", "0.01")
    process = start("rpmsg", "ping", "--firmware", images[kind], "rpmsg-echo", *arguments)
    try:
        _read_until(process, "seq=3")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_ends_a_wait_for_ever(start: Start, images: dict[str, str]) -> None:
    process = start("rpmsg", "recv", "--firmware", images["process"], "rpmsg-echo", "--first", "hello")
    try:
        _read_until(process, "hello")
        # It now waits without a time-out, in C.
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT)
        assert (process.returncode, errors) == (130, "")
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_leaves_ends_run(start: Start, images: dict[str, str]) -> None:
    process = start("rproc", "run", images["process"])
    try:
        _read_until(process, "is now up", "creating channel")
        (core,) = _children(process.pid)
        assert process.stdout is not None
        process.stdout.close()
        # The next log line finds nobody there.
        os.kill(core, signal.SIGKILL)
        assert process.wait(LIMIT) == 128 + signal.SIGPIPE
        assert process.stderr is not None
        assert "BrokenPipe" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
