# SPDX-License-Identifier: Apache-2.0
"""The states of a remote processor and what each command does in each of them, as data.

Source: Linux include/linux/remoteproc.h, enum rproc_state; remoteproc_core.c (rproc_boot, rproc_shutdown,
rproc_detach, rproc_crash_handler_work, rproc_trigger_recovery, rproc_set_firmware); remoteproc_sysfs.c.
"""

import enum
import errno
from dataclasses import dataclass
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


class Command(enum.Enum):
    """What can be asked of a remote processor, or reported of it; the value is the word for messages.

    Thread safety: immutable.
    """

    START = "start"
    STOP = "stop"
    DETACH = "detach"
    CRASH = "a crash report"
    RECOVER = "recover"
    SET_FIRMWARE = "changing the firmware"
    SET_COREDUMP = "changing the core dump mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one command does in one state.

    ``errno`` other than 0 refuses it, nothing changes. ``uses`` is added to the count of uses; one that takes
    a use away leads ``to`` another state only with the last use. ``to`` None leaves the state.
    Thread safety: immutable.
    """

    to: State | None = None
    uses: int = 0
    errno: int = 0


_EINVAL, _EBUSY, _NOTHING = Rule(errno=errno.EINVAL), Rule(errno=errno.EBUSY), Rule()
_USE, _BOOT, _ATTACH = Rule(uses=1), Rule(to=State.RUNNING, uses=1), Rule(to=State.ATTACHED, uses=1)
_STOP, _DETACH = Rule(to=State.OFFLINE, uses=-1), Rule(to=State.DETACHED, uses=-1)
_CRASH, _RECOVER = Rule(to=State.CRASHED), Rule(to=State.RUNNING)

#: One column per command, in the order of their definition.
_ROWS: dict[State, tuple[Rule, ...]] = {
    State.OFFLINE: (_BOOT, _EINVAL, _EINVAL, _NOTHING, _NOTHING, _NOTHING, _NOTHING),
    State.SUSPENDED: (_USE, _EINVAL, _EINVAL, _CRASH, _NOTHING, _EBUSY, _NOTHING),
    State.RUNNING: (_USE, _STOP, _EINVAL, _CRASH, _NOTHING, _EBUSY, _NOTHING),
    State.CRASHED: (_USE, _STOP, _EINVAL, _NOTHING, _RECOVER, _EBUSY, _EBUSY),
    State.ATTACHED: (_USE, _STOP, _DETACH, _CRASH, _NOTHING, _EBUSY, _NOTHING),
    # A crash there would leave Linux crashed without a use, and that cannot be left.
    State.DETACHED: (_ATTACH, _EINVAL, _EINVAL, _NOTHING, _NOTHING, _EBUSY, _NOTHING),
}

#: Every pair of state and command.
RULES: Final[dict[tuple[State, Command], Rule]] = {
    (state, command): rule
    for state, rules in _ROWS.items()
    for command, rule in zip(Command, rules, strict=True)
}


def allowed(state: State, command: Command) -> Rule:
    """Return what ``command`` does; StateError (EINVAL, EBUSY) when it is refused.

    Thread safety: any thread.
    """
    rule = RULES[state, command]
    if rule.errno:
        raise StateError(state.value, command.value, rule.errno)
    return rule
