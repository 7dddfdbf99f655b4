# SPDX-License-Identifier: Apache-2.0
"""Tests that fail, for what their reports say."""

import os
import signal

import pytest

from rproc import State
from rprochost import HostCore


@pytest.mark.rproc(firmware="echo", name="victim")
def test_crash(remoteproc: HostCore) -> None:
    assert remoteproc.pid is not None
    os.kill(remoteproc.pid, signal.SIGKILL)
    remoteproc.wait_state(State.CRASHED)
    pytest.fail("after the crash")


@pytest.mark.rproc(firmware="libecho.so", name="talker")
def test_many_messages(remoteproc: HostCore) -> None:
    with remoteproc.wait_channel("behave").open() as endpoint:
        for number in range(50):
            endpoint.send(f"message {number}".encode())
            endpoint.recv()
    pytest.fail("after a hundred messages")


@pytest.mark.rproc(firmware="libecho.so", name="passing")
def test_that_passes(remoteproc: HostCore) -> None:
    remoteproc.wait_channel("behave")
