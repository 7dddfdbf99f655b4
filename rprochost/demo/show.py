# SPDX-License-Identifier: Apache-2.0
"""Step 2: the log in Linux's order, the resource table before and after, the memory map."""

from resource_tables import render_text
from rprochost.demo.stage import Stage, StepError
from rprochost.host_core import HostCore
from rprochost.machine import Machine
from rprochost.text import WIDTH, table

#: What Linux logs on the way up, in this order; the last two may swap, for they come from two threads.
ORDER = (
    "is available",
    "powering up",
    "Booting fw image",
    "rpmsg host is online",
    "registered virtio",
)
LAST = ("is now up", "creating channel")


def _in_order(core: HostCore) -> bool:
    left = iter([line.text for line in core.log.lines])
    first = all(any(words in text for text in left) for words in ORDER)
    rest = list(left)
    return first and all(any(words in text for text in rest) for words in LAST)


def log(stage: Stage, machine: Machine) -> None:
    """Show the log and check its order for every core."""
    for line in machine.log.lines:
        text = str(line)
        shown = text if len(text) <= WIDTH - 2 else text[: WIDTH - 5] + "..."
        stage.say("  " + (stage.style(shown, "green") if "is now up" in text else shown))
    stage.say("")
    for core in machine.values():
        if not _in_order(core):
            raise StepError(f"the log of {core.name} is not in Linux's order")
    stage.good(f"all {len(machine)} cores are up, each with its log in Linux's order")
    stage.result(
        "boot", cores=[core.name for core in machine.values()], log=[str(line) for line in machine.log.lines]
    )


def _leading(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 3] + "..."


def table_before_and_after(stage: Stage, core: HostCore) -> None:
    """Show the table as in the file and as the host filled it in, side by side where they differ."""
    before = [line for line in render_text(core.image_table).splitlines() if line.strip()]
    after = [line for line in render_text(core.table).splitlines() if line.strip()]
    if len(before) != len(after):
        raise StepError(f"the loaded table of {core.name} has other entries than the file's")
    stage.say("")
    stage.say(f"  resource table of {core.name}: in the file, and what the host filled in")
    stage.say("")
    changed = 0
    for old, new in zip(before, after, strict=True):
        line = f"    {_leading(old, 44):<44}"
        if old != new:
            changed += 1
            line += stage.style(f"  ->  {_leading(new.strip(), 44)}", "yellow")
        stage.say(line.rstrip())
    stage.say("")
    stage.check(changed > 0, f"the host filled in {changed} fields of the table")
    stage.result("table", core=core.name, before=before, after=after)


def memory_map(stage: Stage, machine: Machine) -> None:
    """Show which device addresses each core was given."""
    rows = [
        (core.name, piece.name, f"{piece.da:#010x}", f"{piece.da + piece.size - 1:#010x}", f"{piece.size:,}")
        for core in machine.values()
        for piece in sorted(core.carveouts, key=lambda piece: piece.da)
    ]
    stage.say("")
    stage.say("  memory map: one sealed memfd per core, addresses as the core sees them")
    stage.say("")
    stage.lines(table(("core", "carveout", "from", "to", "bytes"), rows, "    "))
    stage.result("memory", carveouts=[row[:3] for row in rows])


def traces(stage: Stage, machine: Machine) -> None:
    """Show what the cores wrote into their trace buffers, those that have one."""
    stage.say("")
    for core in machine.values():
        if core.image_table.traces:
            text = core.trace(0).read().rstrip()
            stage.say(f"  trace0 of {core.name}: {text}")


def stopped(stage: Stage, machine: Machine) -> None:
    """Show the last lines of the log and check that every core is offline."""
    # One that recovered has stopped before.
    last = {line.source: line for line in machine.log.lines if "stopped remote processor" in line.text}
    for line in sorted(last.values(), key=lambda line: line.time_ns):
        stage.say(f"  {line}")
    states = {core.name: core.state.value for core in machine.values()}
    stage.check(set(states.values()) == {"offline"}, "every core is offline")
