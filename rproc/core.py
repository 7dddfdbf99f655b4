# SPDX-License-Identifier: Apache-2.0
"""What the room needs from a kind of remote core, and what it tells the core at boot.

Linux's twin is struct rproc_ops: a small set of required hooks; optional ones are separate protocols that are
looked up with isinstance, so that no core has methods that only raise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resource_tables import ElfImage
from virtio import Doorbells, KernelLog, Lifeline, SharedMemory, WorkThread


@dataclass(frozen=True, slots=True, kw_only=True)
class Containment:
    """What the host survives when a core of this kind does it; False is documented, not hidden.

    Thread safety: immutable.
    """

    segfault: bool  #: an invalid access ends the core only
    exit_call: bool  #: exit() or abort() ends the core only
    kill: bool  #: a signal sent to the core ends the core only
    hang_in_boot: bool  #: a boot that never returns can be ended for good
    hang_in_notify: bool  #: so can a callback
    memory: bool  #: the core cannot reach the host's own memory


@dataclass(frozen=True, slots=True, kw_only=True)
class BootInfo:
    """All that a core gets for one boot. Memory, bells and lifeline are new for every boot.

    ``table_da`` and ``table_size`` say where the loaded table lies; size 0 when the image has no place for
    it. ``timeout`` is seconds until the core must have said READY. Thread safety: immutable.
    """

    name: str
    instance: str
    memory: SharedMemory
    bells: Doorbells
    lifeline: Lifeline
    table_da: int
    table_size: int
    entry: int
    firmware: bytes
    firmware_path: Path | None
    timeout: float
    log: KernelLog
    work: WorkThread


@dataclass(frozen=True, slots=True)
class Exit:
    """Why a core ended without being asked to.

    ``kind`` is "exit", "signal", "refused", "hangup", "violation" or another word of the core's; ``rule`` is
    set for a violation. Thread safety: immutable.
    """

    kind: str
    detail: str
    errno: int | None = None
    rule: str | None = None


class Core(Protocol):
    """A kind of remote core: the hooks that every kind has.

    Thread safety: one thread at a time calls them; ``on_exit`` may be called by any.
    """

    #: "process", "library", "python" …
    kind: str
    contains: Containment

    def request_firmware(self, name: str, search: Path) -> bytes:
        """Return the image; FileNotFoundError or another OSError as Linux's request_firmware."""
        ...

    def check(self, image: ElfImage) -> None:
        """Raise an OSError when a core of this kind cannot run the image (class, machine, ABI symbol)."""
        ...

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Start the core and return when it is ready; whatever is raised, nothing of it is left.

        ``on_exit`` is called at most once, when the core ends without stop() having been called.
        """
        ...

    def stop(self, timeout: float) -> None:
        """Ask the core to end, insist after ``timeout`` seconds; also for a core that has ended by itself."""
        ...
