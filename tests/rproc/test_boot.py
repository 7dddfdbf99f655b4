# SPDX-License-Identifier: Apache-2.0
"""Boot and shutdown: order, log, and that a step that fails leaves nothing behind."""

import errno
import gc
import os

import pytest

from resource_tables import Carveout, ResourceTable, SegmentSpec, parse
from rproc import CarveoutError, Exit, MemoryConfig, PlatformCarveout, Recovery, RemoteProc, State, StateError
from tests.rproc.support import (
    IMAGE_DA,
    REFERENCE_TABLE,
    TABLE_DA,
    Calls,
    RecordingCore,
    RecordingDriver,
    RecordingSubdevice,
    image_carveout,
    make_image,
    memory_mappings,
    open_descriptors,
    state_of,
    texts,
    vdev,
)
from virtio import Deadline, Wait, WorkThread

GOOD = make_image(ResourceTable((image_carveout(), vdev())))
STEPS = ["request_firmware", "check", "prepare a", "prepare b", "start", "start a", "start b"]


def make(calls: Calls, work: WorkThread | None = None) -> RemoteProc:
    subdevices = [RecordingSubdevice("a", calls), RecordingSubdevice("b", calls)]
    core = RecordingCore(GOOD, calls)
    return RemoteProc(
        core, "fw.elf", name="door", drivers=[RecordingDriver()], subdevices=subdevices, work=work
    )


def undone(steps: list[str]) -> list[str]:
    return [f"-{step}" for step in reversed(steps) if step not in ("request_firmware", "check")]


def test_boot_runs_every_step_and_shutdown_undoes_them_in_reverse() -> None:
    calls = Calls()
    rproc = make(calls)
    rproc.boot()
    assert calls.names == STEPS
    assert state_of(rproc) is State.RUNNING
    rproc.shutdown()
    # Linux stops the subdevices before the core (rproc_stop), which is the reverse of how they were started.
    assert calls.names == STEPS + undone(STEPS)
    assert state_of(rproc) is State.OFFLINE


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_a_step_that_fails_undoes_all_earlier_ones(step: int) -> None:
    work = WorkThread()
    warm = make(Calls(), work)
    warm.boot()
    warm.shutdown()
    gc.collect()
    descriptors, mappings = open_descriptors(), memory_mappings()
    calls = Calls(fail_at=step)
    rproc = make(calls, work)
    with pytest.raises(OSError, match=f"{STEPS[step]} fails") as caught:
        rproc.boot()
    assert caught.value.errno == errno.EIO
    assert calls.names == STEPS[:step] + undone(STEPS[:step])
    assert state_of(rproc) is State.OFFLINE
    assert rproc.memory is None
    # The exception's traceback holds the boot that it went through.
    del caught
    gc.collect()
    assert open_descriptors() == descriptors
    assert memory_mappings() == mappings
    work.close()


def test_an_interrupt_right_behind_the_start_of_a_core_stops_it() -> None:
    """Ctrl-C may come after the core's start has returned and before the next statement of the boot."""
    calls = Calls()
    rproc = make(calls)

    def interrupt() -> None:
        raise KeyboardInterrupt

    core = rproc.core
    assert isinstance(core, RecordingCore)
    core.while_starting = interrupt
    with pytest.raises(KeyboardInterrupt):
        rproc.boot()
    up_to = STEPS[: STEPS.index("start") + 1]
    assert calls.names == up_to + undone(up_to)
    assert state_of(rproc) is State.OFFLINE


@pytest.mark.parametrize("step", range(len(STEPS)), ids=STEPS)
def test_after_a_failed_boot_the_next_one_works(step: int) -> None:
    calls = Calls(fail_at=step)
    rproc = make(calls)
    with pytest.raises(OSError, match="fails"):
        rproc.boot()
    calls._fail_at = None
    rproc.boot()
    assert state_of(rproc) is State.RUNNING
    rproc.shutdown()


def test_subdevices_of_a_boot_that_fails_late_are_stopped_as_crashed() -> None:
    calls = Calls(fail_at=STEPS.index("start b"))
    first = RecordingSubdevice("a", calls)
    rproc = RemoteProc(
        RecordingCore(GOOD, calls), "fw.elf", name="door", subdevices=[first, RecordingSubdevice("b", calls)]
    )
    with pytest.raises(OSError, match="start b fails"):
        rproc.boot()
    assert first.crashed == [True]


LINES: dict[str, str] = {
    "request_firmware": "request_firmware failed: -5",
    "prepare a": "failed to prepare subdevices for door: -5",
    "start": "can't start rproc door: -5",
    "start b": "failed to probe subdevices for door: -5",
}


@pytest.mark.parametrize("step", LINES)
def test_a_failing_step_logs_the_line_of_linux(step: str) -> None:
    rproc = make(Calls(fail_at=STEPS.index(step)))
    with pytest.raises(OSError, match="fails"):
        rproc.boot()
    lines = [f"remoteproc remoteproc0: {LINES[step]}", "remoteproc remoteproc0: Boot failed: -5"]
    assert texts(rproc.log.lines)[-2:] == lines


def test_log_of_a_good_boot_has_the_order_of_linux() -> None:
    driver = RecordingDriver(id=7, pool_bytes=0x1000)
    driver.log_line = "rpmsg host is online"
    rproc = RemoteProc(
        RecordingCore(make_image(ResourceTable((image_carveout(), vdev(id=7))))),
        "echo.elf",
        name="door",
        drivers=[driver],
    )
    rproc.boot()
    rproc.shutdown()
    size = len(make_image(ResourceTable((image_carveout(), vdev(id=7)))))
    assert texts(rproc.log.lines) == [
        "remoteproc remoteproc0: door is available",
        "remoteproc remoteproc0: powering up door",
        f"remoteproc remoteproc0: Booting fw image echo.elf, size {size}",
        "recording_driver virtio0: rpmsg host is online",
        "rproc-virtio rproc-virtio.0.auto: registered virtio0 (type 7)",
        "remoteproc remoteproc0: remote processor door is now up",
        "remoteproc remoteproc0: stopped remote processor door",
    ]


def test_every_boot_that_returns_needs_its_own_shutdown() -> None:
    rproc = make(Calls())
    rproc.boot()
    rproc.boot()
    rproc.shutdown()
    assert state_of(rproc) is State.RUNNING
    rproc.shutdown()
    assert state_of(rproc) is State.OFFLINE
    with pytest.raises(StateError) as caught:
        rproc.shutdown()
    assert caught.value.errno == errno.EINVAL


def test_a_core_that_cannot_be_stopped_keeps_its_use_and_can_be_stopped_later() -> None:
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw.elf", name="door")
    rproc.boot()
    core.stop_error = OSError(errno.ETIMEDOUT, "does not stop")
    with pytest.raises(OSError, match="does not stop"):
        rproc.shutdown()
    assert texts(rproc.log.lines)[-1] == "remoteproc remoteproc0: can't stop rproc: -110"
    assert state_of(rproc) is State.RUNNING
    core.stop_error = None
    rproc.shutdown()
    assert state_of(rproc) is State.OFFLINE


def test_every_boot_gets_new_memory_and_bells() -> None:
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw.elf", name="door")
    rproc.boot()
    rproc.shutdown()
    rproc.boot()
    rproc.shutdown()
    first, second = core.boots
    assert first.memory is not second.memory
    assert first.bells is not second.bells
    assert first.lifeline is not second.lifeline


def test_a_view_outlives_the_stop_and_stays_readable() -> None:
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw.elf", name="door")
    rproc.boot()
    assert rproc.memory is not None
    view = rproc.memory.view(IMAGE_DA, 16)
    view[:4] = b"held"
    rproc.shutdown()
    assert bytes(view[:4]) == b"held"
    view[:] = bytes(16)


def test_the_core_is_told_where_the_loaded_table_lies() -> None:
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw.elf", name="door", instance="left")
    rproc.boot()
    (info,) = core.boots
    assert (info.name, info.instance, info.table_da) == ("door", "left", TABLE_DA)
    assert bytes(info.memory.view(info.table_da, info.table_size)) == rproc.table_bytes
    rproc.shutdown()


def test_a_table_that_no_carveout_contains_stays_with_the_host() -> None:
    # As for firmware whose VMA is not its LMA: Linux says nothing and the core sees no table.
    table = ResourceTable((image_carveout(),))
    image = make_image(table)
    outside = image.replace(TABLE_DA.to_bytes(8, "little"), (0x8000_0000).to_bytes(8, "little"))
    config = MemoryConfig(carveouts=(PlatformCarveout("load", 0x8000_0000, 0x1000),))
    core = RecordingCore(outside)
    with_region = RemoteProc(core, "fw.elf", name="door", memory=config)
    with_region.boot()
    assert core.boots[0].table_da == 0x8000_0000
    with_region.shutdown()
    no_table = RecordingCore(make_image(table, SegmentSpec(paddr=IMAGE_DA, data=b"x")))
    no_table.image = _move_section(no_table.image, 0x9000_0000)
    rproc = RemoteProc(no_table, "fw.elf", name="door")
    rproc.boot()
    assert (no_table.boots[0].table_da, no_table.boots[0].table_size) == (0, 0)
    assert rproc.table == parse(rproc.table_bytes)
    rproc.shutdown()


def _move_section(image: bytes, addr: int) -> bytes:
    """Give the table's section, not its segment, another address."""
    at = image.rindex(TABLE_DA.to_bytes(8, "little"))
    return image[:at] + addr.to_bytes(8, "little") + image[at + 8 :]


def test_reference_table_is_filled_in_byte_for_byte() -> None:
    config = MemoryConfig(
        carveouts=(PlatformCarveout("image", IMAGE_DA, 0x10000), PlatformCarveout("log", 0x1001_0000, 0x1000))
    )
    driver = RecordingDriver(id=7, pool_bytes=0x40000)
    core = RecordingCore(make_image(REFERENCE_TABLE))
    rproc = RemoteProc(core, "fw.elf", name="door", drivers=[driver], memory=config)
    rproc.boot()
    before = make_image(REFERENCE_TABLE)
    start = before.index(b"\x01\0\0\0\x03\0\0\0" + bytes(8))
    expected = bytearray(before[start : start + 200])
    expected[0x20:0x28] = bytes.fromhex("00 00 00 40 00 00 00 40")  # buffers: da, pa 0x40000000
    expected[0x94:0x98] = bytes.fromhex("01 00 00 00")  # gfeatures
    expected[0x9C] = 7  # status: ACKNOWLEDGE, DRIVER, DRIVER_OK
    expected[0xA0:0xA4] = bytes.fromhex("00 00 04 40")  # vring 0
    expected[0xB4:0xB8] = bytes.fromhex("00 20 04 40")  # vring 1, 8192 bytes later
    assert rproc.table_bytes == bytes(expected)
    assert core.boots[0].memory.view(TABLE_DA, 200) == rproc.table_bytes
    rings = {carveout.name: carveout.size for carveout in rproc.carveouts}
    assert (rings["vdev0vring0"], rings["vdev0vring1"], rings["vdev0buffer"]) == (8192, 8192, 0x40000)
    assert [queue.notifyid for queue in driver.queues] == [0, 1]
    assert rproc.image_table == REFERENCE_TABLE
    rproc.shutdown()


@pytest.mark.parametrize(
    ("image", "number", "lines"),
    [
        (b"", errno.EINVAL, ["Image is too small", "Boot failed: -22"]),
        (b"\x7fELG" + bytes(100), errno.EINVAL, ["Image is corrupted (bad magic)", "Boot failed: -22"]),
        (make_image(bytes(12)), errno.EINVAL, ["header-less resource table"]),
        (make_image(None, SegmentSpec(paddr=0, data=b"x")), errno.EINVAL, ["Boot failed: -22"]),
        (
            make_image(ResourceTable((image_carveout(),)), SegmentSpec(paddr=0x100, data=b"xyz")),
            errno.EINVAL,
            ["bad phdr da 0x100 mem 0x3", "Failed to load program segments: -22", "Boot failed: -22"],
        ),
        (
            make_image(ResourceTable((image_carveout(0x8000_0000),))),
            errno.ENOMEM,
            [
                "failed to allocate dma memory: len 0x80000000",
                "Unable to allocate carveout image: -12",
                "Failed to allocate associated carveouts: -12",
                "Boot failed: -12",
            ],
        ),
    ],
    ids=["empty", "magic", "header-less", "no-table", "segment-outside", "too-large"],
)
def test_bad_images_are_refused_with_errno_and_line_of_linux(
    image: bytes, number: int, lines: list[str]
) -> None:
    rproc = RemoteProc(RecordingCore(image), "fw.elf", name="door")
    with pytest.raises(OSError, match=r".") as caught:
        rproc.boot()
    assert caught.value.errno == number
    logged = [line.text for line in rproc.log.lines if line.level <= 3]
    assert [text for text in logged if text in lines] == lines
    assert state_of(rproc) is State.OFFLINE


def test_overlapping_fixed_carveouts_are_refused_by_name() -> None:
    table = ResourceTable((image_carveout(), Carveout(name="b", da=IMAGE_DA + 8, size=16)))
    rproc = RemoteProc(RecordingCore(make_image(table)), "fw.elf", name="door")
    with pytest.raises(CarveoutError, match=r"carveout image .* overlaps carveout b") as caught:
        rproc.boot()
    assert caught.value.hint


def test_an_exit_while_the_subdevices_start_becomes_a_crash_after_the_boot() -> None:
    calls = Calls()
    core = RecordingCore(GOOD, calls)
    subdevice = RecordingSubdevice("a", calls)
    work = WorkThread()

    def die() -> None:
        core.exit(Exit("signal", "SIGSEGV"))
        work.flush(10)  # the crash is looked at, and put off, while the boot goes on

    core.while_starting = die
    rproc = RemoteProc(
        core, "fw.elf", name="door", subdevices=[subdevice], work=work, recovery=Recovery(enabled=False)
    )
    rproc.boot()
    rproc.wait_state(State.CRASHED, timeout=10)
    rproc.shutdown()
    assert subdevice.crashed == [True]


def test_whoever_waits_for_the_core_wakes_when_it_is_stopped() -> None:
    core = RecordingCore(GOOD)
    rproc = RemoteProc(core, "fw.elf", name="door")
    rproc.boot()
    waiting = os.dup(core.boots[0].lifeline.fileno())
    assert Wait([waiting], Deadline(0)).ready() == ()
    rproc.shutdown()
    assert Wait([waiting], Deadline(0)).ready() == (waiting,)
    os.close(waiting)
