# SPDX-License-Identifier: Apache-2.0
"""Remote processors: firmware, memory, virtio devices, life cycle, traces.

The way of a boot through the room, in Linux's order:

* ``remoteproc``: RemoteProc, what can be seen of one. ``lifecycle``: its state, its uses, the commands.
  ``state``: what each command does in each state, as data. ``boot``: one boot, all or nothing. ``core``: what
  a kind of core must offer.
* ``resources``: the pass over the table. ``carveouts``, ``config``: who gets which device address.
* ``firmware``: segments into memory, the loaded table. ``vdev``: the virtio device on a vdev entry.
  ``subdevice``: what else is started with a core. ``trace``: trace buffers as streams. ``crash``: crashes.
  ``recovery``: when a crashed core is booted again. ``coredump``: its memory as an ELF core file.

What it refuses to do: it knows no kind of core, no rpmsg and no ring; both are handed in, as
``RemoteProc(core, firmware, drivers=[bus])``.

Assumptions: device and physical addresses are one number, there is no IOMMU. Not modelled yet:
attach and detach.
"""

from rproc.boot import Numbers
from rproc.carveouts import CarveoutInfo
from rproc.config import MemoryConfig, PlatformCarveout
from rproc.core import BootInfo, Containment, Core, Exit
from rproc.coredump import Coredump, CoredumpConfig, CoredumpMode, DumpFolder
from rproc.crash import Crash, CrashType
from rproc.errors import (
    CarveoutError,
    FirmwareNameError,
    NoTraceError,
    RprocError,
    StateError,
    StateTimeoutError,
)
from rproc.recovery import Recovery
from rproc.remoteproc import RemoteProc
from rproc.state import RULES, Command, Rule, State, allowed
from rproc.subdevice import Subdevice
from rproc.trace import TraceStream

__all__ = [
    "RULES",
    "BootInfo",
    "CarveoutError",
    "CarveoutInfo",
    "Command",
    "Containment",
    "Core",
    "Coredump",
    "CoredumpConfig",
    "CoredumpMode",
    "Crash",
    "CrashType",
    "DumpFolder",
    "Exit",
    "FirmwareNameError",
    "MemoryConfig",
    "NoTraceError",
    "Numbers",
    "PlatformCarveout",
    "Recovery",
    "RemoteProc",
    "RprocError",
    "Rule",
    "State",
    "StateError",
    "StateTimeoutError",
    "Subdevice",
    "TraceStream",
    "allowed",
]
