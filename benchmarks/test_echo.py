# SPDX-License-Identifier: Apache-2.0
"""Round trip and throughput of each kind of core, through the public face of an endpoint."""

from dataclasses import asdict
from typing import Any

import pytest

from rpmsg import Endpoint
from rprochost.bench.echo import round_trips, throughput

COUNT = 5_000


@pytest.mark.parametrize("size", [16, 496])
def test_round_trip(benchmark: Any, endpoint: Endpoint, size: int) -> None:
    """One message there and back at a time."""
    round_trips(endpoint, size, COUNT // 10)
    histogram = benchmark.pedantic(round_trips, args=(endpoint, size, COUNT), rounds=1)
    summary = histogram.summary()
    benchmark.extra_info.update(asdict(summary))
    assert summary.num == COUNT


@pytest.mark.parametrize("size", [16, 496])
def test_throughput(benchmark: Any, endpoint: Endpoint, kind: str, size: int) -> None:
    """Up to 32 messages under way."""
    found = benchmark.pedantic(throughput, args=(endpoint, size, COUNT), rounds=3)
    benchmark.extra_info.update(kind=kind, messages_per_second=round(found.messages_per_second))
    assert found.num == COUNT
