# SPDX-License-Identifier: Apache-2.0
"""Cores that hang, and tests that wait for what never comes: all fail, but for those named …_goes_on."""

import pytest

from rproc import State
from rprochost import HostCore, Machine


@pytest.mark.rproc(firmware="libhang_boot.so", name="boot-library", boot_timeout=3600)
def test_boot_of_a_library(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@pytest.mark.rproc(firmware="hang_boot", name="boot-process", boot_timeout=3600)
def test_boot_of_a_process(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@pytest.mark.rproc(firmware="libhang_stop.so", name="stop-library", stop_timeout=3600)
@pytest.mark.rproc(firmware="hang_stop", name="stop-process", stop_timeout=3600)
def test_stop(machine: Machine) -> None:
    pass


@pytest.mark.rproc(firmware="behave.py:HangStop", name="stop-python")
def test_stop_of_a_thread(remoteproc: HostCore) -> None:
    pass


@pytest.mark.rproc(firmware="libecho.so", name="answer-library")
def test_answer(remoteproc: HostCore) -> None:
    with remoteproc.wait_channel("behave").open() as endpoint:
        endpoint.send(b"hang")
        endpoint.recv()


@pytest.mark.rproc(firmware="echo", name="full-process")
def test_a_ring_that_stays_full(remoteproc: HostCore) -> None:
    with remoteproc.wait_channel("behave").open() as endpoint:
        endpoint.send(b"hang")
        while True:
            endpoint.send(b"more")


@pytest.mark.rproc(firmware="echo")
def test_channel_of_a_core(remoteproc: HostCore) -> None:
    remoteproc.wait_channel("nobody")


@pytest.mark.rproc(firmware="echo")
def test_channel_of_a_machine(machine: Machine) -> None:
    machine.wait_channel("nobody")


@pytest.mark.rproc(firmware="echo")
def test_state(remoteproc: HostCore) -> None:
    remoteproc.wait_state(State.CRASHED)


@pytest.mark.rproc(firmware="echo")
def test_trace(remoteproc: HostCore) -> None:
    list(remoteproc.trace().follow())


@pytest.mark.parametrize("number", range(6))
@pytest.mark.rproc(firmware="libecho.so")
def test_the_run_goes_on(
    machine: Machine, remoteproc: HostCore, number: int, request: pytest.FixtureRequest
) -> None:
    worker = request.config.workerinput["workerid"] if hasattr(request.config, "workerinput") else "none"
    assert machine.name == f"test_the_run_goes_on[{number}]@{worker}"
    assert remoteproc.rproc.index == 0
    with remoteproc.wait_channel("behave").open() as endpoint:
        endpoint.send(b"alive")
        assert endpoint.recv().data == b"alive"
