# SPDX-License-Identifier: Apache-2.0
"""Tables, colours and progress."""

import fcntl
import io
import os
import pty
import select
import struct
import termios
import time

import pytest

from rprochost.text import Progress, Style, microseconds, table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_numbers_are_set_to_the_right_and_words_to_the_left() -> None:
    assert table(("core", "µs"), [("door", "1.5"), ("w", "-")], "") == [
        "core   µs",
        "----  ---",
        "door  1.5",
        "w       -",
    ]


def test_colours_appear_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Style(Terminal())("up", "green", "bold") == "\x1b[32;1mup\x1b[0m"
    assert Style(io.StringIO())("up", "green") == "up"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_color_and_dumb_terminals_turn_colours_off(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert Style(Terminal())("up", "green") == "up"


def test_progress_on_a_terminal_is_a_bar_that_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Progress("ping", 10, stream=stream) as progress:
        progress.update(1)
        assert stream.getvalue() == ""
        time.sleep(0.06)
        progress.update(5, "half")
    assert "[###############...............]  50% 5/10  half" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_in_a_log_is_silent_for_the_first_second() -> None:
    stream = io.StringIO()
    with Progress("ping", 10, stream=stream) as progress:
        for number in range(10):
            progress.update(number)
    assert stream.getvalue() == ""


def test_times_have_three_digits_that_mean_something() -> None:
    assert [microseconds(ns) for ns in (1234, 99_990, 123_456)] == ["1.23", "99.99", "123"]


def test_progress_never_breaks_a_line_of_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        with (
            os.fdopen(theirs, "w", closefd=False) as stream,
            Progress("ping", 1000, stream=stream) as progress,
        ):
            until = time.monotonic() + 20
            while not select.select([ours], [], [], 0)[0] and time.monotonic() < until:
                progress.update(500, "a long remark that does not fit")
        shown = os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    bar = shown.split("\x1b[K")[1].split("\r")[0]
    assert "50% 500/1000" in bar
    assert len(bar) < 40
