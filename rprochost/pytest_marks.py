# SPDX-License-Identifier: Apache-2.0
"""From the marks of a test to its machine; what they say wrongly fails the test by name, file and line."""

from pathlib import Path
from typing import Any, NoReturn

import pytest

from cores import CoreError
from rprochost.config import core_settings, load_settings
from rprochost.errors import ConfigError
from rprochost.host_core import HostCore
from rprochost.kinds import guess_kind
from rprochost.machine import Machine
from rprochost.pytest_machine import RecordedMachine, Recording, explain
from rprochost.settings import CoreSettings, MachineSettings

#: The name of a core whose mark gives none.
NAME = "remoteproc"

_USE = {
    "rproc": '@pytest.mark.rproc(firmware="libecho.so")',
    "machine": '@pytest.mark.machine("machine.toml")',
}


def build(
    request: pytest.FixtureRequest, firmware_path: str | Path | None, recording: Recording
) -> RecordedMachine:
    """Make the machine that a test's marks describe; nothing is started. Fails the test for a wrong mark.

    Thread safety: none; the caller serialises.
    """
    item = request.node
    file = _machine_settings(item, firmware_path)
    folder = item.path.parent
    search = folder if firmware_path is None else Path(firmware_path).absolute()
    marked = [_core_settings(item, mark, folder, search) for mark in _core_marks(item)]
    if file is None and not marked:
        fail(item, f"the fixtures machine and remoteproc need {_USE['rproc']} or {_USE['machine']}")
    machine = RecordedMachine(_machine_name(item, file), search, recording)
    for mark, cores in (("machine", file.cores if file is not None else ()), ("rproc", tuple(marked))):
        for settings in cores:
            try:
                machine.add_core(settings)
            except (ConfigError, CoreError) as error:
                _refuse(item, mark, explain(error))
    return machine


def only_core(request: pytest.FixtureRequest, machine: Machine) -> HostCore:
    """Return the machine's core; fails the test when there is not just one.

    Thread safety: none; the caller serialises.
    """
    if len(machine) != 1:
        names = ", ".join(machine) or "none"
        what = f"remoteproc stands for the only core of a machine, and this one has {len(machine)}: {names}"
        fail(request.node, what + "; use the fixture machine, such as machine[NAME]")
    return next(iter(machine.values()))


def _machine_name(item: pytest.Item, file: MachineSettings | None) -> str:
    """Machines of tests that run at once have names of their own: each worker of xdist adds its own."""
    name = item.name if file is None else file.name
    worker = getattr(item.config, "workerinput", {}).get("workerid", "")
    return f"{name}@{worker}" if worker else name


def _machine_settings(item: pytest.Item, firmware_path: str | Path | None) -> MachineSettings | None:
    mark = item.get_closest_marker("machine")
    if mark is None:
        return None
    if mark.kwargs or len(mark.args) != 1 or not isinstance(mark.args[0], str | Path):
        _refuse(item, "machine", f"takes one machine file, as in {_USE['machine']}")
    try:
        return load_settings(item.path.parent / mark.args[0], firmware_path)
    except (OSError, ValueError) as error:
        _refuse(item, "machine", explain(error))


def _core_marks(item: pytest.Item) -> list[pytest.Mark]:
    """Return the marks of the cores, from the outside in; of one name the one nearest to the test counts."""
    found: dict[str, tuple[object, pytest.Mark]] = {}
    for node, mark in item.iter_markers_with_node("rproc"):
        if mark.args or "firmware" not in mark.kwargs:
            _refuse(item, "rproc", f"takes firmware= and options by name, as in {_USE['rproc']}")
        name = mark.kwargs.get("name", NAME)
        if not isinstance(name, str):
            _refuse(item, "rproc", f"name must be a string, not {name!r}")
        if name in found and found[name][0] is node:
            _refuse(item, "rproc", f"two marks for one core {name!r}; give each a name of its own: name=…")
        found.setdefault(name, (node, mark))
    return [mark for _, mark in reversed(found.values())]


def _core_settings(item: pytest.Item, mark: pytest.Mark, folder: Path, search: Path) -> CoreSettings:
    # A test looks at a crash; a core that recovers at once would hide it.
    options: dict[str, Any] = {"recovery": {"enabled": False}, **mark.kwargs}
    name = options.pop("name", NAME)
    # Paths are relative to the test's file, wherever pytest was started; what is no path is refused below.
    firmware = options["firmware"]
    if isinstance(firmware, str | Path) and str(firmware):
        place = (folder if "/" in str(firmware) else search) / firmware
        options["firmware"] = place
        options.setdefault("kind", guess_kind(place))
    if isinstance(options.get("cwd"), str | Path):
        options["cwd"] = folder / options["cwd"]
    try:
        return core_settings(name, options, search)
    except ConfigError as error:
        _refuse(item, "rproc", explain(error))


def fail(item: pytest.Item, *problems: str) -> NoReturn:
    """Fail a test with one line for each problem, which names file, line and test.

    Thread safety: none; the caller serialises.
    """
    path, line, test = item.location
    place = f"{path}:{line + 1}" if line is not None else path
    said = "\n".join(f"{place}: {test}: {problem}" for problem in problems)
    raise pytest.fail.Exception(said, pytrace=False) from None


def _refuse(item: pytest.Item, mark: str, what: str) -> NoReturn:
    fail(item, f"@pytest.mark.{mark}: {what}")
