# SPDX-License-Identifier: Apache-2.0
"""Who is to load the image: which checks that loader has, and what is known of its target.

A profile is a TOML file. Those of the project lie in ``profiles``; a user's own is given by its path and may
begin with ``base = "linux-6.12"``: what it says takes the place of what the base says, only the tables
``severity``, ``log`` and ``vendor_types`` are merged.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from resource_tables.checks import CHECKS
from resource_tables.errors import MemoryMapError, ProfileError, UnreadableError
from resource_tables.files import read_text
from resource_tables.lint.rules.rule import Severity
from resource_tables.memory_map import MemoryMap, parse_regions
from resource_tables.toml_lines import LineIndex

_FOLDER = Path(__file__).parent / "profiles"
_SUFFIX = ".toml"

LOADERS = ("linux-6.1", "linux-6.12", "openamp", "ecu-host")
#: Machines whose images run on this kind of PC (e_machine: x86-64, AArch64).
HOST_MACHINES = (62, 183)

_CHECK_IDS = frozenset(check.id for check in CHECKS)


def _empty() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A loader and its target; the fields are the keys of a profile's file, ``memory`` its ``[[region]]``.

    Thread safety: immutable.
    """

    name: str
    title: str
    loader: str
    #: Checks of Linux that this loader does not have.
    ignored: frozenset[str] = frozenset()
    #: Checks that Linux does not have and this loader has; ``own`` stands for all of them.
    also: frozenset[str] = frozenset()
    own: bool = False
    #: Whether the target has an IOMMU for this core; None where nobody knows.
    iommu: bool | None = None
    #: Whether an image without a table, or with one whose header is refused, ends the boot.
    table_required: bool = True
    #: Whether a table that is refused later, for its entries, is left out and the image started without.
    drops_table: bool = False
    #: Whether a ring's da 0 means any address.
    zero_is_any: bool = False
    #: What e_machine may be; empty where that is not known.
    machines: tuple[int, ...] = ()
    #: Entry types that the target's driver knows, with their names.
    vendor_types: Mapping[int, str] = field(default_factory=_empty)
    #: Bytes of a running core's table that its driver looks at, or None where it cannot attach.
    attach_window: int | None = None
    memory: MemoryMap | None = None
    #: Severities that take the place of a rule's, by its id.
    severity: Mapping[str, Severity] = field(default_factory=_empty)
    #: What this loader logs for a check, by its id, where it does not use Linux's words.
    log: Mapping[str, str] = field(default_factory=_empty)

    def refuses(self, check: str, kernel: bool) -> bool:
        """Whether this loader has the check of that id; ``kernel`` tells whether it is one of Linux's."""
        return check not in self.ignored and (kernel or self.own or check in self.also)

    @property
    def speaks_linux(self) -> bool:
        """Whether its errno and log lines are those of Linux."""
        return self.loader != "openamp"


@cache
def profile_names() -> tuple[str, ...]:
    """Return the names of the project's profiles. Thread safety: any thread."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*" + _SUFFIX)))


def load_profile(name_or_path: str | os.PathLike[str]) -> Profile:
    """Return a profile of the project by its name, or a user's by its path.

    What has a folder or the ending ".toml" is a path. Raises ProfileError for what it says or when there is
    none of that name, UnreadableError for a file that cannot be read. Thread safety: any thread.
    """
    path = Path(name_or_path)
    if path.suffix == _SUFFIX or len(path.parts) != 1:
        return _read(path, path.stem)
    return _built_in(str(path))


def profile_for(machine: int | None) -> Profile:
    """Return the profile for an image of that e_machine: ecu-host for this kind of PC, else linux-6.12.

    Thread safety: any thread.
    """
    return _built_in("ecu-host" if machine in HOST_MACHINES else "linux-6.12")


@cache
def _built_in(name: str) -> Profile:
    known = profile_names()
    if name not in known:
        raise ProfileError(
            f'no profile is named "{name}"', f"known: {', '.join(known)}, or the path of a file"
        )
    return _read(_FOLDER / (name + _SUFFIX), name)


def _read(path: Path, name: str) -> Profile:
    try:
        text = read_text(path)
        raw = tomllib.loads(text)
    except UnreadableError:
        raise
    except (ValueError, RecursionError) as error:
        # Not TOML, not UTF-8, integers of thousands of digits, brackets a thousand deep.
        raise ProfileError(f"{path}: not TOML: {error}", "strings need quotes: https://toml.io") from None
    return _Reader(path, LineIndex(text)).profile(name, raw)


class _Reader:
    """Checks the keys of one file, and says where it is wrong."""

    def __init__(self, path: Path, lines: LineIndex) -> None:
        self._path = path
        self._lines = lines

    def fail(self, key: str, what: str, hint: str = "") -> NoReturn:
        line = self._lines.find(key)
        place = str(self._path) if line is None else f"{self._path}:{line}"
        raise ProfileError(f"{place}: {what}", hint)

    def profile(self, name: str, raw: dict[str, Any]) -> Profile:
        base = self._base(raw.pop("base", None))
        values: dict[str, Any] = {"name": name}
        for key, value in raw.items():
            if key == "region":
                values["memory"] = self._memory(name, value)
            elif key in _KEYS:
                values[key] = self._value(key, value)
            else:
                self.fail(
                    key,
                    f'unknown key "{key}"',
                    f"known here: {', '.join(sorted((*_KEYS, 'base', 'region')))}",
                )
        if base is None:
            for key in ("title", "loader"):
                if key not in values:
                    self.fail(key, f'"{key}" is missing', 'or begin with base = "linux-6.12"')
            return Profile(**values)
        for key in ("severity", "log", "vendor_types"):
            if key in values:
                values[key] = MappingProxyType({**getattr(base, key), **values[key]})
        return replace(base, **values)

    def _base(self, name: object) -> Profile | None:
        if name is None:
            return None
        if name not in profile_names():
            self.fail("base", f"base must be one of {', '.join(profile_names())}, not {name!r}")
        return _built_in(str(name))

    def _memory(self, name: str, raw: object) -> MemoryMap:
        try:
            return MemoryMap(parse_regions(raw, str(self._path), self._lines), f"profile {name}")
        except MemoryMapError as error:
            raise ProfileError(str(error), error.hint) from None

    def _value(self, key: str, value: object) -> object:
        try:
            return _KEYS[key](value)
        except ValueError as error:
            self.fail(key, f"{key} {error}")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be a string that is not empty, not {value!r}")
    return value


def _one_of(words: tuple[str, ...], value: object) -> str:
    if value not in words:
        raise ValueError(f"must be one of {', '.join(words)}, not {value!r}")
    return str(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise ValueError(f"must be a 32-bit number, not {value!r}")
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError(f"must be an array of numbers, not {value!r}")
    return tuple(_number(item) for item in value)


def _check_id(value: object) -> str:
    id_ = _text(value)
    if id_ not in _CHECK_IDS:
        raise ValueError(f"names no check: {id_!r}")
    return id_


def _check_ids(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise ValueError(f"must be an array of checks, not {value!r}")
    return frozenset(_check_id(item) for item in value)


def _table(
    read_key: Callable[[str], Any], read_value: Callable[[object], Any], value: object
) -> Mapping[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table, not {value!r}")
    return MappingProxyType({read_key(key): read_value(item) for key, item in value.items()})


def _type_number(key: str) -> int:
    try:
        return _number(int(key, 0))
    except ValueError:
        raise ValueError(f"names no number: {key!r}") from None


def _rule_id(key: str) -> str:
    from resource_tables.lint.rules import RULES

    if key not in {rule.id for rule in RULES}:
        raise ValueError(f"names no rule: {key!r}")
    return key


def _severity(value: object) -> Severity:
    return Severity.parse(_text(value))


#: The keys of a file; each check returns the value of the field of that name or raises ValueError.
_KEYS: dict[str, Callable[[object], object]] = {
    "title": _text,
    "loader": partial(_one_of, LOADERS),
    "ignored": _check_ids,
    "also": _check_ids,
    "own": _flag,
    "iommu": _flag,
    "table_required": _flag,
    "drops_table": _flag,
    "zero_is_any": _flag,
    "machines": _numbers,
    "vendor_types": partial(_table, _type_number, _text),
    "attach_window": _number,
    "severity": partial(_table, _rule_id, _severity),
    "log": partial(_table, _check_id, _text),
}
