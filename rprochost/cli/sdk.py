# SPDX-License-Identifier: Apache-2.0
"""``rproc sdk``: what a build system needs to know to build an ECU."""

import argparse
from typing import TYPE_CHECKING

from rprochost.cli.common import EXIT_OK, Output, Verb

if TYPE_CHECKING:
    from rprochost.sdk import Sdk

EXAMPLES = """\
cc -shared door.c $(rproc sdk --cflags --libs) -o libdoor.so
cc -pie door.c $(rproc sdk --cflags --libs) -o door
cmake -B build -D ecusdk_DIR=$(rproc sdk --cmakedir)"""


def _answers(sdk: "Sdk") -> dict[str, str]:
    import shlex

    return {
        "cflags": shlex.join(sdk.cflags()),
        "libs": shlex.join(sdk.libs()),
        "cmakedir": str(sdk.cmake),
        "srcdir": str(sdk.sources),
        "includedir": str(sdk.include),
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    what = {
        "cflags": "flags for the compiler",
        "libs": "flags for the linker",
        "cmakedir": "folder of the CMake package, for ecusdk_DIR",
        "srcdir": "folder of the sources (src/, posix/)",
        "includedir": "folder of the headers",
    }
    for name, text in what.items():
        parser.add_argument(f"--{name}", action="append_const", const=name, dest="wanted", help=text)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print what was asked for on one line, or everything with its names."""
    from rprochost.sdk import find_sdk

    answers = _answers(find_sdk())
    wanted: list[str] = arguments.wanted or []
    if wanted:
        chosen = {name: answers[name] for name in wanted}
        output.record(chosen, " ".join(chosen.values()))
    else:
        output.record(answers, "\n".join(f"{name:<10}  {value}" for name, value in answers.items()))
    return EXIT_OK


VERB = Verb("sdk", "print compiler flags and folders of the ECU SDK", EXAMPLES, configure, run)
