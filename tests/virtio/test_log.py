# SPDX-License-Identifier: Apache-2.0
"""The kernel-like log."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtio import KernelLog, LogLine
from virtio.log import MAX_LINES, stamp


class _StepClock:
    """A clock that goes on by one microsecond for each look."""

    def __init__(self) -> None:
        self.time_ns = 5_000_000_000

    def now(self) -> float:
        return self.now_ns() / 1e9

    def now_ns(self) -> int:
        self.time_ns += 1000
        return self.time_ns


def test_a_line_looks_like_dmesg() -> None:
    line = LogLine(1_234_567_891, 6, "remoteproc remoteproc0", "door is available")
    assert str(line) == "[    1.234567] remoteproc remoteproc0: door is available"


def test_times_count_from_the_beginning_of_the_topmost_log() -> None:
    clock = _StepClock()
    machine = KernelLog(clock=clock)
    clock.time_ns += 1_000_000_000
    KernelLog(parent=machine).info("a", "first")
    assert [line.time_ns for line in machine.lines] == [1_000_001_000]


def test_a_time_asked_for_is_that_of_a_line_logged_now() -> None:
    clock = _StepClock()
    machine = KernelLog(clock=clock)
    child = KernelLog(parent=machine)
    machine.info("a", "first")
    assert [line.time_ns for line in machine.lines] == [child.now_ns() - 1000]
    assert str(machine.lines[0]).startswith(stamp(machine.lines[0].time_ns))


def test_lines_reach_parent_subscribers_and_logging(caplog: pytest.LogCaptureFixture) -> None:
    machine = KernelLog()
    core = KernelLog(parent=machine)
    seen: list[str] = []
    unsubscribe = machine.subscribe(lambda line: seen.append(line.text))
    with caplog.at_level(logging.DEBUG, "rproc"):
        core.err("core", "one")
        unsubscribe()
        core.debug("core", "two")
    assert [line.text for line in machine.lines] == ["one", "two"]
    assert seen == ["one"]
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.ERROR, "core: one"),
        (logging.DEBUG, "core: two"),
    ]


def test_lines_above_the_level_are_dropped() -> None:
    log = KernelLog(level=4)
    for level in range(9):
        log.emit(level, "s", str(level))
    assert [line.text for line in log.lines] == ["0", "1", "2", "3", "4"]


def test_only_the_last_lines_are_kept() -> None:
    log = KernelLog()
    for number in range(MAX_LINES + 10):
        log.info("s", str(number))
    assert (len(log.lines), log.lines[0].text) == (MAX_LINES, "10")


def test_a_failing_subscriber_disturbs_nobody() -> None:
    log = KernelLog()
    seen: list[LogLine] = []

    def fail(line: LogLine) -> None:
        raise RuntimeError("subscriber")

    log.subscribe(fail)
    log.subscribe(seen.append)
    log.info("s", "text")
    assert [line.text for line in seen] == ["text"]


@given(st.text())
def test_a_line_is_one_line_of_printable_text(text: str) -> None:
    log = KernelLog()
    log.info("s", text)
    shown = log.lines[0].text
    assert shown.replace("\t", "").isprintable()
    if text.isprintable():
        assert shown == text


def test_escape_sequences_of_a_core_do_not_reach_the_terminal() -> None:
    log = KernelLog()
    log.info("s", "a\x1b[2Jb\nc\u202ed")
    assert log.lines[0].text == "a\\x1b[2Jb\\nc\\u202ed"
