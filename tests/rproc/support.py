# SPDX-License-Identifier: Apache-2.0
"""What the tests of the room hand to it: a core, a driver and subdevices that record what is asked of them.

They are the tests' own inputs; real cores have tests of their own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from resource_tables import (
    ADDR_ANY,
    Carveout,
    ElfImage,
    ResourceTable,
    SegmentSpec,
    Trace,
    Vdev,
    Vring,
    elf_image,
)
from rproc import BootInfo, Containment, Exit, RemoteProc, State
from virtio import DriverQueue, VirtioDevice

IMAGE_DA = 0x1000_0000
TABLE_DA = IMAGE_DA + 0x1000

#: The reference table of a boot with one rpmsg vdev, as Linux documents it: 200 bytes.
REFERENCE_TABLE = ResourceTable(
    (
        Carveout(name="vdev0buffer", size=0x40000),
        Trace(name="trace0", da=0x1001_0000, size=0x1000),
        Vdev(
            id=7,
            dfeatures=1,
            vrings=(Vring(num=256, align=16, notifyid=0), Vring(num=256, align=16, notifyid=1)),
        ),
    )
)


def image_carveout(size: int = 0x20000) -> Carveout:
    """Return the carveout that the images of these tests are loaded into."""
    return Carveout(name="image", da=IMAGE_DA, size=size)


def vdev(id: int = 4, num: int = 8, vrings: int = 2, da: int = ADDR_ANY, config: bytes = b"") -> Vdev:
    """Return a vdev with small rings."""
    rings = tuple(Vring(num=num, align=16, da=da) for _ in range(vrings))
    return Vdev(id=id, dfeatures=1, vrings=rings, config=config)


def make_image(table: ResourceTable | bytes | None, *segments: SegmentSpec, elf_class: int = 64) -> bytes:
    """Make an image whose table is loaded at TABLE_DA."""
    return elf_image(table, table_addr=TABLE_DA, segments=segments, elf_class=elf_class)


class Calls:
    """A log of calls in which the call number ``fail_at`` (from 0) raises."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.names: list[str] = []
        self._fail_at = fail_at

    def __call__(self, name: str, *, undo: bool = False) -> None:
        """Note a call; an undo never fails and does not count."""
        if not undo and self._num_done() == self._fail_at:
            self._fail_at = None
            raise OSError(5, f"{name} fails")
        self.names.append(f"-{name}" if undo else name)

    def fail_from_here(self, number: int) -> None:
        """Have the call ``number`` raise, counted from the next one as 0."""
        self._fail_at = self._num_done() + number

    def _num_done(self) -> int:
        return sum(not name.startswith("-") for name in self.names)


class RecordingCore:
    """A core that only remembers: its firmware is the image given."""

    kind = "recording"
    contains = Containment(
        segfault=False, exit_call=False, kill=False, hang_in_boot=False, hang_in_notify=False, memory=False
    )

    def __init__(self, image: bytes, calls: Calls | None = None) -> None:
        self.image = image
        self.calls = calls if calls is not None else Calls()
        self.boots: list[BootInfo] = []
        self.on_exit: Callable[[Exit], None] | None = None
        self.stop_error: OSError | None = None
        self.while_starting: Callable[[], None] = lambda: None
        self.while_stopping: Callable[[], None] = lambda: None

    def request_firmware(self, name: str, search: Path) -> bytes:
        """Return the image."""
        self.calls("request_firmware")
        return self.image

    def check(self, image: ElfImage) -> None:
        """Accept every image."""
        self.calls("check")

    def start(self, boot: BootInfo, on_exit: Callable[[Exit], None]) -> None:
        """Remember what there is."""
        self.calls("start")
        self.boots.append(boot)
        self.on_exit = on_exit
        self.while_starting()

    def stop(self, timeout: float) -> None:
        """Stop, or say that it cannot."""
        self.while_stopping()
        if self.stop_error is not None:
            raise self.stop_error
        self.calls("start", undo=True)

    def exit(self, exit: Exit) -> None:
        """End without being asked."""
        assert self.on_exit is not None
        self.on_exit(exit)


class RecordingSubdevice:
    """A subdevice that only remembers."""

    def __init__(self, name: str, calls: Calls) -> None:
        self.name = name
        self.calls = calls
        self.crashed: list[bool] = []

    def prepare(self) -> None:
        """Prepare."""
        self.calls(f"prepare {self.name}")

    def start(self) -> None:
        """Start."""
        self.calls(f"start {self.name}")

    def stop(self, crashed: bool) -> None:
        """Stop."""
        self.crashed.append(crashed)
        self.calls(f"start {self.name}", undo=True)

    def unprepare(self) -> None:
        """Undo prepare."""
        self.calls(f"prepare {self.name}", undo=True)


class RecordingDriver:
    """A driver that sets up its queues and remembers what it saw."""

    name = "recording_driver"

    def __init__(self, id: int = 4, num_queues: int = 2, features: int = 1, pool_bytes: int = 4096) -> None:
        self.id = id
        self.features = features
        self.num_queues = num_queues
        self.pool_bytes = pool_bytes
        self.device: VirtioDevice | None = None
        self.queues: list[DriverQueue] = []
        self.pool_da = 0
        self.removed: list[bool] = []
        self.log_line: str | None = None

    def probe(self, device: VirtioDevice) -> None:
        """Take queues and buffers."""
        self.queues = device.find_vqs(self.num_queues)
        if self.pool_bytes:
            self.pool_da = device.buffer_pool(self.pool_bytes)
        device.ready()
        if self.log_line is not None:
            device.log.info(device.source, self.log_line)
        self.device = device

    def remove(self, device: VirtioDevice, crashed: bool) -> None:
        """Let them go."""
        device.reset()
        self.removed.append(crashed)
        self.queues = []
        self.device = None

    def buffers(self, num: int) -> int:
        """Return what probe asks for."""
        return self.pool_bytes


def open_descriptors() -> dict[str, str]:
    """Return this process's open descriptors and what they are."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:
            continue  # the one that listed the directory
    return found


def memory_mappings() -> list[str]:
    """Return the mappings of this process that are shared memory of ours."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:rproc-" in line]


def texts(lines: Sequence[object]) -> list[str]:
    """Return log lines without their times."""
    return [str(line).partition("] ")[2] for line in lines]


def state_of(rproc: RemoteProc) -> State:
    """Return the state; a type checker takes a property that it has seen once for settled."""
    return rproc.state
