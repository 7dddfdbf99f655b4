# SPDX-License-Identifier: Apache-2.0
"""Round trip and throughput of each kind of core, through the public face of an endpoint."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from rpmsg import Endpoint
from rprochost.bench.echo import Throughput, round_trips, throughput
from rprochost.bench.histogram import Histogram, Summary

Remember = Callable[[str, Histogram], Summary]

COUNT = 5_000


@pytest.mark.parametrize("size", [16, 496])
def test_round_trip(benchmark: Any, endpoint: Endpoint, kind: str, size: int, remember: Remember) -> None:
    """One message there and back at a time."""
    round_trips(endpoint, size, COUNT // 10)
    histogram = benchmark.pedantic(round_trips, args=(endpoint, size, COUNT), rounds=1)
    summary = remember(f"{kind}, {size} bytes", histogram)
    benchmark.extra_info.update(asdict(summary))
    assert summary.num == COUNT


@pytest.mark.parametrize("size", [16, 496])
def test_throughput(
    benchmark: Any,
    endpoint: Endpoint,
    kind: str,
    size: int,
    remember_throughput: Callable[[str, Throughput], None],
) -> None:
    """Up to 32 messages under way."""
    found = benchmark.pedantic(throughput, args=(endpoint, size, COUNT), rounds=3)
    benchmark.extra_info.update(kind=kind, messages_per_second=round(found.messages_per_second))
    remember_throughput(f"{kind}, {size} bytes", found)
    assert found.num == COUNT
