# SPDX-License-Identifier: Apache-2.0
"""``rproc demo``: from C source to messages and back to nothing, checking on the way what it claims."""

from pathlib import Path
from typing import TYPE_CHECKING

from rprochost.demo import crash, firmware, leftovers, show, talk
from rprochost.demo.folder import temporary_folder
from rprochost.demo.stage import Stage
from rprochost.machine import Machine
from rprochost.sdk import find_compiler

if TYPE_CHECKING:
    from rprochost.cli.common import Output

#: The channel that every core of the demo answers on.
CHANNEL = "rpmsg-echo"

BUILD = "cc -shared $(rproc sdk --srcdir)/examples/echo/echo.c $(rproc sdk --cflags --libs) -o libecho.so"
NEXT = (
    ("rproc run {file}", "one core in the foreground"),
    ("rproc table show {file}", "what a firmware asks of its host"),
    ("rpmsg ping --firmware {file} rpmsg-echo", "latency of one channel"),
    ("rproc sdk --cflags --libs", "flags to build an ECU of your own"),
)


def run_demo(output: "Output", count: int) -> int:
    """Run the five steps; raises StepError for the first that does not do what it claims.

    Thread safety: none; the caller serialises.
    """
    stage = Stage(output)
    before = leftovers.Snapshot.take()
    with temporary_folder() as folder:
        images = firmware.build(stage, folder)
        machine = _boot_all(stage, images, count)
    stage.begin("Stop everything")
    show.stopped(stage, machine)
    leftovers.check(stage, before, folder)
    _what_next(stage)
    return 0


def _boot_all(stage: Stage, images: list[firmware.Image], count: int) -> Machine:
    """Do everything that needs running cores; they are stopped when it returns."""
    machine = Machine(name="demo")
    for image in images:
        machine.add(image.core, kind=image.kind, firmware=image.path)
    stage.begin(f"Boot {len(images)} remote core{'s' if len(images) > 1 else ''}")
    with machine:
        for core in machine.values():
            machine.wait_channel(CHANNEL, core=core.name)
        show.log(stage, machine)
        show.table_before_and_after(stage, next(iter(machine.values())))
        show.memory_map(stage, machine)
        show.traces(stage, machine)
        talk.ping_all(stage, machine, CHANNEL, count)
        crash.kill_one(stage, machine, CHANNEL)
    return machine


def _what_next(stage: Stage) -> None:
    stage.begin("What to try next")
    built = Path("build/examples/libecho.so")
    file = str(built) if built.exists() else built.name
    if not built.exists() and find_compiler() is not None:
        # An installation has the example's source, not the example.
        stage.say(f"  {stage.style(BUILD, 'cyan')}")
    width = max(len(command.format(file=file)) for command, _ in NEXT)
    for command, what in NEXT:
        stage.say(f"  {stage.style(command.format(file=file).ljust(width), 'cyan')}   {what}")
