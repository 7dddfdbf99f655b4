# SPDX-License-Identifier: Apache-2.0
"""The device model: what a driver and its device go through."""

from collections.abc import Iterator

import pytest

from virtio import (
    PAGE_SIZE,
    Doorbells,
    DriverQueue,
    KernelLog,
    Lifeline,
    PoolError,
    SharedMemory,
    Surroundings,
    VirtioDevice,
    WorkThread,
)


class _Transport:
    """A transport that writes down what is done to it."""

    def __init__(self, features: int) -> None:
        self.offered = features
        self.done: list[str] = []
        self.status = 0

    def features(self) -> int:
        return self.offered

    def finalize_features(self, features: int) -> None:
        self.done.append(f"features {features:#x}")

    def get_status(self) -> int:
        return self.status

    def set_status(self, status: int) -> None:
        self.status = status
        self.done.append(f"status {status:#x}")

    def reset(self) -> None:
        self.status = 0
        self.done.append("reset")

    def config_get(self, offset: int, size: int) -> bytes:
        return b""

    def config_set(self, offset: int, data: bytes) -> None:
        self.done.append("config")

    def find_vqs(self, num: int) -> list[DriverQueue]:
        return []

    def del_vqs(self) -> None:
        self.done.append("del_vqs")


class _Driver:
    """A driver whose probe and remove do as they are told."""

    id = 7
    features = 1
    name = "a_driver"

    def __init__(self, probe_error: Exception | None = None, remove_error: Exception | None = None) -> None:
        self.probe_error = probe_error
        self.remove_error = remove_error
        self.removed: list[bool] = []

    def probe(self, device: VirtioDevice) -> None:
        if self.probe_error is not None:
            raise self.probe_error

    def remove(self, device: VirtioDevice, crashed: bool) -> None:
        self.removed.append(crashed)
        if self.remove_error is not None:
            raise self.remove_error

    def buffers(self, num: int) -> int:
        return 0


@pytest.fixture
def surroundings() -> Iterator[Surroundings]:
    memory = SharedMemory("test", [(0, PAGE_SIZE)])
    bells, lifeline = Doorbells(memory), Lifeline()

    def no_pool(size: int) -> int:
        raise PoolError("none")

    yield Surroundings(
        memory=memory,
        bells=bells,
        lifeline=lifeline,
        log=KernelLog(),
        work=WorkThread(),
        buffer_pool=no_pool,
        on_violation=lambda rule, text, fatal: None,
    )
    lifeline.close()
    bells.close()
    memory.close()


def test_a_good_life_goes_through_the_steps_of_linux(surroundings: Surroundings) -> None:
    transport, driver = _Transport(0xFFFF_FFFF), _Driver()
    device = VirtioDevice(0, 7, transport, surroundings)
    device.register([driver])
    # No FEATURES_OK: 32 feature bits make it a legacy device. Of the transport bits EVENT_IDX alone is known.
    assert transport.done == ["reset", "status 0x1", "status 0x3", "features 0x20000001", "status 0x7"]
    assert device.source == "a_driver virtio0"
    transport.done.clear()
    device.unregister(crashed=True)
    assert driver.removed == [True]
    assert transport.done == ["reset", "del_vqs", "status 0x1"]


@pytest.mark.parametrize(
    ("error", "number"), [(PoolError("small"), -12), (OSError(5, "io"), -5), (ValueError("a bug"), -22)]
)
def test_a_failed_probe_is_logged_sets_failed_and_is_no_error(
    surroundings: Surroundings, error: Exception, number: int
) -> None:
    transport, driver = _Transport(1), _Driver(probe_error=error)
    device = VirtioDevice(2, 7, transport, surroundings)
    device.register([driver])
    assert transport.status == 0x83
    assert device.driver is None
    line = surroundings.log.lines[0]
    assert (line.source, line.text) == (
        "a_driver virtio2",
        f"probe with driver a_driver failed with error {number}",
    )
    device.unregister(crashed=False)
    assert driver.removed == []
    assert transport.status == 1


def test_a_driver_that_fails_to_remove_still_loses_the_device(surroundings: Surroundings) -> None:
    transport = _Transport(1)
    device = VirtioDevice(0, 7, transport, surroundings)
    device.register([_Driver(remove_error=RuntimeError("stuck"))])
    device.unregister(crashed=False)
    assert transport.status == 1
    assert "remove failed: RuntimeError: stuck" in surroundings.log.lines[-1].text


def test_the_first_driver_of_the_id_gets_the_device(surroundings: Surroundings) -> None:
    other, first, second = _Driver(), _Driver(), _Driver()
    other.id = 3
    device = VirtioDevice(0, 7, _Transport(1), surroundings)
    device.register([other, first, second])
    assert device.driver is first


def test_without_a_driver_the_status_stays_acknowledged(surroundings: Surroundings) -> None:
    transport = _Transport(1)
    VirtioDevice(0, 4, transport, surroundings).register([_Driver()])
    assert transport.done == ["reset", "status 0x1"]
