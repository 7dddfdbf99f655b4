# SPDX-License-Identifier: Apache-2.0
"""Every pair of state and command: the table, and remote processors that were brought into the state."""

import errno
import itertools
from collections.abc import Callable

import pytest

from resource_tables import ResourceTable
from rproc import (
    RULES,
    Command,
    CoredumpConfig,
    FirmwareNameError,
    Recovery,
    RemoteProc,
    Rule,
    State,
    StateError,
    allowed,
)
from tests.rproc.support import (
    RecordingCore,
    RecordingDriver,
    image_carveout,
    make_image,
    state_of,
    texts,
    vdev,
)
from virtio import WorkThread

GOOD = make_image(ResourceTable((image_carveout(), vdev())))

#: As the documentation of Linux has it, one row per command: state, uses, errno; "-" for what stays.
TABLE = """
command       offline     suspended   running     crashed     attached    detached
start         running +1  - +1        - +1        - +1        - +1        attached +1
stop          EINVAL      EINVAL      offline -1  offline -1  offline -1  EINVAL
detach        EINVAL      EINVAL      EINVAL      EINVAL      detached -1 EINVAL
crash         -           crashed     crashed     -           crashed     -
recover       -           -           -           running     -           -
set_firmware  -           EBUSY       EBUSY       EBUSY       EBUSY       EBUSY
set_coredump  -           -           -           EBUSY       -           -
"""


def expected() -> dict[tuple[State, Command], Rule]:
    """Read the table above."""
    head, *rows = TABLE.strip().splitlines()
    starts = [head.index(word) for word in head.split()]
    found = {}
    for row in rows:
        cells = [row[start:end].strip() for start, end in itertools.pairwise([*starts, len(row) + 20])]
        for state, cell in zip(State, cells[1:], strict=True):
            word, _, uses = cell.partition(" ")
            number = getattr(errno, word, 0)
            to = None if number or word == "-" else State(word)
            found[state, Command[cells[0].upper()]] = Rule(to=to, uses=int(uses or 0), errno=number)
    return found


EXPECTED = expected()
PAIRS = list(itertools.product(State, Command))


@pytest.mark.parametrize(("state", "command"), PAIRS)
def test_a_command_does_in_a_state_what_it_does_in_linux(state: State, command: Command) -> None:
    rule = EXPECTED[state, command]
    assert RULES[state, command] == rule
    if not rule.errno:
        assert allowed(state, command) == rule
        return
    with pytest.raises(StateError) as caught:
        allowed(state, command)
    assert caught.value.errno == rule.errno
    assert (caught.value.state, caught.value.event) == (state.value, command.value)
    assert state.value in str(caught.value)
    assert caught.value.hint


def test_the_table_holds_every_pair_and_nothing_else() -> None:
    assert set(RULES) == set(EXPECTED) == set(PAIRS)


def test_the_value_of_a_state_is_the_word_of_sysfs() -> None:
    words = ["offline", "suspended", "running", "crashed", "attached", "detached"]
    assert [state.value for state in State] == words


# ---- the same with remote processors ----


class Brought:
    """A remote processor in a state, with one use unless offline."""

    def __init__(self, state: State) -> None:
        self.core = RecordingCore(GOOD)
        self.work = WorkThread()
        self.rproc = RemoteProc(
            self.core,
            "fw",
            name="door",
            drivers=[RecordingDriver()],
            work=self.work,
            recovery=Recovery(enabled=False),
        )
        if state is not State.OFFLINE:
            self.rproc.boot()
        if state is State.CRASHED:
            self.crash()
        assert state_of(self.rproc) is state

    def crash(self) -> None:
        """Report a crash, and wait until that was looked at."""
        self.rproc.report_crash()
        self.work.flush(10)

    def close(self) -> None:
        """Stop it."""
        while self.rproc.uses:
            self.rproc.shutdown()
        self.work.close()


COMMANDS: dict[Command, Callable[[Brought], None]] = {
    Command.START: lambda brought: brought.rproc.boot(),
    Command.STOP: lambda brought: brought.rproc.shutdown(),
    Command.DETACH: lambda brought: brought.rproc.detach(),
    Command.CRASH: Brought.crash,
    Command.RECOVER: lambda brought: brought.rproc.recover(),
    Command.SET_FIRMWARE: lambda brought: brought.rproc.set_firmware("other"),
    Command.SET_COREDUMP: lambda brought: brought.rproc.set_coredump(CoredumpConfig()),
}
REACHED = (State.OFFLINE, State.RUNNING, State.CRASHED)


@pytest.mark.parametrize(("state", "command"), list(itertools.product(REACHED, COMMANDS)))
def test_a_remote_processor_keeps_to_the_table(state: State, command: Command) -> None:
    brought, rule = Brought(state), EXPECTED[state, command]
    uses = brought.rproc.uses
    if rule.errno:
        with pytest.raises(StateError) as caught:
            COMMANDS[command](brought)
        assert caught.value.errno == rule.errno
    else:
        COMMANDS[command](brought)
    assert state_of(brought.rproc) is (rule.to or state)
    assert brought.rproc.uses == uses + rule.uses
    brought.close()


@pytest.mark.parametrize("state", [State.RUNNING, State.CRASHED])
def test_a_stop_that_is_not_the_last_only_gives_up_a_use(state: State) -> None:
    brought = Brought(state)
    brought.rproc.boot()
    brought.rproc.shutdown()
    assert (state_of(brought.rproc), brought.rproc.uses) == (state, 1)
    brought.close()


@pytest.mark.parametrize("state", [State.RUNNING, State.CRASHED])
def test_a_stop_that_fails_keeps_state_and_use(state: State) -> None:
    brought = Brought(state)
    brought.core.stop_error = OSError(errno.EIO, "cannot")
    with pytest.raises(OSError, match="cannot"):
        brought.rproc.shutdown()
    assert (state_of(brought.rproc), brought.rproc.uses) == (state, 1)
    brought.core.stop_error = None
    brought.close()


def test_a_start_that_fails_leaves_no_use() -> None:
    brought = Brought(State.OFFLINE)
    brought.core.image = b"no ELF"
    with pytest.raises(OSError, match="too small"):
        brought.rproc.boot()
    assert (state_of(brought.rproc), brought.rproc.uses) == (State.OFFLINE, 0)
    brought.close()


# ---- the firmware's name ----


def test_a_firmware_name_ends_at_the_newline_and_is_what_the_next_boot_loads() -> None:
    brought = Brought(State.OFFLINE)
    brought.rproc.set_firmware("other.elf\nmore")
    assert brought.rproc.firmware == "other.elf"
    brought.rproc.boot()
    assert "Booting fw image other.elf, size" in str(brought.rproc.log)
    brought.close()


def test_the_table_of_the_image_is_that_of_the_firmware_in_force() -> None:
    brought = Brought(State.OFFLINE)
    before = brought.rproc.image_table
    brought.core.image = make_image(ResourceTable((image_carveout(),)))
    brought.rproc.set_firmware("other.elf")
    assert brought.rproc.image_table == ResourceTable((image_carveout(),)) != before
    brought.close()


@pytest.mark.parametrize("name", ["", "\n", "\nfw", "\0"])
def test_an_empty_firmware_name_is_refused_with_the_line_of_linux(name: str) -> None:
    brought = Brought(State.OFFLINE)
    with pytest.raises(FirmwareNameError) as caught:
        brought.rproc.set_firmware(name)
    assert caught.value.errno == errno.EINVAL
    line = "recording-rproc door: can't provide empty string for firmware name"
    assert texts(brought.rproc.log.lines)[-1] == line
    assert brought.rproc.firmware == "fw"
    brought.close()


def test_a_firmware_name_is_refused_while_running_with_the_line_of_linux() -> None:
    brought = Brought(State.RUNNING)
    with pytest.raises(StateError):
        brought.rproc.set_firmware("other")
    line = "recording-rproc door: can't change firmware while running"
    assert texts(brought.rproc.log.lines)[-1] == line
    brought.close()
