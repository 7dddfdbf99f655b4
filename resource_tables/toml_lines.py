# SPDX-License-Identifier: Apache-2.0
"""Which line of a TOML file says what, since tomllib forgets.

A hint for error messages, not a parser: it knows headers and simple or dotted keys at the start of a line,
which is how such files are written. What it does not find has no line. Linear in the length of the file,
which may be anything.
"""

import re

_HEADER = re.compile(r"(\[\[?)([^\[\]]+)\]")
_KEY = re.compile(r"[A-Za-z0-9_\-\"'. \t]+")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


class LineIndex:
    """Line numbers, from 1, of headers and keys.

    The n-th table of an array has its number from 0 as last part: ("entry", "2", "vring", "0", "num").
    Thread safety: immutable.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        #: Number of the latest table of each array.
        self._latest: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line.lstrip()):
                table = self._enter(_parts(header[2]), header[1] == "[[")
                self._lines.setdefault(table, number)
                continue
            key, equals, _ = line.partition("=")
            if equals and _KEY.fullmatch(key):
                self._lines.setdefault((*table, *_parts(key)), number)

    def _enter(self, parts: tuple[str, ...], is_array: bool) -> tuple[str, ...]:
        """Return the path of the table that a header opens: inside the latest table of every array above."""
        path: tuple[str, ...] = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._latest:
                path = (*path, str(self._latest[path]))
        path = (*path, parts[-1])
        if not is_array:
            return path
        self._latest[path] = self._latest.get(path, -1) + 1
        return (*path, str(self._latest[path]))

    def find(self, *path: str) -> int | None:
        """Return the line of a key, else of the table it stands in, else None."""
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return None
