# SPDX-License-Identifier: Apache-2.0
"""One core: fixture remoteproc."""

import os
import signal

import pytest

from rproc import State
from rprochost import HostCore

pytestmark = pytest.mark.rproc(firmware="libdoor.so", name="door")


def test_a_door_is_closed_at_first(remoteproc: HostCore) -> None:
    assert "door: closed" in remoteproc.trace().read()


@pytest.mark.parametrize("word, state", [(b"open", b"open"), (b"close", b"closed")])
def test_a_door_does_what_it_is_told(remoteproc: HostCore, word: bytes, state: bytes) -> None:
    with remoteproc.wait_channel("door").open() as endpoint:
        endpoint.send(word)
        assert endpoint.recv().data == state


def test_a_door_that_is_restarted_is_closed(remoteproc: HostCore) -> None:
    for word in (b"open", b"?"):
        with remoteproc.wait_channel("door").open() as endpoint:
            endpoint.send(word)
            answer = endpoint.recv().data
        remoteproc.stop()
        remoteproc.start()
    assert answer == b"closed"


@pytest.mark.rproc(firmware="door", kind="process", name="door")
def test_whoever_talks_to_a_killed_door_is_told(remoteproc: HostCore) -> None:
    with remoteproc.wait_channel("door").open() as endpoint:
        assert remoteproc.pid is not None
        os.kill(remoteproc.pid, signal.SIGKILL)
        with pytest.raises(BrokenPipeError):
            endpoint.recv()
    remoteproc.wait_state(State.CRASHED)
