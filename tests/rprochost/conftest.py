# SPDX-License-Identifier: Apache-2.0
"""The commands as processes, and the echo ECU for each kind of core."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rprochost.demo.firmware import python_image
from rprochost.sdk import build_ecu, find_compiler, find_sdk

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: The project that test_pytest_plugin.py runs.
collect_ignore = ["plugin"]

#: No command of these tests takes a tenth of this.
LIMIT = 60


def command(tool: str, *arguments: str) -> list[str]:
    """Return the command line of `rproc` or `rpmsg`, in this interpreter."""
    module = "rprochost.cli" if tool == "rproc" else "rprochost.cli.rpmsg"
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())", *arguments]


@pytest.fixture
def run() -> Run:
    """Run a command to its end and return what it said."""

    def run_command(
        tool: str, *arguments: str, env: dict[str, str] | None = None, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(tool, *arguments),
            capture_output=True,
            text=True,
            input=stdin,
            timeout=LIMIT,
            check=False,
            env=os.environ | (env or {}),
        )

    return run_command


@pytest.fixture
def start() -> Callable[..., "subprocess.Popen[str]"]:
    """Start a command that is to be interrupted."""

    def start_command(
        tool: str, *arguments: str, env: dict[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command(tool, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (env or {}),
        )

    return start_command


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The echo ECU for each kind of core."""
    compiler = find_compiler()
    assert compiler is not None, "make test needs a C compiler"
    folder = tmp_path_factory.mktemp("ecus")
    source = find_sdk().examples / "echo" / "echo.c"
    build_ecu(compiler, [source], folder / "libecho.so", library=True)
    build_ecu(compiler, [source], folder / "echo", library=False)
    images: dict[str, Path | str] = {
        "library": folder / "libecho.so",
        "process": folder / "echo",
        "python": python_image().path,
    }
    return {kind: str(image) for kind, image in images.items()}


@pytest.fixture(params=["library", "process", "python"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of core in turn."""
    return str(request.param)
