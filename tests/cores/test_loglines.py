# SPDX-License-Identifier: Apache-2.0
"""Lines of cores in the log: cut, marked, limited."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cores.loglines import BURST_LINES, CUT_MARK, LINE_BYTES, LineReader
from virtio import KernelLog


class FixedClock:
    """A clock that is set by hand. Thread safety: none."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """Seconds as set."""
        return self.seconds

    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return int(self.seconds * 1e9)


class Pipe:
    """A reader and the end to write to. Thread safety: none."""

    def __init__(self, stream: str = "stdout") -> None:
        self.clock = FixedClock()
        self.log = KernelLog()
        read_end, self.write_end = os.pipe()
        self.reader = LineReader(read_end, self.log, "ecu", stream=stream, clock=self.clock)

    def write(self, data: bytes) -> None:
        """Write and let the reader read it all."""
        while data:
            data = data[os.write(self.write_end, data[:32768]) :]
            self.reader.read()

    def texts(self) -> list[str]:
        """Texts of the log."""
        return [line.text for line in self.log.lines]

    def close(self) -> None:
        """Close both ends. May be called again."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1
        self.reader.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe with a reader."""
    made = Pipe()
    yield made
    made.close()


def test_lines_are_marked_with_name_and_stream(pipe: Pipe) -> None:
    """A line with a level is the core's own log and has the name alone."""
    pipe.write(b"plain\n<3>bad news\n")
    assert [(line.source, line.level, line.text) for line in pipe.log.lines] == [
        ("ecu stdout", 6, "plain"),
        ("ecu", 3, "bad news"),
    ]


def test_line_in_pieces_is_one_line(pipe: Pipe) -> None:
    """Whatever a read returns, a line ends at its newline, or at the end of the pipe."""
    for piece in (b"he", b"llo\nwor", b"ld"):
        pipe.write(piece)
    pipe.close()
    assert pipe.texts() == ["hello", "world"]


def test_long_line_is_cut_with_a_mark(pipe: Pipe) -> None:
    """Also one that never ends; what follows its end is a line again."""
    for _ in range(100):
        pipe.write(b"x" * 1000)
    pipe.write(b"\nnext\n")
    assert pipe.texts() == ["x" * LINE_BYTES + CUT_MARK, "next"]


def test_control_bytes_are_escaped(pipe: Pipe) -> None:
    """Nothing that a core prints moves the cursor of the terminal that shows it."""
    pipe.write(b"\x1b[2J\x00\xff\n")
    assert pipe.texts() == ["\\x1b[2J\\x00\N{REPLACEMENT CHARACTER}"]


def test_flood_is_counted_in_one_line(pipe: Pipe) -> None:
    """No more lines than the rate allows; when it calms down, the log says how many were lost."""
    pipe.write(b"line\n" * (BURST_LINES + 5000))
    assert len(pipe.texts()) == BURST_LINES
    pipe.clock.seconds = 10
    pipe.write(b"calm\n")
    assert pipe.texts()[-2:] == ["5000 lines suppressed", "calm"]


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_any_bytes_give_bounded_lines(pieces: list[bytes]) -> None:
    """As many lines as there are newlines, at most one more, none longer than the limit allows."""
    pipe = Pipe()
    for piece in pieces:
        pipe.write(piece)
    pipe.close()
    data = b"".join(pieces)
    assert len(pipe.texts()) <= data.count(b"\n") + 1
    # A byte becomes at most the four characters of its escape.
    assert all(len(text) <= 4 * (LINE_BYTES + len(CUT_MARK)) for text in pipe.texts())


def test_end_of_the_pipe_is_told(pipe: Pipe) -> None:
    """So that nobody waits for it any more."""
    assert pipe.reader.read()
    os.close(pipe.write_end)
    pipe.write_end = -1
    assert not pipe.reader.read()


def test_what_a_core_wrote_before_it_ended_is_not_lost(pipe: Pipe) -> None:
    """A whole pipe of it, read at the end."""
    line = b"y" * 999 + b"\n"
    for _ in range(60):
        os.write(pipe.write_end, line)
    pipe.reader.drain()
    assert len(pipe.texts()) == 60
