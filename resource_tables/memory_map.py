# SPDX-License-Identifier: Apache-2.0
"""The memory of a target: named regions, from a TOML file, a profile, a machine file or a device tree.

One format everywhere::

    [[region]]
    name = "vdev0buffer"    # a carveout of that name is matched with it
    da = 0x10040000         # device address, or "any" (also when left out)
    pa = 0x10040000         # physical address, the device address when left out
    size = 0x8000           # bytes
    kind = "reserved"       # "ram", "reserved" (also when left out), "tcm", "rom" or "device"
"""

import os
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NoReturn

from resource_tables.errors import MemoryMapError, UnreadableError
from resource_tables.files import read_text
from resource_tables.model import ADDR_ANY
from resource_tables.toml_lines import LineIndex

#: "reserved" is what the host sets aside for the core and registers under its name; the others are memory
#: that is there anyway.
KINDS = ("ram", "reserved", "tcm", "rom", "device")

_KEYS = ("name", "da", "pa", "size", "kind")
_ANY = "any"
_END = 1 << 64


@dataclass(frozen=True, slots=True)
class Region:
    """A range of memory; addresses and ``size`` in bytes, ``da`` may be ADDR_ANY.

    Thread safety: immutable.
    """

    name: str
    da: int
    pa: int
    size: int
    kind: str = "reserved"

    @property
    def is_fixed(self) -> bool:
        """Whether its device address is known."""
        return self.da != ADDR_ANY

    @property
    def end(self) -> int:
        """The device address behind its last byte, where the address is fixed."""
        return self.da + self.size

    def contains(self, da: int, size: int) -> bool:
        """Whether [da, da + size) lies in it."""
        return self.is_fixed and self.da <= da and da + size <= self.end


@dataclass(frozen=True)
class MemoryMap:
    """All regions of a target, in the order of ``source``, which names where they come from.

    Thread safety: immutable.
    """

    regions: tuple[Region, ...]
    source: str = ""

    @cached_property
    def _by_name(self) -> Mapping[str, Region]:
        return {region.name: region for region in reversed(self.reserved)}

    @cached_property
    def _sorted(self) -> tuple[list[int], list[Region]]:
        """The starts of the fixed regions, and for each the region up to there that reaches furthest.

        If any region that begins at or before an address holds a range from there on, that one does.
        """
        fixed = sorted((region for region in self.regions if region.is_fixed), key=lambda region: region.da)
        return [region.da for region in fixed], list(accumulate(fixed, _further))

    @property
    def reserved(self) -> tuple[Region, ...]:
        """The regions that the host registers under their names before it reads a table."""
        return tuple(region for region in self.regions if region.kind == "reserved")

    def find(self, name: str) -> Region | None:
        """Return the first reserved region of that name, compared as Linux does: exactly."""
        return self._by_name.get(name)

    def containing(self, da: int, size: int) -> Region | None:
        """Return a region that holds all of [da, da + size), or None."""
        starts, furthest = self._sorted
        index = bisect_right(starts, da) - 1
        return furthest[index] if index >= 0 and furthest[index].contains(da, size) else None


def _further(best: Region, other: Region) -> Region:
    return other if other.end > best.end else best


def parse_regions(raw: object, where: str, lines: LineIndex | None = None) -> tuple[Region, ...]:
    """Check the tables of ``[[region]]``; ``where`` names their file, ``lines`` its lines.

    Raises MemoryMapError, which names the region and the key. Thread safety: any thread.
    """
    reader = _Reader(where, lines)
    if not isinstance(raw, list | tuple):
        reader.fail(None, "", "region must be an array of tables", "[[region]]")
    regions = tuple(reader.region(number, item) for number, item in enumerate(raw))
    first: dict[str, int] = {}
    for number, region in enumerate(regions):
        if first.setdefault(region.name, number) != number:
            reader.fail(number, "name", f"name {region.name!r} is that of region {first[region.name]}, too")
    return regions


class _Reader:
    """Turns tables into regions and says what is wrong with one, and where."""

    def __init__(self, where: str, lines: LineIndex | None) -> None:
        self._where = where
        self._lines = lines

    def fail(
        self, number: int | None, key: str, what: str, hint: str = "", rule: str = "MAP_VALUE"
    ) -> NoReturn:
        place = ("region",) if number is None else ("region", str(number), *([key] if key else []))
        line = None if self._lines is None else self._lines.find(*place)
        raise MemoryMapError(self._where, what, rule=rule, region=number, key=key, line=line, hint=hint)

    def region(self, number: int, raw: object) -> Region:
        if not isinstance(raw, Mapping):
            self.fail(number, "", f"must be a table, not {raw!r}", "[[region]]")
        for key in raw:
            if key not in _KEYS:
                import difflib

                near = difflib.get_close_matches(str(key), _KEYS, 1, 0.5)
                known = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(_KEYS)}"
                self.fail(number, key, f'unknown key "{key}"', known, "MAP_KEY")
        for key in ("name", "size"):
            if key not in raw:
                self.fail(number, "", f'"{key}" is missing', rule="MAP_MISSING")
        name, kind = raw["name"], raw.get("kind", "reserved")
        if not isinstance(name, str) or not name or "\0" in name:
            self.fail(number, "name", f"name must be a string that is not empty, not {name!r}")
        if kind not in KINDS:
            self.fail(number, "kind", f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        size = self._whole(number, "size", raw["size"], 1)
        da = ADDR_ANY if raw.get("da", _ANY) == _ANY else self._whole(number, "da", raw["da"], 0)
        pa = self._whole(number, "pa", raw.get("pa", 0 if da == ADDR_ANY else da), 0)
        if da == raw.get("da"):
            self._check_range(number, da, size)
        return Region(name, da, pa, size, kind)

    def _whole(self, number: int, key: str, value: object, low: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < _END:
            also = ' or "any"' if key == "da" else ""
            self.fail(number, key, f"{key} must be an integer from {low} to 2^64 - 1{also}, not {value!r}")
        return value

    def _check_range(self, number: int, da: int, size: int) -> None:
        if da == ADDR_ANY:
            self.fail(number, "da", f"da {da:#x} means any address in a table", 'write da = "any"')
        if da + size > _END:
            self.fail(number, "size", f"size {size:#x} reaches past the last address")


def read_memory_map(path: str | os.PathLike[str]) -> MemoryMap:
    """Read the ``[[region]]`` tables of a TOML file.

    Raises MemoryMapError for what it says, UnreadableError when it cannot be read. Thread safety: any thread.
    """
    name = os.fspath(path)
    try:
        text = read_text(path)
        raw = tomllib.loads(text)
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:
        # Not TOML, not UTF-8, integers of thousands of digits, brackets a thousand deep.
        hint = "strings need quotes, a [table] appears once: https://toml.io"
        raise MemoryMapError(name, f"not TOML: {error}", hint=hint) from None
    lines = LineIndex(text)
    for key in raw:
        if key != "region":
            line = lines.find(key)
            hint = "known here: region"
            raise MemoryMapError(name, f'unknown key "{key}"', rule="MAP_KEY", key=key, line=line, hint=hint)
    return MemoryMap(parse_regions(raw.get("region", []), name, lines), name)
