# SPDX-License-Identifier: Apache-2.0
"""The histogram against the samples themselves."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rprochost.bench.histogram import Histogram

SAMPLES = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=200)


@given(SAMPLES, st.floats(0, 100))
def test_a_percentile_is_at_most_a_64th_above_the_nearest_rank(samples: list[int], percent: float) -> None:
    exact = sorted(samples)[max(math.ceil(len(samples) * percent / 100), 1) - 1]
    found = Histogram(samples).percentile(percent)
    assert exact <= found <= exact + exact // 64


@given(SAMPLES)
def test_smallest_largest_and_mean_are_exact(samples: list[int]) -> None:
    found = Histogram(samples).summary()
    assert (found.num, found.min_ns, found.max_ns) == (len(samples), min(samples), max(samples))
    assert found.mean_ns == sum(samples) / len(samples)
    assert found.min_ns <= found.p50_ns <= found.p90_ns <= found.p99_ns <= found.p999_ns <= found.max_ns


@given(SAMPLES)
def test_rows_count_every_sample_once(samples: list[int]) -> None:
    histogram = Histogram(samples)
    rows = histogram.rows(100)
    assert sum(count for _, count in rows) == len(samples)
    assert all(sum(sample < bound for sample in samples) >= count for bound, count in rows)


def test_a_summary_is_json() -> None:
    assert json.loads(Histogram([1, 2, 3]).summary().to_json())["p50_ns"] == 2


def test_no_samples_have_no_percentiles() -> None:
    with pytest.raises(ValueError, match="no samples"):
        Histogram().percentile(50)


@pytest.mark.parametrize("percent", [-1, 101, math.nan])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        Histogram([1]).percentile(percent)


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Histogram([-1])
