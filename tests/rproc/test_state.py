# SPDX-License-Identifier: Apache-2.0
"""The transition table: every pair of state and event."""

import errno
import itertools

import pytest

from rproc import TRANSITIONS, Event, State, StateError, next_state

ALLOWED = {
    (State.OFFLINE, Event.BOOT): State.RUNNING,
    (State.RUNNING, Event.SHUTDOWN): State.OFFLINE,
    (State.RUNNING, Event.CRASH): State.CRASHED,
    (State.CRASHED, Event.SHUTDOWN): State.OFFLINE,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_a_pair_leads_where_linux_goes_or_is_refused(state: State, event: Event) -> None:
    if (state, event) in ALLOWED:
        assert next_state(state, event) is ALLOWED[state, event]
        return
    with pytest.raises(StateError) as caught:
        next_state(state, event)
    assert caught.value.errno == errno.EINVAL
    assert (caught.value.state, caught.value.event) == (state.value, event.value)
    assert state.value in str(caught.value)


def test_the_table_holds_nothing_else() -> None:
    assert set(TRANSITIONS) == set(ALLOWED)


def test_the_value_of_a_state_is_the_word_of_sysfs() -> None:
    words = ["offline", "suspended", "running", "crashed", "attached", "detached"]
    assert [state.value for state in State] == words
