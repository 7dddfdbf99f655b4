# SPDX-License-Identifier: Apache-2.0
"""The checks on single values of a table's TOML: every error names file, line and key and says what to do."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, NoReturn

from resource_tables.errors import TableTextError
from resource_tables.fields import Field, shown
from resource_tables.toml_lines import LineIndex

#: A path to a table: ("entry", "2", "vring", "0").
Where = tuple[str, ...]

#: What is asked for by another name, and the key that stands for it: counts and lengths follow from that.
_ELSEWHERE = {
    "num": "entry",
    "num_of_vrings": "vring",
    "config_len": "config",
    "version": "ver",
    "entries": "entry",
    "vrings": "vring",
    "size": "len",
}
_COUNTS = ("num", "num_of_vrings", "config_len")
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")


class Values:
    """The values of one TOML file. Thread safety: any thread."""

    def __init__(self, file: str, source: str = "") -> None:
        self._file = file
        self._source = source

    @cached_property
    def _lines(self) -> LineIndex:
        return LineIndex(self._source)

    def load(self) -> dict[str, Any]:
        """Return what the file says; TableTextError when it is not TOML."""
        try:
            return tomllib.loads(self._source)
        except RecursionError:
            self.fail((), "is nested too deeply")
        except ValueError as error:
            # Not only TOMLDecodeError: Python itself refuses integers of thousands of digits.
            hint = "strings need quotes, numbers have none: https://toml.io"
            found = _LINE.search(str(error))
            what = f"is not TOML: {_LINE.sub('', str(error)).strip()}"
            raise TableTextError(self._file, int(found[1]) if found else None, "", what, hint) from None

    def fail(self, where: Where, what: str, hint: str = "", key: str = "") -> NoReturn:
        """Raise TableTextError for a key of a table, or for the table itself."""
        line = self._lines.find(*where, *([key] if key else []))
        place = ": ".join(part for part in (spoken(where), key) if part)
        raise TableTextError(self._file, line, place, what, hint)

    def known(self, raw: Mapping[str, Any], where: Where, known: Collection[str]) -> None:
        """Refuse keys that there are not, with the one that was meant."""
        for key in raw:
            if key not in known:
                meant = _ELSEWHERE.get(key, "")
                near = meant if meant in known else _near(key, known)
                hint = f'did you mean "{near}"?' if near else f"known here: {', '.join(known)}"
                if key in _COUNTS and meant in known:
                    hint = f'it follows from "{near}", which says how many there are'
                self.fail(where, "unknown key", hint, key)

    def need(self, raw: Mapping[str, Any], where: Where, key: str, example: str) -> None:
        """Refuse a table without a key."""
        if key not in raw:
            self.fail(where, f'"{key}" is missing', f"{key} = {example}")

    def table(self, raw: object, where: Where) -> Mapping[str, Any]:
        """Return a table."""
        if not isinstance(raw, Mapping):
            self.fail(where, f"must be a table, not {shown(raw)}", f"[[{'.'.join(where[::2])}]]")
        return raw

    def tables(self, raw: Mapping[str, Any], where: Where, key: str) -> list[Any]:
        """Return an array, whose items :meth:`table` looks at; empty when there is none."""
        value = raw.get(key, [])
        if not isinstance(value, list):
            self.fail(where, f"must be an array of tables, not {shown(value)}", f"[[{key}]]", key)
        return value

    def number(self, raw: Mapping[str, Any], where: Where, key: str, default: int, most: int) -> int:
        """Return a number from 0 to ``most``."""
        value = raw.get(key, default)
        if type(value) is not int or not 0 <= value <= most:
            self.fail(where, f"must be a number from 0 to {most:#x}, not {shown(value)}", "", key)
        return value

    def hex(self, raw: Mapping[str, Any], where: Where, key: str) -> bytes:
        """Return the bytes of hexadecimal text, in which blanks and line ends do not count."""
        try:
            return bytes.fromhex(raw.get(key, ""))
        except (TypeError, ValueError):
            what = f"must be a string of hexadecimal digits, two for a byte, not {shown(raw[key])}"
            self.fail(where, what, f'{key} = "0011ff"', key)

    def fields(self, raw: Mapping[str, Any], where: Where, fields: Iterable[Field]) -> dict[str, int]:
        """Return the numbers of the fields by the names of their attributes."""
        values = {}
        for field in fields:
            if field.default is None:
                self.need(raw, where, field.name, f"…, {field.kind.wanted}")
            try:
                number = field.read(raw[field.name]) if field.name in raw else field.default
            except ValueError as error:
                self.fail(where, str(error), _number_hint(raw[field.name], field), field.name)
            values[field.attribute or field.name] = number or 0
        return values

    def choice(self, where: Where, key: str, value: object, words: Collection[str], else_: str) -> NoReturn:
        """Refuse a value that is none of the words, with the one that was meant."""
        near = _near(value, words) if isinstance(value, str) else ""
        known = ", ".join(f'"{word}"' for word in words)
        hint = f'did you mean "{near}"?' if near else ""
        self.fail(where, f"must be {known} or {else_}, not {shown(value)}", hint, key)


def spoken(where: Where) -> str:
    """Return a path in words: entry 2, vring 0. Thread safety: any thread."""
    return ", ".join(" ".join(where[i : i + 2]) for i in range(0, len(where), 2))


def _near(word: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:40], known, 1, 0.5)), "")


def _number_hint(value: object, field: Field) -> str:
    if isinstance(value, str) and value[:1].isdigit() and value.isalnum():
        return f"numbers have no quotes: {field.name} = {value}"
    if value == -1:
        return f'{field.name} = "any"' if field.name == "da" else f"{field.name} = 0xffffffff"
    return ""
