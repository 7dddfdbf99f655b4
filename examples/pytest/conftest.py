# SPDX-License-Identifier: Apache-2.0
"""Builds the door; where a build system does that, return the folder of its results instead."""

from pathlib import Path

import pytest

from rprochost.sdk import build_ecu, find_compiler


@pytest.fixture(scope="session")
def rproc_firmware_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build door.c as a library and as a program, into a folder that each worker of xdist has for itself."""
    compiler = find_compiler()
    assert compiler is not None, "this project needs a C compiler"
    folder = tmp_path_factory.mktemp("ecus")
    source = Path(__file__).with_name("door.c")
    build_ecu(compiler, [source], folder / "libdoor.so", library=True)
    build_ecu(compiler, [source], folder / "door", library=False)
    return folder
