# SPDX-License-Identifier: Apache-2.0
"""Core dumps: Linux's layout, as it says and as readelf and gdb see it; what a recovery does with them."""

import errno
import io
import os
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ElfImage, ResourceTable, SegmentSpec
from rproc import Coredump, CoredumpConfig, CoredumpMode, DumpFolder, Recovery, RemoteProc, State, StateError
from rproc.coredump import DumpIdentity, DumpSegment
from tests.rproc.support import (
    IMAGE_DA,
    TABLE_DA,
    RecordingCore,
    RecordingDriver,
    image_carveout,
    make_image,
    state_of,
    texts,
    vdev,
)
from virtio import WorkThread

CODE_DA = IMAGE_DA + 0x4000
#: Ends inside the last page of the carveout, where a whole page does not fit any more.
LAST_RING_DA = IMAGE_DA + 0x20000 - 0x800
X86_64, I386 = 62, 3


def image(elf_class: int = 64, ring_da: int | None = None) -> bytes:
    """An image with code that can be found again."""
    vdevs = [vdev() if ring_da is None else vdev(vrings=1, da=ring_da)]
    code = SegmentSpec(paddr=CODE_DA, data=b"what it ran")
    return make_image(ResourceTable((image_carveout(), *vdevs)), code, elf_class=elf_class)


class Dumping:
    """A remote processor that dumps into a list, or where it is told to."""

    def __init__(
        self,
        mode: CoredumpMode = CoredumpMode.ENABLED,
        to: Callable[[Coredump], Path | None] | None = None,
        *,
        sections: bool = False,
        firmware: bytes | None = None,
    ) -> None:
        self.dumps: list[Coredump] = []
        self.core = RecordingCore(firmware if firmware is not None else image())
        self.work = WorkThread()
        self.rproc = RemoteProc(
            self.core,
            "fw",
            name="door",
            drivers=[RecordingDriver(num_queues=1)],
            work=self.work,
            recovery=Recovery(enabled=False),
            coredump=CoredumpConfig(mode=mode, sections=sections, to=to if to is not None else self._keep),
        )

    def _keep(self, dump: Coredump) -> None:
        # Between the stop of the crashed boot and the next one.
        assert self.core.calls.names[-1] == "-start"
        self.dumps.append(dump)

    def __enter__(self) -> "Dumping":
        self.rproc.boot()
        return self

    def __exit__(self, *_: object) -> None:
        while self.rproc.uses:
            self.rproc.shutdown()
        self.work.close()

    def recover(self) -> None:
        """Crash and recover."""
        self.rproc.report_crash()
        self.rproc.wait_state(State.CRASHED, timeout=10)
        self.work.flush(10)
        self.rproc.recover()


def said_by(*command: str | Path) -> str:
    """What a program says; it must succeed and complain about nothing."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "readelf: " not in done.stderr, done.stderr
    return done.stdout


# ---- what is in it ----


@pytest.mark.parametrize("mode", [CoredumpMode.ENABLED, CoredumpMode.INLINE])
def test_a_recovery_dumps_every_carveout_as_the_core_left_it(mode: CoredumpMode) -> None:
    with Dumping(mode) as booted:
        carveouts = booted.rproc.carveouts
        left = booted.core.boots[-1].memory.view(CODE_DA, 11)
        left[:] = b"what I left"
        booted.recover()
        (dump,) = booted.dumps
        found = ElfImage.parse(dump.open().read())
        assert [(s.paddr, s.memsz, s.filesz, s.flags, s.type) for s in found.segments] == [
            (piece.da, piece.size, piece.size, 7, 1) for piece in carveouts
        ]
        first = found.segments[0]
        at = first.offset + CODE_DA - IMAGE_DA
        assert found.data[at : at + 11] == b"what I left"
        # Inline is the memory itself; else it is a copy.
        left[:] = b"what I lost"
        again = dump.open().read()[at : at + 11]
        assert again == (b"what I lost" if mode is CoredumpMode.INLINE else b"what I left")
        # The new boot has its own.
        assert bytes(booted.core.boots[-1].memory.view(CODE_DA, 11)) == b"what it ran"


def test_nothing_is_dumped_when_disabled() -> None:
    with Dumping(CoredumpMode.DISABLED) as booted:
        booted.recover()
        assert booted.dumps == []


def test_a_carveout_that_cannot_be_read_is_filled_with_ones_and_told_in_the_words_of_linux() -> None:
    with Dumping(firmware=image(ring_da=LAST_RING_DA)) as booted:
        (ring,) = [piece for piece in booted.rproc.carveouts if piece.da == LAST_RING_DA]
        booted.recover()
        (dump,) = booted.dumps
        found = ElfImage.parse(dump.open().read())
        (segment,) = [segment for segment in found.segments if segment.paddr == LAST_RING_DA]
        assert found.data[segment.offset : segment.offset + segment.filesz] == b"\xff" * ring.size
        line = f"invalid copy request for segment {LAST_RING_DA:#018x} with offset 0 and size {ring.size})"
        assert f"remoteproc remoteproc0: {line}" in texts(booted.rproc.log.lines)


SEGMENTS = st.lists(
    st.tuples(
        st.integers(0, 0xFFFF_FFFF),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=31),
        st.binary(max_size=64),
    ),
    min_size=1,
    max_size=6,
)
IDENTITIES = st.builds(
    DumpIdentity, st.sampled_from((32, 64)), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
)


@given(identity=IDENTITIES, pieces=SEGMENTS)
def test_headers_say_where_each_piece_lies(
    identity: DumpIdentity, pieces: list[tuple[int, str, bytes]]
) -> None:
    segments = [DumpSegment(da, name, memoryview(data)) for da, name, data in pieces]
    dump = Coredump("door", identity, segments)
    found = ElfImage.parse(dump.open().read())
    assert (found.elf_class, found.machine, found.entry, found.type) == (*identity, 4)
    assert [(s.vaddr, found.data[s.offset : s.offset + s.filesz]) for s in found.segments] == [
        (da, data) for da, _, data in pieces
    ]
    assert dump.size == len(found.data)
    # The bytes follow the headers without a gap.
    assert found.data.endswith(b"".join(data for _, _, data in pieces))


@given(pieces=SEGMENTS, sections=st.booleans(), offset=st.integers(0, 700), size=st.integers(0, 300))
def test_the_stream_reads_what_is_written_from_anywhere(
    pieces: list[tuple[int, str, bytes]], sections: bool, offset: int, size: int
) -> None:
    segments = [DumpSegment(da, name, memoryview(data)) for da, name, data in pieces]
    dump = Coredump("door", DumpIdentity(64, X86_64, 0), segments, sections=sections)
    written = io.BytesIO()
    dump.write(written)
    whole = written.getvalue()
    assert dump.size == len(whole)
    with dump.open() as stream:
        assert stream.seek(0, os.SEEK_END) == dump.size
        stream.seek(offset)
        assert stream.read(size) == whole[offset : offset + size]
        with pytest.raises(ValueError, match="negative"):
            stream.seek(-1)


# ---- as other programs see it ----


@pytest.mark.oracle
@pytest.mark.parametrize(("elf_class", "machine"), [(64, "X86-64"), (32, "X86-64")])
def test_readelf_reads_the_program_headers(elf_class: int, machine: str, tmp_path: Path) -> None:
    with Dumping(to=DumpFolder(tmp_path), firmware=image(elf_class)) as booted:
        carveouts = booted.rproc.carveouts
        booted.recover()
    said = said_by("readelf", "-hlW", tmp_path / "door-1.core")
    assert re.search(rf"Class: +ELF{elf_class}\n", said)
    assert re.search(r"Type: +CORE", said)
    assert re.search(rf"Machine: .*{machine}", said)
    assert re.search(rf"Number of program headers: +{len(carveouts)}\n", said)
    loads = re.findall(r"LOAD +\S+ (\S+) (\S+) (\S+) (\S+) RWE", said)
    assert [tuple(int(word, 16) for word in load) for load in loads] == [
        (piece.da, piece.da, piece.size, piece.size) for piece in carveouts
    ]


@pytest.mark.oracle
@pytest.mark.parametrize("elf_class", [64, 32])
def test_readelf_reads_the_section_headers(elf_class: int, tmp_path: Path) -> None:
    firmware = image(elf_class)
    with Dumping(to=DumpFolder(tmp_path), sections=True, firmware=firmware) as booted:
        carveouts = booted.rproc.carveouts
        booted.recover()
    said = said_by("readelf", "-hSW", tmp_path / "door-1.core")
    assert re.search(r"Number of program headers: +0\n", said)
    assert re.search(r"Section header string table index: +1\n", said)
    assert re.search(r"\[ 1\] STR_TBL +STRTAB", said)
    sections = re.findall(r"\] (\S+) +PROGBITS +(\S+) \S+ (\S+) 00 +W ", said)
    assert [(name, int(da, 16), int(size, 16)) for name, da, size in sections] == [
        (piece.name, piece.da, piece.size) for piece in carveouts
    ]
    dumped = said_by("readelf", "-p", "image", tmp_path / "door-1.core")
    assert "what it ran" in dumped


@pytest.mark.oracle
@pytest.mark.parametrize("elf_class", [64, 32])
def test_gdb_shows_the_memory_of_the_core(elf_class: int, tmp_path: Path) -> None:
    with Dumping(to=DumpFolder(tmp_path), firmware=image(elf_class)) as booted:
        booted.recover()
    path = tmp_path / "door-1.core"
    said = said_by("gdb", "-nx", "-batch", "-ex", f"core-file {path}", "-ex", f"x/s {CODE_DA:#x}")
    assert '"what it ran' in said
    said = said_by("gdb", "-nx", "-batch", "-ex", f"core-file {path}", "-ex", f"x/wx {TABLE_DA:#x}")
    assert said.rstrip().endswith("0x00000001")  # the version of the resource table


# ---- where it goes ----


def test_each_dump_has_a_file_of_its_own_that_only_the_user_reads(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when needed"
    with Dumping(to=DumpFolder(folder)) as booted:
        for _ in range(2):
            booted.recover()
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["door-1.core", "door-2.core"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert f"core dump of door is {folder / 'door-2.core'}" in str(booted.rproc.log)


def test_a_name_with_a_slash_stays_in_the_folder(tmp_path: Path) -> None:
    dump = Coredump("../a/b", DumpIdentity(64, X86_64, 0), [])
    assert DumpFolder(tmp_path)(dump) == tmp_path / ".._a_b-1.core"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process can become larger: what a full disk is, for one file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_grow_is_removed_and_the_error_names_it(tmp_path: Path) -> None:
    segment = DumpSegment(0, "image", memoryview(bytes(1 << 20)))
    dump = Coredump("door", DumpIdentity(64, X86_64, 0), [segment])
    with files_of_at_most(65536), pytest.raises(OSError, match=r"door-1\.core") as caught:
        DumpFolder(tmp_path)(dump)
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_the_recovery_goes_on() -> None:
    def to_full_disk(dump: Coredump) -> None:
        with Path("/dev/full").open("wb") as file:
            dump.write(file)

    with Dumping(to=to_full_disk) as booted:
        booted.recover()
        assert state_of(booted.rproc) is State.RUNNING
        said = "remoteproc remoteproc0: core dump failed: OSError: [Errno 28] No space left on device"
        assert said in texts(booted.rproc.log.lines)


def test_whoever_takes_the_dump_and_fails_does_not_hinder_the_recovery() -> None:
    def fail(dump: Coredump) -> None:
        raise RuntimeError("no")

    with Dumping(to=fail) as booted:
        booted.recover()
        assert state_of(booted.rproc) is State.RUNNING
        assert "core dump failed: RuntimeError: no" in str(booted.rproc.log)


def test_the_mode_can_be_changed_except_while_crashed() -> None:
    with Dumping(CoredumpMode.DISABLED) as booted:
        taken: list[Coredump] = []
        config = CoredumpConfig(mode=CoredumpMode.INLINE, to=taken.append)
        booted.rproc.set_coredump(config)
        assert booted.rproc.coredump is config
        booted.recover()
        assert len(taken) == 1
        booted.rproc.report_crash()
        booted.rproc.wait_state(State.CRASHED, timeout=10)
        booted.work.flush(10)
        with pytest.raises(StateError) as caught:
            booted.rproc.set_coredump(CoredumpConfig())
        assert caught.value.errno == errno.EBUSY
        line = "remoteproc remoteproc0: can't change coredump configuration"
        assert texts(booted.rproc.log.lines)[-1] == line
        assert booted.rproc.coredump is config
