# SPDX-License-Identifier: Apache-2.0
"""Both roles of a virtqueue, over one memory, against a model."""

import errno
import struct
from collections import deque
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtio import (
    PAGE_SIZE,
    Buffer,
    Chain,
    DeviceQueue,
    DriverQueue,
    OutsideMemoryError,
    QueueBrokenError,
    QueueFullError,
    QueueShapeError,
    SharedMemory,
    rule_name,
    rule_text,
    vring_size,
)

DA = 0x4000_0000


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    made = SharedMemory("test", [(DA, 4 * PAGE_SIZE)])
    yield made
    made.close()


def pair(memory: SharedMemory, num: int = 8) -> tuple[DriverQueue, DeviceQueue]:
    return DriverQueue(memory, DA, num, 16, notifyid=3), DeviceQueue(memory, DA, num, 16)


# Worked from the formula in virtio 1.2, 2.7.2: 16 n + (6 + 2 n) rounded up to align, then 6 + 8 n.
@pytest.mark.parametrize(
    ("num", "align", "size"),
    [(256, 16, 6678), (256, 4096, 10246), (16, 16, 438), (8, 4096, 4166), (2, 4, 66)],
)
def test_virtio_1_2_s2_7_2_ring_sizes(num: int, align: int, size: int) -> None:
    assert vring_size(num, align) == size


@pytest.mark.parametrize(
    ("num", "align"), [(0, 16), (3, 16), (65536, 16), (8, 0), (8, 24), (-1, 16), (1 << 40, 16), (8, 1 << 40)]
)
def test_a_shape_that_no_ring_has_is_refused(num: int, align: int) -> None:
    with pytest.raises(QueueShapeError) as caught:
        vring_size(num, align)
    assert caught.value.errno == errno.EINVAL


def test_a_chain_goes_to_the_device_and_back(memory: SharedMemory) -> None:
    driver, device = pair(memory)
    parts = (Buffer(DA + 0x2000, 16), Buffer(DA + 0x3000, 512, True))
    head = driver.offer(parts)
    assert device.take() is None
    driver.publish()
    assert device.take() == Chain(head, parts)
    device.give(head, 100)
    assert driver.reap() is None
    device.publish()
    used = driver.reap()
    assert used is not None
    assert (used.id, used.written, used.offered) == (head, 100, 528)
    assert driver.reap() is None


def test_descriptors_are_handed_out_from_zero(memory: SharedMemory) -> None:
    driver, _ = pair(memory)
    assert [driver.offer([Buffer(DA, 4)]) for _ in range(8)] == list(range(8))


def test_a_full_ring_and_wrong_chains_are_refused(memory: SharedMemory) -> None:
    driver, _ = pair(memory, 2)
    driver.offer([Buffer(DA, 4), Buffer(DA, 4)])
    with pytest.raises(QueueFullError) as caught:
        driver.offer([Buffer(DA, 4)])
    assert caught.value.errno == errno.ENOSPC
    for wrong in ([], [Buffer(DA, 4, True), Buffer(DA, 4)]):
        with pytest.raises(OSError, match="offer") as refused:
            driver.offer(wrong)
        assert refused.value.errno == errno.EINVAL


def test_a_kick_rings_the_notify_id_unless_the_device_asks_for_quiet(memory: SharedMemory) -> None:
    rung: list[int] = []
    driver = DriverQueue(memory, DA, 8, 16, 3, rung.append)
    device = DeviceQueue(memory, DA, 8, 16)
    driver.offer([Buffer(DA, 4)])
    driver.publish()
    assert driver.kick_if_needed()
    device.quiet()
    driver.offer([Buffer(DA, 4)])
    driver.publish()
    assert not driver.kick_if_needed()
    assert device.listen()  # there is work already
    assert rung == [3]
    assert driver.statistics().num_kicks == 1


def test_used_id_out_of_range_breaks_the_queue_for_good(memory: SharedMemory) -> None:
    driver, _ = pair(memory)
    driver.offer([Buffer(DA, 4)])
    driver.publish()
    used = vring_size(8, 16) - 6 - 8 * 8
    memory.view(DA + used, 12)[:] = struct.pack("<HHII", 0, 1, 8, 0)
    for _ in range(2):
        with pytest.raises(QueueBrokenError) as caught:
            driver.reap()
        assert (caught.value.rule, caught.value.errno) == ("USED_ID_RANGE", errno.EIO)
    with pytest.raises(QueueBrokenError):
        driver.offer([Buffer(DA, 4)])
    assert driver.statistics().broken == driver.broken == "USED_ID_RANGE"


def test_a_head_out_of_range_breaks_the_queue_of_the_device(memory: SharedMemory) -> None:
    _, device = pair(memory)
    memory.view(DA + 16 * 8, 6)[:] = struct.pack("<HHH", 0, 1, 8)
    with pytest.raises(QueueBrokenError) as caught:
        device.take()
    assert caught.value.rule == "HEAD_RANGE"


def test_a_ring_outside_memory_or_misaligned_is_refused(memory: SharedMemory) -> None:
    with pytest.raises(OutsideMemoryError):
        DriverQueue(memory, DA + 4 * PAGE_SIZE - 16, 8, 16, 0)
    with pytest.raises(QueueShapeError):
        DriverQueue(memory, DA + 8, 8, 16, 0)


def test_a_queue_outlives_the_memory_it_was_made_on(memory: SharedMemory) -> None:
    driver, device = pair(memory)
    memory.close()
    driver.offer([Buffer(DA, 4)])
    driver.publish()
    assert device.take() is not None


def test_every_rule_has_a_name_and_a_sentence() -> None:
    names = {rule_name(number) for number in range(1, 29)}
    assert len(names) > 20
    assert rule_name(10_000) == "UNKNOWN"
    assert all(rule_text(number) for number in range(40))


@given(st.sampled_from([2, 8]), st.lists(st.sampled_from(["offer", "take", "give", "reap"]), max_size=60))
def test_any_order_of_the_four_verbs_follows_the_model(num: int, verbs: list[str]) -> None:
    memory = SharedMemory("model", [(DA, PAGE_SIZE)])
    driver, device = pair(memory, num)
    offered: deque[tuple[int, int]] = deque()
    taken: deque[tuple[int, int]] = deque()
    given_back: deque[tuple[int, int]] = deque()
    for step, verb in enumerate(verbs):
        outstanding = len(offered) + len(taken) + len(given_back)
        if verb == "offer" and outstanding == num:
            with pytest.raises(QueueFullError):
                driver.offer([Buffer(step, step)])
        elif verb == "offer":
            offered.append((driver.offer([Buffer(step, step)]), step))
            driver.publish()
        elif verb == "take":
            chain = device.take()
            assert chain == (
                Chain(offered[0][0], (Buffer(offered[0][1], offered[0][1]),)) if offered else None
            )
            if offered:
                taken.append(offered.popleft())
        elif verb == "give" and taken:
            device.give(taken[0][0], step)
            device.publish()
            given_back.append((taken.popleft()[0], step))
        elif verb == "reap":
            used = driver.reap()
            assert ((used.id, used.written) if used else None) == (
                given_back.popleft() if given_back else None
            )
    assert driver.statistics().num_outstanding == len(offered) + len(taken) + len(given_back)
    memory.close()
