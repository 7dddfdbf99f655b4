# SPDX-License-Identifier: Apache-2.0
"""Remote cores in tests: a plugin of pytest, found by its entry point "rproc"; docs/pytest.md.

pytest loads this module in every project that has the package installed, so it imports next to nothing: NumPy
and the compiled extension come with the first test that uses a fixture.
"""

import argparse
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rprochost.host_core import HostCore
    from rprochost.machine import Machine
    from rprochost.pytest_machine import Recording

#: Seconds; a boot of a core takes milliseconds, a loaded machine of a CI service many of them.
TIMEOUT = 10.0

MARKERS = (
    "rproc(firmware, kind=..., name=..., **options): a remote core for the fixtures remoteproc and machine; "
    "options are those of rprochost.Machine.add, paths are relative to the test's file",
    "machine(file): the machine file for the fixture machine, relative to the test's file",
)

_recording: "pytest.StashKey[Recording]" = pytest.StashKey()


def _seconds(text: str) -> float:
    from rprochost.config import seconds

    try:
        return float(seconds(float(text), Path()))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0") from None


def _level(text: str) -> int:
    from rprochost.config import log_level

    try:
        return int(log_level(int(text) if text.isdecimal() else text, Path()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the command line."""
    group = parser.getgroup("rproc", "remote cores")
    group.addoption(
        "--rproc-timeout",
        type=_seconds,
        default=TIMEOUT,
        metavar="SECONDS",
        help="how long a core may take to boot and to stop, and a wait without a time-out of its own lasts "
        f"({TIMEOUT:g})",
    )
    group.addoption(
        "--rproc-log-level",
        type=_level,
        default=7,
        metavar="LEVEL",
        help="highest printk level in the logs of cores, 0 to 7 or emerg to debug (debug)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def rproc_firmware_path() -> "str | Path | None":
    """Return the folder in which a firmware without a folder is looked up.

    None is the test's own folder, and for a machine file what the file says. A project overrides this fixture
    in its conftest.py, for example to build its ECUs into a temporary folder.
    """
    return None


@pytest.fixture
def machine(request: pytest.FixtureRequest, rproc_firmware_path: "str | Path | None") -> "Iterator[Machine]":
    """Yield the running machine of the test's marks; its cores are stopped after the test.

    A core that does not boot or stop in time fails the test, and an abandoned one is named.
    """
    from rprochost.pytest_machine import Recording, start, stop
    from rprochost.pytest_marks import build, fail

    recording = Recording(
        request.config.getoption("rproc_timeout"), request.config.getoption("rproc_log_level")
    )
    request.node.stash[_recording] = recording
    made = build(request, rproc_firmware_path, recording)
    if problems := start(made):
        fail(request.node, *problems)
    yield made
    recording.freeze()
    if problems := stop(made):
        fail(request.node, *problems)


@pytest.fixture
def remoteproc(machine: "Machine", request: pytest.FixtureRequest) -> "HostCore":
    """Return the machine's only core."""
    from rprochost.pytest_marks import only_core

    return only_core(request, machine)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[Any]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the cores did to the report of a test that failed."""
    report = yield
    recording = item.stash.get(_recording, None)
    if recording is not None and report.failed:
        report.sections.extend(recording.sections())
    if recording is not None and call.when == "teardown":
        # With it goes the memory of the test's cores.
        del item.stash[_recording]
    return report
