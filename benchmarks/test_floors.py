# SPDX-License-Identifier: Apache-2.0
"""The floors: a bare flag and a bare pair of bells between two processes."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rprochost.bench import floors, placement
from rprochost.bench.histogram import Histogram, Summary

Remember = Callable[[str, Histogram], Summary]

COUNT = 20_000


@pytest.mark.parametrize("floor", floors.FLOORS)
def test_floor(benchmark: Any, floors_program: Path, floor: str, remember: Remember) -> None:
    """What no transport can beat; the time that counts is per turn, inside the C program."""
    if floor == "flag" and len(placement.cpus()) < 2:
        pytest.skip("two processes cannot spin for each other on one CPU")
    histogram = benchmark.pedantic(floors.measure, args=(floors_program, floor, COUNT), rounds=1)
    summary = remember(f"floor: {floor}", histogram)
    benchmark.extra_info.update(asdict(summary))
    assert summary.num == COUNT * 9 // 10
