# SPDX-License-Identifier: Apache-2.0
"""What a difference is worth: spread, ratios, drift, regressions, exponents, aims."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rprochost.bench.aims import AIMS, Aim, Outcome, outcomes
from rprochost.bench.compare import compare
from rprochost.bench.noise import Spread, ratio_in_one_run, ratio_of_runs, spread
from rprochost.bench.readings import counts, figure, millions, nanoseconds, ratio, spent, tail
from rprochost.bench.suite import Curve, Found
from tests.rprochost.bench_results import result, results, whole_run

TIMES = st.lists(st.floats(1, 1e9), min_size=1, max_size=30)


# ---- spread ----------------------------------------------------------------------------------------------


@given(TIMES)
def test_an_interval_holds_its_median_and_lies_within_the_rounds(values: list[float]) -> None:
    found = spread(values)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)


@given(TIMES, st.floats(0.1, 10))
def test_a_ratio_of_rounds_that_differ_by_a_factor_is_that_factor(values: list[float], factor: float) -> None:
    found = ratio_in_one_run([value * factor for value in values], values)
    for number in (found.value, found.low, found.high):
        assert number == pytest.approx(factor)


@given(TIMES, TIMES)
def test_a_ratio_of_two_runs_turned_round_is_its_inverse(some: list[float], others: list[float]) -> None:
    there, back = ratio_of_runs(some, others), ratio_of_runs(others, some)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low <= there.value * (1 + 1e-9)
    assert there.high >= there.value * (1 - 1e-9)


def test_the_same_rounds_have_the_same_interval_every_time() -> None:
    values = [random.Random(1).lognormvariate(0, 1) for _ in range(20)]
    assert ratio_of_runs(values, values) == ratio_of_runs(values, values)


def test_slow_rounds_do_not_show_in_a_ratio_within_one_run() -> None:
    base = [100.0, 100.0, 900.0, 100.0, 4000.0]
    assert ratio_in_one_run([2 * one for one in base], base) == Spread(2.0, 2.0, 2.0)


def test_without_rounds_there_is_no_ratio() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        spread([])
    with pytest.raises(ValueError, match="no rounds"):
        ratio_of_runs([1.0], [])
    with pytest.raises(ValueError, match="not of one run"):
        ratio_in_one_run([1.0, 2.0], [1.0])


# ---- comparison ------------------------------------------------------------------------------------------


def test_the_same_run_twice_differs_in_nothing() -> None:
    found = compare(whole_run(), whole_run())
    assert {change.verdict for change in found.changes} == {"same"}
    assert (found.drift, found.regressions(0.0), found.only_old, found.only_new) == (1.0, [], (), ())


@given(st.floats(1.2, 5))
def test_what_is_slower_than_the_machine_explains_is_a_regression(factor: float) -> None:
    found = compare(whole_run(), whole_run(factor))
    assert {change.name for change in found.regressions(0.1)} == {
        "round-trip/c-process-16",
        "one-way/c-recv-16",
    }
    assert found.regressions(factor) == []


@given(st.floats(1.2, 5))
def test_what_is_faster_is_no_regression(factor: float) -> None:
    found = compare(whole_run(factor), whole_run())
    assert {change.verdict for change in found.changes} == {"faster"}
    assert found.regressions(0.0) == []


def test_a_slower_machine_is_no_regression_unless_times_are_compared_as_they_are() -> None:
    slower = whole_run(floor=1.5)
    found = compare(whole_run(), slower)
    assert found.drift == pytest.approx(1.5)
    trip = next(change for change in found.changes if change.name.startswith("round-trip"))
    assert trip.verdict == "same"
    assert trip.ratio.value == pytest.approx(1.0)
    absolute = compare(whole_run(), slower, absolute=True)
    assert [change.name for change in absolute.regressions(0.1)] == ["round-trip/c-process-16"]


def test_floors_that_differ_from_run_to_run_make_everything_uncertain() -> None:
    old, new = whole_run(), whole_run(1.3)
    new.suites["round-trip"].results[1].values_ns = [16000.0] * 5
    found = compare(old, new)
    assert found.noise > 0.3
    assert found.regressions(0.1) == []


def test_rounds_that_differ_more_than_the_runs_are_no_change() -> None:
    old = results(spin=Found([result("a", [100, 200, 300, 400, 500])]))
    new = results(spin=Found([result("a", [150, 250, 350, 450, 550])]))
    (change,) = compare(old, new).changes
    assert change.verdict == "same"
    assert change.ratio.low < 1 < change.ratio.high


def test_cases_of_one_run_only_are_named() -> None:
    old, new = results(spin=Found([result("a", [1])])), results(spin=Found([result("b", [1])]))
    found = compare(old, new)
    assert (found.changes, found.only_old, found.only_new) == ((), ("spin/a",), ("spin/b",))


# ---- exponents -------------------------------------------------------------------------------------------


@given(st.floats(-3, 3), st.floats(0.01, 100))
def test_the_exponent_of_a_power_law_is_found(exponent: float, scale: float) -> None:
    points = [(float(x), scale * x**exponent) for x in (1, 3, 10, 200)]
    assert Curve("a", "x", "y", points).exponent == pytest.approx(exponent, abs=1e-6)


@pytest.mark.parametrize("points", [[], [(1.0, 1.0)], [(0.0, 1.0), (1.0, 1.0)], [(1.0, 0.0), (2.0, 1.0)]])
def test_points_without_a_power_law_have_no_exponent(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="power law"):
        print(Curve("a", "x", "y", points).exponent)


# ---- aims ------------------------------------------------------------------------------------------------


def test_an_aim_is_reached_at_its_limit_and_missed_beyond() -> None:
    at_most = Aim("a", "x", "at most", 2.0, figure("s/f"))
    at_least = Aim("a", "x", "at least", 2.0, figure("s/f"))
    for value, below, above in ((1.9, True, False), (2.0, True, True), (2.1, False, True)):
        found = Spread(value, value, value)
        assert (Outcome(at_most, found).reached, Outcome(at_least, found).reached) == (below, above)
    assert Outcome(at_most, None).reached is None


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert {one.reached for one in outcomes(results())} == {None}


def test_a_run_is_held_against_its_own_floor() -> None:
    found = {one.aim.path: one for one in outcomes(whole_run(floor=3.0))}
    trip = found["C to C, polling, 16 B"].found
    assert trip is not None
    assert trip.value == pytest.approx(2.4)
    assert found["C to C, polling, 16 B"].reached is True
    assert found["one way to the host, C"].reached is True
    assert found["wake-ups of idle cores"].reached is True


def test_readings_are_what_they_say() -> None:
    run = whole_run()
    name = "round-trip/c-process-16"
    readings = {
        millions("one-way/c-recv-16"): 1000 / 90,
        nanoseconds(name): 480,
        ratio(name, "one-way/c-recv-16"): 480 / 90,
        counts(name, "kicks_per_message", "bells_per_message"): 1.0,
        tail(name): 8,
        spent(name, "round-trip/flag"): 0,
        figure("idle/memory_kib_per_core"): 321.5,
    }
    for reading, expected in readings.items():
        found = reading(run)
        assert found is not None
        assert found.value == pytest.approx(expected)
    assert [reading(results()) for reading in readings] == [None] * len(readings)


def test_every_aim_has_a_path_of_its_own() -> None:
    assert len({aim.path for aim in AIMS}) == len(AIMS)
