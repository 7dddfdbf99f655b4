# SPDX-License-Identifier: Apache-2.0
"""Tables as public firmware has them, one of each kind, in images of their cores.

Numbers, sizes, ids and addresses are those of the firmware; the code in the images is not. Those that a
compiler makes are in sources/.
"""

import struct

from resource_tables import (
    ADDR_ANY,
    Carveout,
    Devmem,
    Entry,
    ResourceTable,
    SegmentSpec,
    Trace,
    Unknown,
    Vdev,
    Vring,
    elf_image,
    emit,
)
from tests.corpus import change

ARM, NIOS_2, TI_PRU, RISCV = 40, 113, 144, 243
_EXECUTABLE = 2
_NOBITS = 8
_CODE = bytes(range(64))
_READ_EXECUTE = 5


def rpmsg(num: int, align: int, *das: int, ids: tuple[int, int] = (0, 1), notifyid: int = 0) -> Vdev:
    """Return an rpmsg device with two equal rings; no address means any."""
    places = das or (ADDR_ANY, ADDR_ANY)
    rings = (Vring(num=num, align=align, da=da, notifyid=id_) for da, id_ in zip(places, ids, strict=True))
    return Vdev(id=7, dfeatures=1, vrings=tuple(rings), notifyid=notifyid)


def table(*entries: Entry, size: int = 0, version: int = 1) -> bytes:
    """Return the bytes of a table, with slack up to ``size``."""
    return emit(ResourceTable(entries, version)).ljust(size, b"\0")


def image(raw: bytes, *, at: int, code_at: int, machine: int = ARM, entry: int | None = None) -> bytes:
    """Return a 32-bit image: the table in a segment of its own, some code in another."""
    code = SegmentSpec(paddr=code_at, data=_CODE, flags=_READ_EXECUTE)
    return elf_image(
        raw,
        elf_class=32,
        machine=machine,
        table_addr=at,
        segments=(code,),
        e_type=_EXECUTABLE,
        entry=code_at if entry is None else entry,
    )


def _pru(raw: bytes) -> bytes:
    """Return an image of TI's PRU: instruction and data memory both begin at 0, and so does the program."""
    return image(raw, at=0, code_at=0, machine=TI_PRU, entry=0)


def _vendor(kind: int, size: int) -> Unknown:
    return Unknown(type=kind, body=bytes(range(size - 4)))


def _peripherals(count: int) -> tuple[Devmem, ...]:
    """Return windows of 16 MiB that a processor behind an IOMMU sees its peripherals through."""
    windows = range(0xAA000000, 0xAA000000 + (count << 24), 1 << 24)
    return tuple(Devmem(name=f"L4_{da >> 24:x}", da=da, pa=da - 0x60000000, size=1 << 24) for da in windows)


_DRA7_IPU = table(
    rpmsg(256, 4096, 0x60000000, 0x60004000),
    Carveout(name="IPU_MEM_TEXT", da=0, size=0x600000),
    Carveout(name="IPU_MEM_DATA", da=0x80000000, size=0x4800000),
    Carveout(name="IPU_MEM_IPC_DATA", da=0x9F000000, size=0x100000),
    Trace(name="trace:sysm3", da=0x9F000000, size=0x8000),
    Devmem(name="IPU_MEM_IPC_VRING", da=0x60000000, pa=0xA0000000, size=0x100000),
    *_peripherals(12),
)


def _omap4_ipu(version: int) -> bytes:
    console = Vdev(id=3, vrings=tuple(Vring(num=256, align=4096, notifyid=n) for n in (2, 3)))
    carveouts = (
        Carveout(name="IPU_MEM_TEXT", da=0, size=0x100000),
        Carveout(name="IPU_MEM_DATA", da=0x80000000, size=0x1000000),
        Carveout(name="IPU_MEM_IPC_VRING", da=0xA0000000, size=0x100000),
        Carveout(name="IPU_MEM_IPC_DATA", da=0x9F000000, size=0x100000),
    )
    trace = Trace(name="trace:sysm3", da=0x9F000000, size=0x8000)
    return table(rpmsg(256, 4096), console, *carveouts, trace, *_peripherals(9), version=version)


def _renesas(raw: bytes) -> bytes:
    return image(raw, at=0x42F02000, code_at=0x42F10000)


def _never_filled() -> bytes:
    """Return an image whose table takes no room in the file: what Linux reads there is something else."""
    filled = image(bytes(88), at=0x60000000, code_at=0x60010000)
    # The next bytes of the file are those of the code.
    return change.section(filled, 1, type=_NOBITS, offset=filled.index(_CODE))


# The array has room for two offsets; while the trace is off, the second one is stale.
_E907_WITHOUT_TRACE = struct.pack("<6I", 1, 1, 0, 0, 24, 92) + table(rpmsg(16, 16))[20:] + bytes(48)


def _nuttx(*, role: int) -> bytes:
    """Return the simulator's table; ``role`` is what it keeps in a vdev's reserved bytes."""
    entropy = Vdev(id=4, vrings=(Vring(num=8, align=8),), reserved=role)
    shared = (Carveout(name=f"shmem{n}", da=0x1000 * n, size=0x1000) for n in range(3))
    return table(entropy, entropy, rpmsg(8, 8), *shared)


def _zephyr(*, vdev: bool, trace: bool) -> bytes:
    entries: list[Entry] = []
    if vdev:
        entries.append(rpmsg(8, 16))
    if trace:
        entries.append(Trace(name="rpmsg_trace", da=0x10020401, size=0x401))
    return image(table(*entries), at=0x10020000, code_at=0x10000000)


# The rings lie where the host sees that memory, not the core.
_RZ_RPMSG = rpmsg(512, 0x100, 0x43000000, 0x43050000, ids=(0, 0))
_R5_TRACE = Trace(name="r5_trace", da=0x3ED10000, size=0x1000)
_R5_2017 = (_vendor(4, 56), rpmsg(256, 4096, ids=(1, 2)), _vendor(5, 20))
_E907_TRACE = Trace(name="trace0", da=0x48100000, size=0x1000)


def _r5(raw: bytes) -> bytes:
    return image(raw, at=0x3ED20000, code_at=0x3ED00000)


def _imx(raw: bytes) -> bytes:
    return image(raw, at=0x20000000, code_at=0x1FFE0000)


def _e907(raw: bytes) -> bytes:
    return image(raw, at=0x48000400, code_at=0x48000000, machine=RISCV)


#: Names without the verdict: what Linux boots.
ACCEPTED: dict[str, bytes] = {
    "ti-pru.elf": _pru(table(rpmsg(16, 16, 0, 0, ids=(0, 0)), _vendor(5, 32))),
    "ti-pru-empty.elf": _pru(table(size=20)),
    "ti-dra7-ipu.elf": image(_DRA7_IPU, at=0x80001000, code_at=0x1000),
    "ti-omap4-ipu.elf": image(_omap4_ipu(1), at=0x80001000, code_at=0x1000),
    # A version in the upper half of the type word.
    "ti-k3-r5-typed.elf": image(
        table(_vendor(0x10080, 12), rpmsg(256, 4096)), at=0xA2000000, code_at=0xA2001000
    ),
    "zephyr-trace.elf": _zephyr(vdev=False, trace=True),
    "zephyr-vdev.elf": _zephyr(vdev=True, trace=False),
    "zephyr-both.elf": _zephyr(vdev=True, trace=True),
    "amd-zynq-a9.elf": _r5(table(rpmsg(256, 4096, ids=(1, 2)), size=256)),
    "amd-zynqmp-r5-2017.elf": _r5(table(*_R5_2017)),
    "amd-zynqmp-r5-trace.elf": _r5(table(rpmsg(256, 4096, ids=(1, 2), notifyid=31), _R5_TRACE, size=256)),
    "intel-nios2.elf": image(table(rpmsg(256, 4096)), at=0x8001000, code_at=0x8000000, machine=NIOS_2),
    "renesas-rzg2.elf": _renesas(table(_vendor(4, 60), _RZ_RPMSG, size=224)),
    "nxp-imx-empty.elf": _imx(table()),
    "nxp-imx-fixed.elf": _imx(table(rpmsg(256, 4096, 0xB8000000, 0xB8008000))),
    "microchip-mpfs.elf": image(
        table(rpmsg(256, 4096, 0x91D00000, 0x91D10000)), at=0x91C20000, code_at=0x91C00000, machine=RISCV
    ),
    "allwinner-e907.elf": _e907(table(rpmsg(16, 16), _E907_TRACE)),
    "allwinner-e907-stale-offset.elf": _e907(_E907_WITHOUT_TRACE),
    "nuttx-sim.bin": _nuttx(role=0),
}

#: What it does not, with the errno.
REJECTED: dict[str, bytes] = {
    "einval-ti-omap4-ipu-version-4.elf": image(_omap4_ipu(4), at=0x80001000, code_at=0x1000),
    "einval-amd-size-0.elf": _r5(b""),
    "einval-renesas-rzg2-all-zero.elf": _renesas(bytes(224)),
    "einval-renesas-rzn2h-nobits.elf": _never_filled(),
    "einval-nuttx-sim-role.bin": _nuttx(role=1),
}

#: This one's table lies behind a tag at a fixed address, in no section.
NO_TABLE: dict[str, bytes] = {
    "adi-sharc.elf": change.section(
        image(table(rpmsg(512, 4096)), at=0x20084000, code_at=0x20080000), 1, name=0
    )
}
