# SPDX-License-Identifier: Apache-2.0
"""What a machine file says, as values: one frozen dataclass per table, one field per key.

The dataclasses are the reference of the file format: their field names are the keys, their defaults the
defaults, and ``CHECKS`` of :mod:`rprochost.config` says which values each key takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from resource_tables import Region


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """``[core.X.memory]``: where device addresses begin and how much memory a core may ask for.

    Thread safety: immutable.
    """

    #: First device address handed out for ANY.
    base: int = 0x4000_0000
    #: Bytes of all carve-outs, rings and buffers together.
    limit: int = 256 << 20
    #: ``[[core.X.memory.region]]``: memory that the platform reserves, below 4 GiB. ``da`` "any" is wherever
    #: there is room; ``pa`` is not used, since this host has no other address.
    region: tuple[Region, ...] = ()
    #: Whether a ring's device address 0 means "wherever there is room", as firmware of some vendors has it.
    zero_is_any: bool = False


@dataclass(frozen=True, slots=True)
class RpmsgSettings:
    """``[core.X.rpmsg]``: the rpmsg bus of a core. Thread safety: immutable."""

    #: Bytes of one message buffer, the 16-byte header included.
    buffer_size: int = 512
    #: Buffers per direction; None: as many as the ring has descriptors.
    num: int | None = None
    #: Seconds that a blocking send waits for a free buffer.
    tx_timeout: float = 15.0
    #: Messages that an endpoint holds before the newest is dropped.
    inbox: int = 4096


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """``[core.X.wait]``: how the host waits for a core. Thread safety: immutable."""

    #: Microseconds to spin before sleeping; 0 never spins.
    spin_us: int = 20


@dataclass(frozen=True, slots=True)
class RecoverySettings:
    """``[core.X.recovery]``: what happens after a crash; times in seconds. Thread safety: immutable."""

    #: Whether the core is booted again by itself.
    enabled: bool = True
    #: Recoveries in a row, then it stays crashed.
    attempts: int = 8
    #: A core that ran for so long has not crashed in a row.
    stable: float = 10.0
    #: Wait before the second recovery in a row; each further one waits twice as long, at most the other.
    backoff: float = 0.1
    max_backoff: float = 5.0


@dataclass(frozen=True, slots=True)
class CoredumpSettings:
    """``[core.X.coredump]``: whether a recovery writes the memory of the core to a file.

    Thread safety: immutable.
    """

    #: "disabled", "enabled" (a copy is written) or "inline" (the memory itself is).
    mode: str = "disabled"
    #: Section headers instead of program headers.
    sections: bool = False
    #: Where the files go; None: the current folder.
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """``[core.X]``: one remote core. Thread safety: immutable."""

    name: str
    #: File name, without a folder; with ":Class" for a Python core.
    firmware: str
    #: Folder that holds it: ``firmware_path`` for a bare name, else what the path said.
    search: Path
    kind: str = "process"
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    cwd: Path | None = None
    auto_boot: bool = True
    #: Seconds from start to READY.
    boot_timeout: float = 5.0
    #: Seconds from STOP to the core's end before it is ended by force.
    stop_timeout: float = 2.0
    #: Highest printk level kept in the core's log, 0 to 7.
    log_level: int = 7
    #: Python cores: an interpreter of its own instead of a thread.
    process: bool = False
    isolation: str = "normal"
    on_violation: str = "drop"
    memory: MemorySettings = MemorySettings()
    rpmsg: RpmsgSettings = RpmsgSettings()
    wait: WaitSettings = WaitSettings()
    recovery: RecoverySettings = RecoverySettings()
    coredump: CoredumpSettings = CoredumpSettings()


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """A whole machine file. Thread safety: immutable."""

    name: str
    firmware_path: Path
    cores: tuple[CoreSettings, ...] = ()
    #: The file, or None for a machine made in a program.
    path: Path | None = None
