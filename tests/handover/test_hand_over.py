# SPDX-License-Identifier: Apache-2.0
"""The hand-over of docs/hand-over.md, with a core of the SDK and one written from the document."""

import errno
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.handover.host import NUM, OWN_ADDRESS, RESET_DONE, STOP, STOPPED, TRACE_DA, Host, booted

ROOT = Path(__file__).parents[2]
FROM_DOC = Path(__file__).with_name("core_from_doc.py")


@pytest.fixture(scope="session")
def echo_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build examples/echo as an executable with sections collected, all by hand with the C compiler."""
    compiler = shutil.which("cc")
    assert compiler
    program = str(tmp_path_factory.mktemp("echo") / "echo")
    sdk = ROOT / "sdk"
    sources = [str(path) for folder in ("src", "posix") for path in sorted((sdk / folder).glob("*.c"))]
    options = ["-std=c11", "-O1", "-fPIE", "-pie", "-ffunction-sections", "-fdata-sections", "-pthread"]
    options += ["-fvisibility=hidden", "-Wl,--gc-sections", f"-I{sdk / 'include'}"]
    layout = [str(sdk / "cmake/image_size.ld"), "-Wl,-u,ecu_get_ops", "-o", program]
    subprocess.run([compiler, *options, str(ROOT / "examples/echo/echo.c"), *sources, *layout], check=True)
    return program


@pytest.fixture(params=["sdk", "document"])
def command(request: pytest.FixtureRequest) -> list[str]:
    """Command line of a core that echoes."""
    if request.param == "sdk":
        return [str(request.getfixturevalue("echo_program"))]
    return [sys.executable, str(FROM_DOC)]


def connect(host: Host) -> int:
    """Bring the link up and return the address that the core announces."""
    host.link_up()
    src, dst, data = host.receive()
    name, addr, flags = struct.unpack("<32sII", data)
    assert (src, dst, name.rstrip(b"\0"), flags) == (addr, 53, b"rpmsg-echo", 0)
    return int(addr)


def test_ready_comes_before_driver_ok_and_nothing_is_rung_until_then(command: list[str]) -> None:
    with booted(command) as host:
        host.ring()
        host.say(STOP)
        assert host.hear()[0] == STOPPED
        assert host.exit_status() == 0
        with pytest.raises(BlockingIOError):
            os.eventfd_read(host.event)


def test_every_message_is_answered_with_its_bytes(command: list[str]) -> None:
    with booted(command) as host:
        service = connect(host)
        for size in (0, 1, 7, 100, 495, 496):
            data = os.urandom(size)
            assert host.send(service, data)
            assert host.receive() == (service, OWN_ADDRESS, data)


def test_answers_wait_for_buffers_and_none_is_lost(command: list[str]) -> None:
    with booted(command) as host:
        service = connect(host)
        for turn in range(20):
            sent: list[bytes] = []
            while len(sent) < 2 * NUM:  # twice what the ring of the answers holds
                data = struct.pack("<II", turn, len(sent))
                if host.send(service, data):
                    sent.append(data)
                else:
                    host.wait_bell()
            assert [host.receive()[2] for _ in sent] == sent


def test_stop_is_answered_by_stopped_and_exit_status_0(command: list[str]) -> None:
    with booted(command) as host:
        connect(host)
        host.say(STOP)
        assert host.hear() == (STOPPED, b"")
        assert host.hear()[0] == 0
        assert host.exit_status() == 0


def test_a_hang_up_of_the_control_socket_ends_the_core(command: list[str]) -> None:
    with booted(command) as host:
        connect(host)
        host.control.close()
        assert host.exit_status() == 1


def test_a_link_comes_up_again_after_reset(command: list[str]) -> None:
    with booted(command) as host:
        connect(host)
        for _ in range(3):
            host.reset()
            assert host.hear() == (RESET_DONE, b"")
            service = connect(host)
            assert host.send(service, b"again")
            assert host.receive() == (service, OWN_ADDRESS, b"again")


def test_another_major_version_is_refused_with_both_numbers(command: list[str]) -> None:
    host = Host()
    try:
        host.start(command)
        host.greet(major=3)
        error, text = host.hear_error()
        assert error == errno.EPROTO
        assert "3.0" in text
        assert "1.0" in text
        assert host.exit_status() == 1
    finally:
        host.close()


def test_a_host_that_dies_before_hello_leaves_no_core(command: list[str]) -> None:
    host = Host()
    try:
        host.start(command)
        host.control.close()
        assert host.exit_status() == 1
    finally:
        host.close()


def test_the_trace_buffer_shows_the_line_of_the_example(echo_program: str) -> None:
    with booted([echo_program]) as host:
        assert host.read(TRACE_DA, 64).split(b"\0")[0] == b"echo: booted\n"


@pytest.mark.parametrize("value", [None, "", "x", "-1", "99999999999", "0"])
def test_an_executable_started_by_hand_says_how_to_run_it(echo_program: str, value: str | None) -> None:
    environment = {} if value is None else {"ECUSDK_FD": value}
    done = subprocess.run(
        [echo_program], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"rproc run {echo_program}" in done.stderr
    assert ("ECUSDK_FD" in done.stderr) == (value is not None)


def test_the_document_names_every_message_type_of_the_header() -> None:
    header = (ROOT / "sdk/include/ecusdk/handover.h").read_text()
    document = (ROOT / "docs/hand-over.md").read_text()
    types = header.split("enum ecu_ctl_type {")[1].split("};")[0]
    lines = [line.split() for line in types.splitlines() if "ECU_CTL_" in line]
    assert len(lines) == 12
    for line in lines:
        name, number = line[0].removeprefix("ECU_CTL_"), line[2].rstrip(",")
        assert f"| {number} | {name} |" in document
