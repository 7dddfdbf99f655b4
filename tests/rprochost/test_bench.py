# SPDX-License-Identifier: Apache-2.0
"""The measuring code itself."""

import os
from pathlib import Path

import pytest

from rprochost.bench import floors, placement
from rprochost.bench.echo import Throughput, payload
from rprochost.sdk import find_compiler

SOURCE = Path(__file__).parents[2] / "benchmarks" / "native" / "floors.c"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the floors."""
    compiler = find_compiler()
    assert compiler is not None
    return floors.build(compiler, SOURCE, tmp_path_factory.mktemp("floors"))


@pytest.mark.parametrize("floor", floors.FLOORS)
def test_a_floor_is_measured_once_per_turn_after_the_warm_up(program: Path, floor: str) -> None:
    if floor == "flag" and len(placement.cpus()) < 2:
        pytest.skip("two processes cannot spin for each other on one CPU")
    histogram = floors.measure(program, floor, 1000)
    assert histogram.num == 900
    assert histogram.min_ns > 0


def test_a_thread_stays_on_its_cpus_inside_the_block_only() -> None:
    before = os.sched_getaffinity(0)
    with placement.on_cpus(placement.cpus()[0]):
        assert placement.cpus() == sorted(before)[:1]
    assert os.sched_getaffinity(0) == before


def test_payloads_tell_messages_apart_at_every_size() -> None:
    for size in (1, 4, 16, 496):
        assert len(payload(1, size)) == size
        assert payload(1, size) != payload(2, size)


def test_throughput_is_messages_per_second() -> None:
    assert Throughput(num=500, size=16, elapsed_ns=250_000_000).messages_per_second == 2000
