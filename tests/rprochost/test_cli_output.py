# SPDX-License-Identifier: Apache-2.0
"""Where the commands write: closed, full and narrow outputs, names that would steer a terminal, odd bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rprochost.cli.common import explain
from tests.rprochost.conftest import LIMIT, Run, command


def _shell(line: str, tool: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command inside a line of bash, in which it is "$@"."""
    words = ["bash", "-c", line, "bash", *command(tool, *arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.fixture
def ping(images: dict[str, str]) -> tuple[str, ...]:
    """A command with more to say than one line."""
    return ("rpmsg", "ping", "--firmware", images["process"], "rpmsg-echo", "--interval", "0.001")


def test_without_stdout_a_command_does_its_work(ping: tuple[str, ...]) -> None:
    said = _shell('"$@" --count 2 >&-', *ping)
    assert (said.returncode, said.stderr) == (0, "")


def test_without_stderr_an_error_is_only_an_exit_code(tmp_path: Path) -> None:
    said = _shell('"$@" 2>&-', "rproc", "table", "show", str(tmp_path / "none"))
    assert (said.returncode, said.stdout) == (1, "")


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_full_disk_is_an_error_on_stderr(ping: tuple[str, ...], form: str) -> None:
    said = _shell(f'"$@" {form} >/dev/full', *ping)
    assert said.returncode == 1
    assert said.stderr.splitlines()[0] == "rpmsg: standard output: No space left on device"
    assert "Traceback" not in said.stderr


def test_a_full_disk_ends_a_core_in_the_foreground(images: dict[str, str]) -> None:
    said = _shell('"$@" >/dev/full', "rproc", "run", images["process"])
    assert said.returncode == 1
    assert "No space left on device" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_reader_that_leaves_is_no_failure_to_tell_about(ping: tuple[str, ...]) -> None:
    said = _shell('set -o pipefail; "$@" | head -n 1', *ping)
    assert (said.returncode, said.stderr) == (128 + signal.SIGPIPE, "")


def test_a_terminal_without_the_characters_shows_escapes(run: Run, images: dict[str, str]) -> None:
    said = run(
        "rpmsg", "ping", "--firmware", images["process"], "rpmsg-echo", "--count", "1",
        env={"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert r"\xb5s" in said.stdout


ECU = """
from cores import PythonCore

class Loud(PythonCore):
    services = ("a\\x1b]0;b\\x07\\nc",)
"""


def test_names_that_a_core_chose_do_not_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "loud.py"
    file.write_text(ECU)
    listed = run("rpmsg", "ls", "--firmware", f"{file}:Loud")
    missed = run("rpmsg", "recv", "--firmware", f"{file}:Loud", "other", "--timeout", "0.2")
    assert listed.returncode == 0
    assert r"a\x1b]0;b\x07\nc" in listed.stdout
    assert r"a\x1b]0;b\x07\nc" in missed.stderr
    assert "\x1b" not in listed.stdout + missed.stderr


def test_bytes_that_are_no_text_are_sent_as_they_are(images: dict[str, str]) -> None:
    send = ("rpmsg", "send", "--reply", "--firmware", images["process"], "rpmsg-echo")
    assert _shell("\"$@\" $'a\\xff'", *send).stdout.startswith("61 ff\n")
    assert _shell('printf "a\\377\\nb\\n" | "$@"', *send).stdout.startswith("61 ff\nb\n")


def test_stdin_can_be_closed(images: dict[str, str]) -> None:
    said = _shell('"$@" <&-', "rpmsg", "send", "--firmware", images["process"], "rpmsg-echo")
    assert (said.returncode, said.stdout) == (0, "0 messages, 0 bytes to rpmsg-echo\n")


def test_an_error_of_an_endpoint_names_core_and_firmware(run: Run, images: dict[str, str]) -> None:
    said = run("rpmsg", "ping", "--firmware", images["process"], "rpmsg-echo", "--size", "5000")
    assert said.returncode == 1
    assert said.stderr.startswith(f"rpmsg: echo: {images['process']}: message is too big")


def test_a_kind_nobody_provides_is_told_with_file_and_core(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.write_text('[core.door]\nkind = "proces"\nfirmware = "x"\n')
    said = run("rpmsg", "ls", "--machine", str(file))
    assert said.returncode == 1
    assert said.stderr.startswith(f"rpmsg: door: {file}: no kind of core 'proces'")


def test_a_machine_without_cores_is_told_as_such(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "machine.toml"
    file.touch()
    said = run("rpmsg", "recv", "--machine", str(file), "x", "--timeout", "0")
    assert "hint: the machine has no cores" in said.stderr


def test_the_common_errors_of_the_system_have_a_hint(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(OSError) as caught:
            path.read_bytes()
        assert explain(caught.value)["hint"]


def test_a_signal_during_a_boot_that_does_not_end_keeps_its_exit_code(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    ready = tmp_path / "ready"
    file.write_text(
        "import time\nfrom pathlib import Path\nfrom cores import PythonCore\n\n"
        "class Slow(PythonCore):\n    def on_boot(self):\n"
        f"        Path({str(ready)!r}).touch()\n        time.sleep(3)\n"
    )
    host = subprocess.Popen(
        command("rproc", "run", f"{file}:Slow"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not ready.exists() and host.poll() is None:
            time.sleep(0.01)
        os.kill(host.pid, signal.SIGTERM)
        _, errors = host.communicate(timeout=LIMIT)
        assert host.returncode == 143, errors
    finally:
        host.kill()
        host.communicate()
