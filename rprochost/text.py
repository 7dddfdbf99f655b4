# SPDX-License-Identifier: Apache-2.0
"""Plain text for people: colours only on a terminal, tables, progress."""

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

#: No line of ours is longer.
WIDTH = 100

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Style:
    """Colours for one stream: only on a terminal, and never with NO_COLOR set (https://no-color.org).

    Thread safety: immutable.
    """

    def __init__(self, stream: TextIO) -> None:
        self.enabled = _is_terminal(stream) and not os.environ.get("NO_COLOR")

    def __call__(self, text: str, *names: str) -> str:
        """Return text in the colours named: bold, dim, red, green, yellow, cyan."""
        if not self.enabled or not names:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


def _is_terminal(stream: TextIO) -> bool:
    """Return whether the stream obeys escape sequences; Windows' old console shows them."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return os.name != "nt" or "WT_SESSION" in os.environ


def table(header: Sequence[str], rows: Sequence[Sequence[object]], indent: str = "  ") -> list[str]:
    """Return the lines of a table; columns whose cells are all numbers (or "-") are set to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(header), *cells]) for column in range(len(header))]
    right = [all(_numeric(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        fields = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        return (indent + "  ".join(fields)).rstrip()

    return [line(list(header)), line(["-" * width for width in widths]), *map(line, cells)]


def _numeric(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "").replace(",", "").replace(" ", "").isdigit()


def microseconds(ns: float) -> str:
    """Return a time in microseconds with as many decimals as mean something."""
    us = ns / 1000
    return f"{us:.2f}" if us < 100 else f"{us:.0f}"


def _columns(stream: TextIO) -> int:
    """Return how long a line may be: one that a narrow terminal breaks cannot be taken back."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return WIDTH
    return min(columns - 1, WIDTH) if columns > 1 else WIDTH


class Progress:
    """Shows how far a loop is: a bar on a terminal, else a line per second; nothing in the first second of a
    log.

    A context manager; :meth:`update` costs one comparison most of the time. Thread safety: none; the caller
    serialises.
    """

    def __init__(
        self, label: str, total: int | None, *, stream: TextIO | None = None, quiet: bool = False
    ) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._tty = _is_terminal(self._stream)
        self._quiet = quiet
        self._period_ns = 50_000_000 if self._tty else 1_000_000_000
        self._next_ns = time.monotonic_ns() + self._period_ns
        self._drawn = False
        self._width = _columns(self._stream) if self._tty else WIDTH

    def __enter__(self) -> Self:
        return self

    def update(self, done: int, note: str = "") -> None:
        """Say that ``done`` of the total are done."""
        if self._quiet or time.monotonic_ns() < self._next_ns:
            return
        self._next_ns = time.monotonic_ns() + self._period_ns
        self._drawn = True
        print(self._line(done, note), end="" if self._tty else "\n", file=self._stream, flush=True)

    def _line(self, done: int, note: str) -> str:
        if self._total is None:
            shown = f"{self._label} {done}"
        else:
            part = min(done / self._total, 1.0) if self._total else 1.0
            numbers = f"{part:4.0%} {done}/{self._total}"
            room = min(max(self._width - len(self._label) - len(numbers) - 4, 0), 30)
            filled = int(part * room)
            shown = f"{self._label} [{'#' * filled}{'.' * (room - filled)}] {numbers}"
        line = f"{shown}  {note}".rstrip()[: self._width]
        return f"\r\x1b[K{line}" if self._tty else line

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The bar was for watching; what stays on the screen is the result that follows it.
        if self._tty and self._drawn:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
