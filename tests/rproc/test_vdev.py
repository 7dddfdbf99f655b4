# SPDX-License-Identifier: Apache-2.0
"""The virtio device on a vdev entry: status, features, configuration space, rings, buffers."""

import errno

import pytest

from resource_tables import Carveout, ResourceTable, Vdev
from rproc import RemoteProc, State
from tests.rproc.support import RecordingCore, RecordingDriver, image_carveout, make_image, texts, vdev
from virtio import Buffer, ConfigError, DeviceQueue, VirtioDevice


def boot(driver: RecordingDriver, *entries: Vdev | Carveout) -> RemoteProc:
    image = make_image(ResourceTable((image_carveout(), *entries)))
    rproc = RemoteProc(RecordingCore(image), "fw", name="door", drivers=[driver])
    rproc.boot()
    return rproc


def device_of(driver: RecordingDriver) -> VirtioDevice:
    assert driver.device is not None
    return driver.device


def test_status_goes_through_acknowledge_driver_and_driver_ok() -> None:
    seen: list[int] = []

    class Watching(RecordingDriver):
        def probe(self, device: VirtioDevice) -> None:
            seen.append(rproc_status())
            super().probe(device)
            seen.append(rproc_status())

    driver = Watching()
    image = make_image(ResourceTable((image_carveout(), vdev())))
    core = RecordingCore(image)
    rproc = RemoteProc(core, "fw", name="door", drivers=[driver])

    def rproc_status() -> int:
        info = core.boots[-1]
        # The byte where the firmware looks for it: entry, then 24 bytes.
        table = bytes(info.memory.view(info.table_da, info.table_size))
        return table[int.from_bytes(table[20:24], "little") + 24]

    rproc.boot()
    assert seen == [3, 7]
    memory = core.boots[-1].memory.view(core.boots[-1].table_da, core.boots[-1].table_size)
    rproc.shutdown()
    # Linux resets, then acknowledges again; the copy in memory is not touched afterwards.
    assert memory[int.from_bytes(memory[20:24], "little") + 24] == 1


@pytest.mark.parametrize(
    ("dfeatures", "known", "used"),
    [(1, 1, 1), (0, 1, 0), (0xFFFF_FFFF, 1, 0x2000_0001), (0x3000_0003, 0x3000_0001, 0x3000_0001)],
)
def test_features_are_what_both_sides_know(dfeatures: int, known: int, used: int) -> None:
    driver = RecordingDriver(features=known)
    rings = vdev().vrings
    rproc = boot(driver, Vdev(id=4, dfeatures=dfeatures, vrings=rings))
    assert rproc.table.vdevs[0].gfeatures == used
    assert device_of(driver).features == used
    assert device_of(driver).has_feature(0) is bool(used & 1)
    rproc.shutdown()


def test_configuration_space_is_read_and_written_inside_its_bounds_only() -> None:
    driver = RecordingDriver()
    rproc = boot(driver, vdev(config=b"config"))
    transport = device_of(driver).transport
    transport.config_set(3, b"FIG")
    assert transport.config_get(0, 6) == b"conFIG"
    for offset, size in ((0, 7), (6, 1), (2**64 - 1, 2)):
        with pytest.raises(ConfigError):
            transport.config_get(offset, size)
    with pytest.raises(ConfigError):
        transport.config_set(4, b"abc")
    assert transport.config_get(0, 6) == b"conFIG"
    assert texts(rproc.log.lines)[-2:] == [
        "rproc-virtio rproc-virtio.0.auto: rproc_virtio_get: access out of bounds",
        "rproc-virtio rproc-virtio.0.auto: rproc_virtio_set: access out of bounds",
    ]
    rproc.shutdown()


def test_the_status_the_core_writes_changes_nothing_for_the_host() -> None:
    driver = RecordingDriver()
    rproc = boot(driver, vdev())
    assert rproc.memory is not None
    transport = device_of(driver).transport
    start = rproc.memory.view(0x1000_1000, 0x1000)
    start[int.from_bytes(start[20:24], "little") + 24] = 0xFF
    assert transport.get_status() == 7
    rproc.shutdown()


def test_a_message_goes_through_the_rings_of_a_booted_core() -> None:
    driver = RecordingDriver(pool_bytes=4096)
    core = RecordingCore(make_image(ResourceTable((image_carveout(), vdev()))))
    rproc = RemoteProc(core, "fw", name="door", drivers=[driver])
    rproc.boot()
    (info,) = core.boots
    vring = rproc.table.vdevs[0].vrings[1]
    device = DeviceQueue(info.memory, vring.da, vring.num, vring.align)
    queue = driver.queues[1]
    info.memory.view(driver.pool_da, 4)[:] = b"ping"
    offered = queue.offer([Buffer(driver.pool_da, 4)])
    queue.publish()
    assert queue.kick_if_needed()
    chain = device.take()
    assert chain is not None
    assert chain.parts == (Buffer(driver.pool_da, 4, False),)
    assert bytes(info.memory.view(chain.parts[0].da, chain.parts[0].size)) == b"ping"
    device.give(chain.id)
    device.publish()
    used = queue.reap()
    assert used is not None
    assert (used.id, used.offered) == (offered, 4)
    assert info.bells.kicks == 1
    rproc.shutdown()


def test_the_rings_are_zeroed_when_the_queues_are_found() -> None:
    core = RecordingCore(make_image(ResourceTable((image_carveout(), vdev()))))

    def scribble() -> None:
        memory = core.boots[-1].memory
        for region in memory.regions[1:]:
            memory.view(region.da, region.size)[:] = b"\xff" * region.size

    core.while_starting = scribble
    driver = RecordingDriver()
    rproc = RemoteProc(core, "fw", name="door", drivers=[driver])
    rproc.boot()
    assert bytes(driver.queues[0].area[: 16 * 8]) == bytes(16 * 8)
    assert driver.queues[0].reap() is None
    rproc.shutdown()


@pytest.mark.parametrize(
    ("size", "wanted", "number"),
    [
        (0x4000, 0x4000, 0),
        (0x4000, 0x3000, 0),
        (0x3000, 0x3000, 12),
        (0x2000, 0x2001, 12),
        (0x1800, 0x1000, 0),
    ],
)
def test_a_declared_buffer_pool_has_no_fallback_and_gives_powers_of_two(
    size: int, wanted: int, number: int
) -> None:
    driver = RecordingDriver(pool_bytes=wanted)
    rproc = boot(driver, Carveout(name="vdev0buffer", size=size), vdev())
    failed = f"recording_driver virtio0: probe with driver recording_driver failed with error -{number}"
    logged = texts(rproc.log.lines)
    assert (failed in logged) is (number != 0)
    assert "rproc-virtio rproc-virtio.0.auto: vdev 0 buffer already mapped" in logged
    assert rproc.state is State.RUNNING
    assert rproc.table.vdevs[0].status == (0x83 if number else 7)
    rproc.shutdown()


def test_a_driver_that_needs_more_queues_than_there_are_fails_alone() -> None:
    driver = RecordingDriver(num_queues=2)
    rproc = boot(driver, vdev(vrings=1))
    assert rproc.state is State.RUNNING
    assert rproc.table.vdevs[0].status == 0x83
    failed = f"probe with driver recording_driver failed with error -{errno.ENOMEM}"
    assert f"recording_driver virtio0: {failed}" in texts(rproc.log.lines)
    assert driver.removed == []
    rproc.shutdown()
    assert driver.removed == []


def test_a_device_without_driver_stays_acknowledged() -> None:
    rproc = boot(RecordingDriver(id=3), vdev(id=4))
    assert rproc.table.vdevs[0].status == 1
    assert "rproc-virtio rproc-virtio.0.auto: registered virtio0 (type 4)" in texts(rproc.log.lines)
    rproc.shutdown()


def test_two_vdevs_have_numbers_and_notify_ids_of_their_own() -> None:
    first, second = RecordingDriver(id=4), RecordingDriver(id=7)
    image = make_image(ResourceTable((image_carveout(), vdev(id=4), vdev(id=7))))
    rproc = RemoteProc(RecordingCore(image), "fw", name="door", drivers=[first, second])
    for _ in range(2):  # the numbers are free again after a shutdown
        rproc.boot()
        assert [queue.notifyid for driver in (first, second) for queue in driver.queues] == [0, 1, 2, 3]
        lines = [text for text in texts(rproc.log.lines) if "registered" in text][-2:]
        assert lines == [
            "rproc-virtio rproc-virtio.0.auto: registered virtio0 (type 4)",
            "rproc-virtio rproc-virtio.1.auto: registered virtio1 (type 7)",
        ]
        rproc.shutdown()
