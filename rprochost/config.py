# SPDX-License-Identifier: Apache-2.0
"""machine.toml, and the options of :meth:`Machine.add`, checked and turned into settings.

Every key has one check, in the tables below. A key without one is an error that names the nearest key; a
wrong type or value is an error that names the right one. Paths are relative to the machine file.
"""

import difflib
import mmap
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from resource_tables import ADDR_ANY, MemoryMapError, Region
from resource_tables.memory_map import parse_regions
from resource_tables.toml_lines import LineIndex
from rprochost.errors import ConfigError
from rprochost.settings import (
    CoredumpSettings,
    CoreSettings,
    MachineSettings,
    MemorySettings,
    RecoverySettings,
    RpmsgSettings,
    WaitSettings,
)

#: Takes the raw value and the folder of the file; raises ValueError with "must be …".
Check = Callable[[Any, Path], Any]

_U32 = 0xFFFF_FFFF
#: As <linux/kern_levels.h>, with the names that dmesg uses.
LEVELS = {"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7}


def _kind(value: Any) -> str:
    names: dict[type, str] = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}
    names |= {list: "an array", dict: "a table"}
    return names.get(type(value), f"a {type(value).__name__}")


def _wrong(wanted: str, value: Any) -> NoReturn:
    shown = f" {value!r}" if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    raise ValueError(f"must be {wanted}, not {_kind(value)}{shown}")


def text(value: Any, _base: Path) -> str:
    """A string that is not empty and holds no NUL."""
    if not isinstance(value, str) or not value or "\0" in value:
        _wrong("a string that is not empty", value)
    return value


def boolean(value: Any, _base: Path) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        _wrong("true or false", value)
    return value


def whole(low: int, high: int) -> Check:
    """An integer of a range, both ends included."""

    def check(value: Any, _base: Path) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            _wrong(f"an integer from {low} to {high if high != _U32 else '0xffffffff'}", value)
        return value

    return check


def multiple(of: int, low: int, high: int) -> Check:
    """A multiple of a number, of a range."""

    def check(value: Any, _base: Path) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value % of or not low <= value <= high:
            _wrong(f"a multiple of {of} from {low} to {high}", value)
        return value

    return check


def seconds(value: Any, _base: Path) -> float:
    """A time in seconds, above 0 and at most a day."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 86400:
        _wrong("a number of seconds above 0", value)
    return float(value)


def one_of(*words: str) -> Check:
    """One of a few words."""

    def check(value: Any, _base: Path) -> str:
        if value not in words or not isinstance(value, str):
            _wrong(" or ".join(f'"{word}"' for word in words), value)
        return value

    return check


def log_level(value: Any, _base: Path) -> int:
    """A printk level, as a number or as dmesg's name for it."""
    if isinstance(value, str) and value in LEVELS:
        return LEVELS[value]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 7:
        _wrong(f"a level from 0 to 7 or one of {', '.join(LEVELS)}", value)
    return value


def strings(value: Any, base: Path) -> tuple[str, ...]:
    """An array of strings; an empty one is an argument like any other."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and "\0" not in item for item in value
    ):
        _wrong("an array of strings", value)
    return tuple(value)


def environment(value: Any, _base: Path) -> Mapping[str, str]:
    """A table of strings."""
    if not isinstance(value, Mapping) or not all(
        isinstance(item, str) and "\0" not in item and name and "=" not in name
        for name, item in value.items()
    ):
        _wrong("a table of strings", value)
    return MappingProxyType(dict(value))


def path(value: Any, base: Path) -> Path:
    """A path, relative to the file."""
    if isinstance(value, Path):
        return base / value
    return base / Path(text(value, base)).expanduser()


def firmware(value: Any, base: Path) -> str:
    """A bare name for firmware_path, or a path; with ".py" files, ":Class" follows."""
    name = text(str(value) if isinstance(value, Path) else value, base)
    if Path(name).name in ("", ".."):
        raise ValueError(f'must be a file name or a path, not "{name}"')
    return name


MEMORY: dict[str, Check] = {
    "base": multiple(mmap.PAGESIZE, 0, _U32),
    "limit": whole(4096, _U32),
    "zero_is_any": boolean,
}
RPMSG: dict[str, Check] = {
    "buffer_size": multiple(8, 32, 65544),
    "num": whole(1, 32768),
    "tx_timeout": seconds,
    "inbox": whole(1, 1 << 24),
}
WAIT: dict[str, Check] = {"spin_us": whole(0, 1_000_000)}
RECOVERY: dict[str, Check] = {
    "enabled": boolean,
    "attempts": whole(0, _U32),
    "stable": seconds,
    "backoff": seconds,
    "max_backoff": seconds,
}
COREDUMP: dict[str, Check] = {
    "mode": one_of("disabled", "enabled", "inline"),
    "sections": boolean,
    "folder": path,
}
CORE: dict[str, Check] = {
    "kind": text,
    "firmware": firmware,
    "args": strings,
    "env": environment,
    "cwd": path,
    "auto_boot": boolean,
    "boot_timeout": seconds,
    "stop_timeout": seconds,
    "log_level": log_level,
    "process": boolean,
    "isolation": one_of("normal", "strict"),
    "on_violation": one_of("drop", "crash"),
}
MACHINE: dict[str, Check] = {"name": text, "firmware_path": path}


class _Reader:
    """Checks tables of one file or of one call of add()."""

    def __init__(self, base: Path, file: Path | None, lines: LineIndex) -> None:
        self.base = base
        self.file = file
        self.lines = lines

    def fail(self, where: tuple[str, ...], what: str, rule: str, hint: str = "", key: str = "") -> NoReturn:
        line = self.lines.find(*where, *([key] if key else []))
        raise ConfigError(what, rule=rule, path=self.file, line=line, table=".".join(where), hint=hint)

    def table(self, value: Any, where: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.fail(where, f"must be a table, not {_kind(value)}", "CONFIG_VALUE")
        return value

    def read(
        self, raw: Any, where: tuple[str, ...], checks: Mapping[str, Check], tables: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Check all keys of one table; the sub-tables named are left to the caller."""
        values: dict[str, Any] = {}
        for key, value in self.table(raw, where).items():
            if key in tables:
                continue
            if key not in checks:
                self.unknown(where, key, [*checks, *tables])
            try:
                values[key] = checks[key](value, self.base)
            except ValueError as error:
                self.fail(where, f"{key} {error}", "CONFIG_VALUE", key=key)
        return values

    def unknown(self, where: tuple[str, ...], key: str, known: list[str]) -> NoReturn:
        near = difflib.get_close_matches(key, known, 1, 0.5)
        hint = f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(sorted(known))}"
        self.fail(where, f'unknown key "{key}"', "CONFIG_KEY", hint, key)

    def regions(self, raw: Any, where: tuple[str, ...]) -> tuple[Region, ...]:
        try:
            regions = parse_regions(raw, ".".join(where))
        except MemoryMapError as error:
            number, rule = error.region, error.rule.replace("MAP", "CONFIG")
            here = where if number is None else (*where, str(number))
            self.fail(here, error.what, rule, error.hint, error.key)
        for index, region in enumerate(regions):
            here = (*where, str(index))
            end = region.size if region.da == ADDR_ANY else region.end
            if end > _U32 + 1:
                self.fail(here, f"size {region.size:#x} reaches above 4 GiB", "CONFIG_VALUE", key="size")
            if region.kind == "device":
                hint = "a core's peripherals are for its firmware to simulate"
                self.fail(here, "kind device: there is no such hardware here", "CONFIG_VALUE", hint, "kind")
        return regions

    def core(self, name: str, raw: Any, search: Path) -> CoreSettings:
        where = ("core", name)
        self.table(raw, where)
        if not name or not name.isprintable() or "/" in name or ":" in name:
            hint = 'no "/", no ":" and no control characters in names'
            self.fail(where, f"{name!r} is no name for a core", "CONFIG_VALUE", hint)
        values = self.read(raw, where, CORE, ("memory", "rpmsg", "wait", "recovery", "coredump"))
        if "firmware" not in values:
            self.fail(where, '"firmware" is missing', "CONFIG_MISSING", 'firmware = "door.elf"')
        if values.get("process") and values.get("kind") != "python":
            self.fail(
                where, "process is an option of Python cores", "CONFIG_VALUE", 'kind = "python"', "process"
            )
        memory = self.table(raw.get("memory", {}), (*where, "memory"))
        regions = self.regions(memory.get("region", ()), (*where, "memory", "region"))
        place = self.base / values["firmware"] if "/" in values["firmware"] else search / values["firmware"]
        return CoreSettings(
            **(values | {"name": name, "firmware": place.name, "search": place.parent}),
            memory=MemorySettings(
                **self.read(memory, (*where, "memory"), MEMORY, ("region",)), region=regions
            ),
            rpmsg=RpmsgSettings(**self.read(raw.get("rpmsg", {}), (*where, "rpmsg"), RPMSG)),
            wait=WaitSettings(**self.read(raw.get("wait", {}), (*where, "wait"), WAIT)),
            recovery=RecoverySettings(**self.read(raw.get("recovery", {}), (*where, "recovery"), RECOVERY)),
            coredump=CoredumpSettings(**self.read(raw.get("coredump", {}), (*where, "coredump"), COREDUMP)),
        )


def load_settings(file: str | Path, firmware_path: str | Path | None = None) -> MachineSettings:
    """Read a machine file; ``firmware_path`` takes the place of the file's.

    Raises ConfigError when it says something that cannot be, and OSError when it cannot be read.
    Thread safety: any thread.
    """
    place = Path(file)
    try:
        source = place.read_text(encoding="utf-8")
        raw = tomllib.loads(source)
    except (ValueError, RecursionError) as error:
        # Not TOML, not UTF-8, integers of thousands of digits, brackets a thousand deep.
        hint = "strings need quotes, a [table] appears once: https://toml.io"
        raise ConfigError(f"not TOML: {error}", rule="CONFIG_SYNTAX", path=place, hint=hint) from None
    except OSError as error:
        # A file that opens but cannot be read has no name in its error.
        error.filename = str(place)
        raise
    reader = _Reader(place.resolve().parent, place, LineIndex(source))
    reader.read(raw, (), {}, ("machine", "core"))
    machine: dict[str, Any] = {"name": place.stem, "firmware_path": reader.base}
    machine |= reader.read(raw.get("machine", {}), ("machine",), MACHINE)
    if firmware_path is not None:
        machine["firmware_path"] = Path(firmware_path).absolute()
    cores = reader.table(raw.get("core", {}), ("core",))
    found = tuple(reader.core(name, core, machine["firmware_path"]) for name, core in cores.items())
    return MachineSettings(cores=found, path=place, **machine)


def core_settings(name: str, options: Mapping[str, Any], firmware_path: Path) -> CoreSettings:
    """Check the options of one core: the keys of a ``[core.X]`` table, paths relative to the current folder.

    Raises ConfigError. Thread safety: any thread.
    """
    return _Reader(Path.cwd(), None, LineIndex("")).core(name, options, firmware_path)
