# SPDX-License-Identifier: Apache-2.0
"""`rproc demo` from start to end, as a user runs it."""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rprochost.cli.common import Output
from rprochost.demo import leftovers
from rprochost.demo.folder import remove_abandoned, temporary_folder
from rprochost.demo.stage import Stage, StepError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

LINES = (
    r"1  Build the example ECU from C",
    r"  ok  echo\.c, \d+ lines of C, built twice",
    r"2  Boot 3 remote cores",
    r"remoteproc remoteproc0: door is available",
    r"remoteproc remoteproc0: powering up door",
    r"remoteproc remoteproc0: Booting fw image libecho\.so, size \d+",
    r"rproc-virtio rproc-virtio\.0\.auto: registered virtio0 \(type 7\)",
    r"remoteproc remoteproc0: remote processor door is now up",
    r"  ok  all 3 cores are up",
    r"  ok  the host filled in \d+ fields of the table",
    r"    window  vdev0vring0  0x4",
    r"3  Ping each core 300 times with 16 bytes",
    r"    door    library +300",
    r"    window  process +300",
    r"    mirror  python +300",
    r"  ok  every answer equals what was sent",
    r"4  Kill the process core, window",
    r"    window  process .* PeerGoneError",
    r"  ok  window: its endpoint raised BrokenPipeError \(EPIPE\) \d+ µs after the kill",
    r"  ok  door, mirror: went on without an error",
    r"remoteproc remoteproc1: recovering window",
    r"  ok  window crashed: signal: killed by SIGKILL",
    r"  ok  window: recovered by itself, and it echoes",
    r"5  Stop everything",
    r"  ok  every core is offline",
    r"  ok  nothing is left: no process, shared memory, thread or file",
    r"6  What to try next",
)


def test_the_demo_shows_what_it_promises_in_order_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    said = run("rproc", "demo", "--count", "300", env={"TMPDIR": str(tmp_path)})
    assert said.returncode == 0, said.stderr
    position = 0
    for line in LINES:
        found = re.compile(line).search(said.stdout, position)
        assert found, f"{line!r} is missing after:\n{said.stdout[:position][-500:]}"
        position = found.start()
    assert max(map(len, said.stdout.splitlines())) <= 100
    assert "\x1b" not in said.stdout + said.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_compiler_it_runs_the_python_core_and_says_what_it_left_out(run: Run) -> None:
    said = run("rproc", "demo", "--count", "50", env={"PATH": "/nonexistent"})
    assert said.returncode == 0, said.stderr
    assert "no C compiler here: the library core and the process core are left out" in said.stdout
    assert "2  Boot 1 remote core\n" in re.sub(r" +[\d.]+ s\n", "\n", said.stdout)
    assert "left out, it needs a C compiler" in said.stdout
    assert "nothing is left" in said.stdout


def test_with_json_every_step_is_an_object(run: Run) -> None:
    said = run("rproc", "demo", "--count", "50", "--json")
    assert said.returncode == 0, said.stdout
    steps = [json.loads(line) for line in said.stdout.splitlines()]
    names = [one["step"] for one in steps]
    assert names == ["build", "boot", "table", "memory", "ping", "ping", "ping", "kill", "stop"]
    assert steps[-1]["left"] == []
    assert all(one["schema"] == 1 for one in steps)


def test_quiet_prints_nothing_when_all_is_well(run: Run) -> None:
    said = run("rproc", "demo", "--count", "50", "-q")
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_next_demo_removes_what_a_killed_one_left(
    run: Run, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = {"TMPDIR": str(tmp_path)}
    with start("rproc", "demo", env=env) as killed:
        assert killed.stdout is not None
        assert any("all 3 cores are up" in line for line in killed.stdout)
        killed.kill()
    (left,) = tmp_path.iterdir()
    with temporary_folder() as mine:
        assert not left.exists()
        assert run("rproc", "demo", "--count", "50", "-q", env=env).returncode == 0
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_demos_are_removed(tmp_path: Path) -> None:
    mine = tmp_path / "rproc-demo-notes"
    mine.mkdir()
    (tmp_path / "rproc-demo-link").symlink_to(mine)
    (tmp_path / "rproc-demo-file").touch()
    before = sorted(tmp_path.iterdir())
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_left_behind_is_found() -> None:
    before = leftovers.Snapshot.take()
    assert leftovers.Snapshot.take().more_than(before) == []
    memory = os.memfd_create("left-behind")
    child = subprocess.Popen(["sleep", "60"])
    try:
        left = leftovers.Snapshot.take().more_than(before)
        assert left == ["1 processes", "1 descriptors of shared memory"]
    finally:
        os.close(memory)
        child.kill()
        child.wait()


def test_a_step_that_does_not_hold_is_an_error() -> None:
    output = Output("rproc", argparse.Namespace(json=False, quiet=True, verbose=False))
    with pytest.raises(StepError, match="this does not hold: up is down"):
        Stage(output).check(False, "up is down")
