# SPDX-License-Identifier: Apache-2.0
"""Several cores: fixture machine."""

import pytest

from rprochost import Machine


def ask(machine: Machine, core: str, word: bytes) -> bytes:
    """Tell a door something and return its answer."""
    with machine.wait_channel("door", core=core).open() as endpoint:
        endpoint.send(word)
        return endpoint.recv().data


@pytest.mark.machine("machine.toml")
def test_a_door_does_not_move_the_other(machine: Machine) -> None:
    assert ask(machine, "left", b"open") == b"open"
    assert ask(machine, "right", b"?") == b"closed"


@pytest.mark.machine("machine.toml")
@pytest.mark.rproc(firmware="libdoor.so", name="boot", rpmsg={"buffer_size": 1024})
def test_a_mark_adds_a_core_to_a_machine_file(machine: Machine) -> None:
    assert list(machine) == ["left", "right", "boot"]
    assert ask(machine, "boot", b"open") == b"open"


@pytest.mark.rproc(firmware="libdoor.so", name="one")
@pytest.mark.rproc(firmware="libdoor.so", name="two")
def test_two_cores_without_a_machine_file(machine: Machine) -> None:
    assert [ask(machine, name, b"?") for name in machine] == [b"closed", b"closed"]
