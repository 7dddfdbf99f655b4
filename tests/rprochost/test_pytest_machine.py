# SPDX-License-Identifier: Apache-2.0
"""What the plugin's machine remembers, and that its cores and endpoints are otherwise as any."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpmsg import MessageTooLongError
from rprochost import HostCore
from rprochost.config import core_settings
from rprochost.pytest_machine import MESSAGES, SHOWN_BYTES, History, RecordedMachine, Recording, start, stop

LIMIT = 20.0


@pytest.fixture
def recording() -> Recording:
    """A recording of a test that may wait long enough on a loaded machine."""
    return Recording(LIMIT, 7)


@pytest.fixture
def core(images: dict[str, str], recording: Recording) -> Iterator[HostCore]:
    """The echo ECU as a library, recorded."""
    machine = RecordedMachine("test", Path(), recording)
    core = machine.add("door", kind="library", firmware=images["library"])
    assert start(machine) == []
    yield core
    assert stop(machine) == []


def texts(recording: Recording) -> list[str]:
    """Return what the messages of the report say, such as "tx hello"."""
    lines = dict(recording.sections()).get("rproc messages door", "").splitlines()
    return [f"{line.split()[2]} {line.split('|')[1]}" for line in lines if line.startswith("  [")]


def test_every_way_to_send_is_remembered(core: HostCore, recording: Recording) -> None:
    with core.wait_channel("rpmsg-echo").open() as endpoint:
        endpoint.send(b"one")
        endpoint.try_send(bytearray(b"two"))
        assert endpoint.send_many([b"three", b"four"]) == 2
        assert endpoint.send_many(np.frombuffer(b"fivesix.", np.uint8).reshape(2, 4)) == 2
        endpoint.send(np.array([0x41424344], "<u4").data)
        for _ in range(7):
            endpoint.recv()
    sent = [text for text in texts(recording) if text.startswith("tx")]
    assert sent == ["tx one", "tx two", "tx three", "tx four", "tx five", "tx six.", "tx DCBA"]


def test_every_way_to_receive_is_remembered(core: HostCore, recording: Recording) -> None:
    with core.bus.create_endpoint(dst=core.wait_channel("rpmsg-echo").dst, name="own") as endpoint:
        endpoint.send(b"one")
        endpoint.recv()
        endpoint.send(b"two")
        endpoint.recv_many()
        endpoint.send(b"three")
        endpoint.recv_into(np.zeros(4, endpoint.dtype))
        endpoint.send(b"four")
        with endpoint.view() as view:
            assert bytes(view.data) == b"four"
    received = [text for text in texts(recording) if text.startswith("rx")]
    assert received == ["rx one", "rx two", "rx three", "rx four"]


def test_what_was_not_sent_or_received_is_not_remembered(core: HostCore, recording: Recording) -> None:
    with core.wait_channel("rpmsg-echo").open() as endpoint:
        with pytest.raises(MessageTooLongError):
            endpoint.send(bytes(endpoint.mtu + 1))
        with pytest.raises(BlockingIOError):
            endpoint.recv(timeout=0)
    assert texts(recording) == []


def test_each_boot_of_a_core_is_recorded(core: HostCore, recording: Recording) -> None:
    for word in (b"first", b"second"):
        with core.wait_channel("rpmsg-echo").open() as endpoint:
            endpoint.send(word)
            endpoint.recv()
        recording.freeze()
        core.stop()
        core.start()
    assert texts(recording) == ["tx first", "rx first", "tx second", "rx second"]
    assert dict(recording.sections())["rproc trace0 door"] == "echo: booted\n" * 2 + "echo: booted"


def test_times_and_level_of_a_core_are_at_most_those_of_the_options(images: dict[str, str]) -> None:
    machine = RecordedMachine("test", Path(), Recording(0.5, 4))
    options = {"kind": "library", "firmware": images["library"], "boot_timeout": 60, "stop_timeout": 0.25}
    settings = machine.add_core(core_settings("door", options, Path())).settings
    assert (settings.boot_timeout, settings.stop_timeout, settings.log_level) == (0.5, 0.25, 4)


def test_a_report_before_there_is_a_machine_is_empty() -> None:
    assert Recording(LIMIT, 7).sections() == []


@given(st.lists(st.binary(max_size=3 * SHOWN_BYTES), max_size=3 * MESSAGES))
def test_a_history_is_the_last_messages_one_printable_line_each(messages: list[bytes]) -> None:
    history = History("endpoint", lambda: 0)
    for message in messages:
        history.note(history.now_ns(), "rx from", 0x400, message)
    title, *lines = history.lines()
    last = messages[-MESSAGES:]
    assert title == f"endpoint: {len(messages)} messages" + (
        ", the last:" if len(messages) > MESSAGES else ""
    )
    assert [line.partition(": ")[0].split(", ")[1] for line in lines] == [f"{len(one)} bytes" for one in last]
    assert all(line.isprintable() for line in lines)
    assert all(one[:SHOWN_BYTES].hex(" ") in line for one, line in zip(last, lines, strict=True))
