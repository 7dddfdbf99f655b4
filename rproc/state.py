# SPDX-License-Identifier: Apache-2.0
"""The states of a remote processor and what leads from one to the other, as data.

Source: Linux include/linux/remoteproc.h, enum rproc_state; Documentation/ABI/testing/sysfs-class-remoteproc.
"""

import enum
from typing import Final

from rproc.errors import StateError


class State(enum.Enum):
    """A state; the value is the word that sysfs shows.

    Thread safety: immutable.
    """

    OFFLINE = "offline"
    SUSPENDED = "suspended"
    RUNNING = "running"
    CRASHED = "crashed"
    ATTACHED = "attached"
    DETACHED = "detached"


class Event(enum.Enum):
    """What can happen to a remote processor; the value is the word for messages.

    Thread safety: immutable.
    """

    BOOT = "boot"
    SHUTDOWN = "shutdown"
    CRASH = "crash"


#: Where an event leads. A pair that is absent is refused and changes nothing.
TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.OFFLINE, Event.BOOT): State.RUNNING,
    (State.RUNNING, Event.SHUTDOWN): State.OFFLINE,
    (State.RUNNING, Event.CRASH): State.CRASHED,
    (State.CRASHED, Event.SHUTDOWN): State.OFFLINE,
}


def next_state(state: State, event: Event) -> State:
    """Return where ``event`` leads; StateError (EINVAL) when it is not allowed. Thread safety: any thread."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise StateError(state.value, event.value) from None
