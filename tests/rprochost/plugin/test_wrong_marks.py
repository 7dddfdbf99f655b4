# SPDX-License-Identifier: Apache-2.0
"""Marks that cannot be: each test is an error that names this file and the test."""

from pathlib import Path

import pytest

from rprochost import HostCore, Machine

rproc, machine_file = pytest.mark.rproc, pytest.mark.machine


def test_no_mark(machine: Machine) -> None:
    pytest.fail("not reached")


@rproc("libecho.so")
def test_positional(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(kind="library")
def test_no_firmware(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", boot_timeuot=1)
def test_unknown_option(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", rpmsg={"num": "many"})
def test_wrong_value(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware=5)
def test_wrong_firmware(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", name=5)
def test_wrong_name(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", kind="emulated")
def test_unknown_kind(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", args=["-v"])
def test_option_of_another_kind(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so")
@rproc(firmware="echo")
def test_two_of_one_name(machine: Machine) -> None:
    pytest.fail("not reached")


@rproc(firmware="libecho.so", name="one")
@rproc(firmware="echo", name="two")
def test_which_of_two(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


@machine_file
def test_no_file(machine: Machine) -> None:
    pytest.fail("not reached")


@machine_file("none.toml")
def test_missing_file(machine: Machine) -> None:
    pytest.fail("not reached")


@machine_file("machine.toml", timeout=5)
def test_option_of_a_file(machine: Machine) -> None:
    pytest.fail("not reached")


@machine_file("wrong.toml")
def test_wrong_file(machine: Machine) -> None:
    pytest.fail("not reached")


@machine_file("\0")
def test_no_name_of_a_file(machine: Machine) -> None:
    pytest.fail("not reached")


@rproc(firmware="none.elf", name="ghost")
def test_missing_firmware(remoteproc: HostCore) -> None:
    pytest.fail("not reached")


def test_the_file_is_beside_this_one() -> None:
    assert Path(__file__).with_name("wrong.toml").exists()
