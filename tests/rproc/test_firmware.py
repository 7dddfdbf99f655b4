# SPDX-License-Identifier: Apache-2.0
"""Loading: segments to p_paddr, zero fill, and the live table at sh_addr."""

import ctypes
import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resource_tables import (
    Carveout,
    ElfImage,
    LoaderError,
    ResourceTable,
    SegmentSpec,
    elf_image,
    emit,
    parse,
)
from rproc import RemoteProc
from rproc.firmware import load_segments, loaded_table, table_of
from tests.rproc.support import RecordingCore
from virtio import SharedMemory

DA = 0x1000_0000
TABLE = ResourceTable((Carveout(name="image", da=DA, size=0x2000),))


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory("test", [(DA, 0x2000)])
    made.view(DA, 0x2000)[:] = b"\xaa" * 0x2000
    yield made
    made.close()


def translate(da: int, size: int) -> bool:
    return da >= DA and da + size <= DA + 0x2000


def load(memory: SharedMemory, *segments: SegmentSpec, elf_class: int = 64) -> ElfImage:
    image = ElfImage.parse(elf_image(TABLE, table_addr=DA, segments=segments, elf_class=elf_class))
    load_segments(image, memory, translate)
    return image


@pytest.mark.parametrize("elf_class", [32, 64])
def test_segments_go_to_their_physical_address_and_the_rest_is_zeroed(
    memory: SharedMemory, elf_class: int
) -> None:
    segment = SegmentSpec(paddr=DA + 0x1000, vaddr=0x20, data=b"text", memsz=10)
    load(memory, segment, elf_class=elf_class)
    assert memory.view(DA, len(emit(TABLE))) == emit(TABLE)
    assert memory.view(DA + 0x1000, 11) == b"text" + bytes(6) + b"\xaa"


def test_later_segments_win_and_empty_ones_are_skipped(memory: SharedMemory) -> None:
    load(
        memory,
        SegmentSpec(paddr=DA + 0x1000, data=b"first"),
        SegmentSpec(paddr=DA + 0x1002, data=b"2nd"),
        SegmentSpec(paddr=0, memsz=0),
        SegmentSpec(paddr=0, data=b"note", type=4),
    )
    assert bytes(memory.view(DA + 0x1000, 5)) == b"fi2nd"


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (SegmentSpec(paddr=DA, data=b"long", memsz=2), "segment-sizes"),
        (SegmentSpec(paddr=DA + 0x1FFF, data=b"ab"), "segment-memory"),
        (SegmentSpec(paddr=DA - 1, data=b"ab"), "segment-memory"),
        (SegmentSpec(paddr=(1 << 32) + DA, data=b"ab"), "segment-memory"),
    ],
)
def test_loading_stops_at_the_first_bad_segment(memory: SharedMemory, bad: SegmentSpec, rule: str) -> None:
    good, late = SegmentSpec(paddr=DA + 0x800, data=b"good"), SegmentSpec(paddr=DA + 0x900, data=b"late")
    with pytest.raises(LoaderError) as caught:
        load(memory, good, bad, late)
    assert (caught.value.errno, caught.value.rule) == (errno.EINVAL, rule)
    assert bytes(memory.view(DA + 0x800, 4)) == b"good"
    assert bytes(memory.view(DA + 0x900, 4)) == b"\xaa" * 4


def test_the_live_table_is_at_the_section_address_or_nowhere(memory: SharedMemory) -> None:
    image = load(memory)
    found = loaded_table(image, memory, translate)
    assert found is not None
    assert found == emit(TABLE)
    assert loaded_table(image, memory, lambda da, size: False) is None


def test_an_image_without_table_is_refused() -> None:
    image = ElfImage.parse(elf_image(None, segments=(SegmentSpec(paddr=DA, data=b"x"),)))
    with pytest.raises(LoaderError) as caught:
        table_of(image)
    assert caught.value.errno == errno.EINVAL


SOURCE = r"""
struct table {
    unsigned ver, num, reserved[2], offset[2];
    struct { unsigned type, da, pa, len, flags, reserved; char name[32]; } image;
    struct { unsigned type, da, len, reserved; char name[32]; } trace;
};
extern char trace_text[];
__attribute__((section(".resource_table"), used, visibility("default"))) struct table resource_table = {
    1, 2, {0, 0}, {24, 80}, {0, 0, 0, 0x100000, 0, 0, "image"}, {2, 0x8000, 64, 0, "trace0"}};
__attribute__((visibility("default"))) const char marker[] = "in the image";
int bss[1000];
"""


@pytest.mark.oracle
def test_a_shared_library_of_the_c_compiler_boots(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None, "the project needs a C compiler"
    source, library = tmp_path / "ecu.c", tmp_path / "libecu.so"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    core = RecordingCore(library.read_bytes())
    rproc = RemoteProc(core, "libecu.so", name="ecu")
    rproc.boot()
    (info,) = core.boots
    # What the dynamic loader maps at a symbol's offset must lie at the same device address.
    loaded = ctypes.CDLL(str(library))
    table, marker = (ctypes.addressof(ctypes.c_char.in_dll(loaded, n)) for n in ("resource_table", "marker"))
    marker_da = info.table_da + marker - table
    assert bytes(info.memory.view(marker_da, 13)) == b"in the image\0"
    carveout = rproc.table.carveouts[0]
    assert (carveout.name, carveout.da, carveout.pa, carveout.size) == ("image", 0, 0, 0x100000)
    assert parse(info.memory.view(info.table_da, info.table_size)) == rproc.table
    rproc.shutdown()
