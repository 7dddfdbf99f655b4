# SPDX-License-Identifier: Apache-2.0
"""The examples that a reader types."""

import subprocess
import sys
from pathlib import Path

import pytest

from rprochost import Machine
from rprochost.bench.echo import one_round_trip
from rprochost.config import load_settings

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_first_host_program_prints_the_answer(images: dict[str, str], kind: str) -> None:
    command = [sys.executable, str(EXAMPLES / "host" / "first.py"), images[kind]]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (said.stdout, said.stderr) == ("hello, remote core\n", "")


def test_the_car_has_a_core_of_every_kind() -> None:
    settings = load_settings(EXAMPLES / "car" / "machine.toml")
    assert [core.kind for core in settings.cores] == ["library", "process", "python"]
    assert {core.firmware for core in settings.cores} == {"libecho.so", "echo", "ecus.py:Echo"}


@pytest.mark.parametrize("process", [False, True])
def test_the_ecu_in_python_echoes(process: bool) -> None:
    machine = Machine()
    machine.add("mirror", kind="python", firmware=EXAMPLES / "car" / "ecus.py:Echo", process=process)
    with machine, machine.wait_channel("rpmsg-echo", timeout=20).open() as endpoint:
        one_round_trip(endpoint, 1, 16, 20)
