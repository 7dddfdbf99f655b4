# SPDX-License-Identifier: Apache-2.0
"""How long a recovery waits, and when a core is given up; with a clock that the test steps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rproc import Recovery
from rproc.recovery import CrashLoop


class SteppedClock:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now(self) -> float:
        """Seconds."""
        return self.time_ns / 1e9

    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return self.time_ns


@given(
    attempts=st.integers(0, 31),
    backoff=st.floats(0, 100),
    max_backoff=st.floats(0, 1000),
    stable=st.floats(0.001, 1e6),
)
def test_waits_grow_up_to_the_limit_and_then_it_is_given_up(
    attempts: int, backoff: float, max_backoff: float, stable: float
) -> None:
    policy = Recovery(attempts=attempts, backoff=backoff, max_backoff=max_backoff, stable=stable)
    loop = CrashLoop(SteppedClock())
    delays = [loop.delay(policy) for _ in range(attempts + 2)]
    assert delays[attempts:] == [None, None]
    waits = [delay for delay in delays if delay is not None]
    assert waits[:1] == [0.0][:attempts]
    assert waits == sorted(waits)
    assert all(wait <= max_backoff for wait in waits)
    assert all(wait == min(backoff * 2**number, max_backoff) for number, wait in enumerate(waits[1:]))


def test_a_core_that_ran_for_long_enough_begins_anew() -> None:
    clock, policy = SteppedClock(), Recovery(stable=10, backoff=1, attempts=2)
    loop = CrashLoop(clock)
    delays = []
    for seconds in (0, 9, 10, 0, 9):
        loop.up()
        clock.time_ns += seconds * 10**9
        delays.append(loop.delay(policy))
    assert delays == [0.0, 1.0, 0.0, 1.0, None]


def test_very_many_attempts_do_not_overflow() -> None:
    loop, policy = CrashLoop(SteppedClock()), Recovery(attempts=5000, backoff=0.1, max_backoff=5)
    assert [loop.delay(policy) for _ in range(5000)][-1] == 5.0


@pytest.mark.parametrize("name", ["attempts", "stable", "backoff", "max_backoff"])
def test_a_negative_value_is_refused(name: str) -> None:
    values: dict[str, Any] = {name: -1}
    with pytest.raises(ValueError, match=f"{name} is -1"):
        Recovery(**values)
