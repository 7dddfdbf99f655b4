# SPDX-License-Identifier: Apache-2.0
"""The histogram against the samples themselves."""

import json
import math
from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rprochost.bench.histogram import Histogram

SAMPLES = st.lists(st.integers(0, 1 << 40), min_size=1, max_size=200)


@given(SAMPLES, st.floats(0, 100))
def test_a_percentile_is_at_most_a_256th_above_the_nearest_rank(samples: list[int], percent: float) -> None:
    exact = sorted(samples)[max(math.ceil(len(samples) * percent / 100), 1) - 1]
    found = Histogram(samples).percentile(percent)
    assert exact <= found <= exact + exact // 256


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


@given(SAMPLES, SAMPLES)
def test_two_histograms_merged_are_one_of_all_samples(some: list[int], others: list[int]) -> None:
    merged = Histogram(some)
    merged.merge(Histogram(others))
    merged.merge(Histogram())
    assert (merged.summary(), merged.buckets()) == (
        Histogram(some + others).summary(),
        Histogram(some + others).buckets(),
    )


@given(SAMPLES)
def test_turns_are_the_times_between_readings_of_a_clock(samples: list[int]) -> None:
    found = Histogram()
    found.record_turns(array("Q", accumulate(samples, initial=7)))
    assert found.buckets() == Histogram(samples).buckets()


@given(st.integers(0, 2**64 - 1))
def test_a_bucket_holds_what_falls_into_it(sample: int) -> None:
    ((highest, count),) = Histogram([sample]).buckets()
    assert count == 1
    assert sample <= highest <= sample + sample // 256


def test_a_summary_is_json() -> None:
    assert json.loads(Histogram([1, 2, 3]).summary().to_json())["p50_ns"] == 2


def test_no_samples_have_no_percentiles() -> None:
    with pytest.raises(ValueError, match="no samples"):
        Histogram().percentile(50)


@pytest.mark.parametrize("percent", [-1, 101, math.nan])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        Histogram([1]).percentile(percent)


@pytest.mark.parametrize("time", [-1, 2**64])
def test_what_is_no_time_is_refused(time: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        Histogram([time])
