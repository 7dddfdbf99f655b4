# SPDX-License-Identifier: Apache-2.0
"""Machines to measure, and one table at the end that sets every figure beside its floor."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rpmsg import Endpoint
from rprochost import Machine
from rprochost.bench import floors, placement
from rprochost.bench.echo import Throughput
from rprochost.bench.histogram import Histogram, Summary
from rprochost.demo.firmware import python_image
from rprochost.sdk import build_ecu, find_compiler, find_sdk
from rprochost.text import microseconds, table

CHANNEL = "rpmsg-echo"
KINDS = ("library", "process", "python")

_found: dict[str, Summary] = {}
_throughput: dict[str, Throughput] = {}


@pytest.fixture(scope="session")
def compiler() -> str:
    """The C compiler; the environment of `make bench` has one."""
    found = find_compiler()
    assert found is not None, "benchmarks compile C: install gcc or clang"
    return found


@pytest.fixture(scope="session")
def floors_program(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program of the floors."""
    source = Path(__file__).parent / "native" / "floors.c"
    return floors.build(compiler, source, tmp_path_factory.mktemp("floors"))


@pytest.fixture(scope="session")
def images(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The echo ECU for each kind of core."""
    folder = tmp_path_factory.mktemp("ecus")
    source = find_sdk().examples / "echo" / "echo.c"
    build_ecu(compiler, [source], folder / "libecho.so", library=True)
    build_ecu(compiler, [source], folder / "echo", library=False)
    return {
        "library": str(folder / "libecho.so"),
        "process": str(folder / "echo"),
        "python": python_image().path,
    }


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of core in turn."""
    return str(request.param)


@pytest.fixture
def endpoint(kind: str, images: dict[str, str]) -> Iterator[Endpoint]:
    """An endpoint on a running core of that kind which echoes."""
    machine = Machine(name="bench")
    machine.add("echo", kind=kind, firmware=images[kind])
    with machine, machine.wait_channel(CHANNEL).open() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def remember() -> Callable[[str, Histogram], Summary]:
    """Keep a result for the table at the end, and return its summary."""

    def keep(name: str, histogram: Histogram) -> Summary:
        _found[name] = histogram.summary()
        return _found[name]

    return keep


@pytest.fixture(scope="session")
def remember_throughput() -> Callable[[str, Throughput], None]:
    """Keep a result for the other table at the end."""
    return _throughput.__setitem__


def _show_throughput(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        (name, found.num, round(found.messages_per_second / 1000, 1))
        for name, found in sorted(_throughput.items(), key=lambda item: -item[1].messages_per_second)
    ]
    terminalreporter.section("throughput, up to 32 messages under way, in thousands per second")
    for line in table(("what", "number", "there and back"), rows, ""):
        terminalreporter.write_line(line)


def _ratio(found: Summary, floor: str) -> str:
    """Median over the median of a floor of the same run."""
    return f"{found.p50_ns / _found[floor].p50_ns:.2f}" if floor in _found else "-"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every round trip beside the floors."""
    if not _found:
        return
    _show_throughput(terminalreporter)
    rows = [
        (
            name,
            found.num,
            *map(microseconds, (found.min_ns, found.p50_ns, found.p90_ns, found.p99_ns, found.max_ns)),
            _ratio(found, "floor: flag"),
            _ratio(found, "floor: bell"),
        )
        for name, found in sorted(_found.items(), key=lambda item: item[1].p50_ns)
    ]
    terminalreporter.section(f"round trips in µs ({placement.describe()})")
    header = ("what", "number", "min", "p50", "p90", "p99", "max", "x flag", "x bell")
    for line in table(header, rows, ""):
        terminalreporter.write_line(line)
