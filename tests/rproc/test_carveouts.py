# SPDX-License-Identifier: Apache-2.0
"""Who gets which device address, and what is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    Carveout,
    LoaderError,
    ResourceTable,
    Unknown,
    Vdev,
    Vring,
    emit,
)
from rproc import CarveoutError, MemoryConfig, PlatformCarveout
from rproc.carveouts import Carveout as Registered
from rproc.carveouts import Registry, place
from rproc.resources import Reporter, Resources, handle_resources
from tests.rproc.support import texts, vdev
from virtio import PAGE_SIZE, Ida, KernelLog, SharedMemory

BASE = MemoryConfig().base


def handle(
    *entries: Carveout | Vdev | Unknown, config: MemoryConfig | None = None, buffers: int = 0
) -> tuple[Resources, list[str]]:
    """Run the resource pass; return what it registered and what it logged."""
    log = KernelLog()
    reporter = Reporter(log, "remoteproc remoteproc0")
    resources = handle_resources(
        emit(ResourceTable(entries)),
        config if config is not None else MemoryConfig(),
        Ida().alloc,
        lambda id, num: buffers,
        reporter,
    )
    return resources, texts(log.lines)


def placed(resources: Resources, config: MemoryConfig | None = None) -> dict[str, tuple[int, int]]:
    carveouts = resources.registry.carveouts
    place(carveouts, config if config is not None else MemoryConfig())
    return {carveout.name: (carveout.da, carveout.size) for carveout in carveouts}


sizes = st.integers(1, 64 * 1024)
addresses = st.one_of(st.just(ADDR_ANY), st.integers(0, 0x4000_0000 // 256).map(lambda n: n * 256))
requests = st.lists(st.tuples(addresses, sizes), max_size=20)


def registered(wanted: list[tuple[int, int]]) -> list[Registered]:
    return [Registered(name=f"c{n}", da=da, size=size) for n, (da, size) in enumerate(wanted)]


@given(requests)
def test_placed_carveouts_never_overlap_and_lie_inside_the_pieces(wanted: list[tuple[int, int]]) -> None:
    carveouts = registered(wanted)
    config = MemoryConfig()
    try:
        pieces = place(carveouts, config)
    except CarveoutError as error:
        assert error.rule == "carveout-overlap"
        return
    ordered = sorted(carveouts, key=lambda carveout: carveout.da)
    for lower, upper in itertools.pairwise(ordered):
        assert lower.da + lower.size <= upper.da
    for carveout, (da, _) in zip(carveouts, wanted, strict=True):
        assert any(
            start <= carveout.da and carveout.da + carveout.size <= start + size for start, size in pieces
        )
        assert carveout.da == da if da != ADDR_ANY else carveout.da % PAGE_SIZE == 0
        assert da != ADDR_ANY or carveout.da >= config.base
    if pieces:
        # What the memory takes is what it can be made of: disjoint whole pages.
        SharedMemory("test", pieces).close()


@given(requests)
def test_the_same_requests_get_the_same_addresses(wanted: list[tuple[int, int]]) -> None:
    results = []
    for _ in range(2):
        carveouts = registered(wanted)
        try:
            results.append((place(carveouts, MemoryConfig()), [carveout.da for carveout in carveouts]))
        except CarveoutError as error:
            results.append(((), [error.errno or 0]))
    assert results[0] == results[1]


@given(requests, st.integers(0, 512 * 1024))
def test_nothing_is_placed_beyond_the_limit(wanted: list[tuple[int, int]], limit: int) -> None:
    try:
        pieces = place(registered(wanted), MemoryConfig(limit=limit))
    except CarveoutError:
        return
    assert sum(size for _, size in pieces) <= limit


def test_reference_table_gets_the_sizes_that_linux_reserves() -> None:
    resources, _ = handle(
        Carveout(name="vdev0buffer", size=0x40000),
        Vdev(id=7, dfeatures=1, vrings=(Vring(num=256, align=16), Vring(num=256, align=16))),
        buffers=0x40000,
    )
    assert placed(resources) == {
        "vdev0buffer": (BASE, 0x40000),
        "vdev0vring0": (BASE + 0x40000, 8192),
        "vdev0vring1": (BASE + 0x42000, 8192),
    }
    assert [ring.notifyid for ring in resources.vdevs[0].vrings] == [0, 1]


def test_a_vdev_without_buffer_carveout_gets_one_of_the_size_its_driver_wants() -> None:
    resources, _ = handle(vdev(7), buffers=5000)
    assert placed(resources)["vdev0buffer"] == (BASE + 0x2000, 8192)


def test_list_order_is_platform_then_table_with_rings_where_their_vdev_stands() -> None:
    config = MemoryConfig(carveouts=(PlatformCarveout("sram", 0x1000, 0x1000),))
    resources, _ = handle(vdev(), Carveout(name="heap", size=4096), vdev(), config=config, buffers=1)
    names = [carveout.name for carveout in resources.registry.carveouts]
    assert names == [
        "sram",
        "vdev0vring0",
        "vdev0vring1",
        "heap",
        "vdev1vring0",
        "vdev1vring1",
        "vdev0buffer",
        "vdev1buffer",
    ]


# The da rules: the table's wish, the registered carveout of that name, the outcome.
@pytest.mark.parametrize(
    ("wanted", "size", "region", "region_size", "outcome"),
    [
        (ADDR_ANY, 0x1000, 0x8000, 0x2000, (0x8000, 0x2000)),
        (ADDR_ANY, 0x1000, ADDR_ANY, 0x2000, (BASE, 0x2000)),
        (0x8800, 0x800, 0x8000, 0x2000, (0x8000, 0x2000)),
        (0x8000, 0x1000, ADDR_ANY, 0x2000, None),
        (0x7000, 0x1000, 0x8000, 0x2000, "Registered carveout doesn't fit da request"),
        (0x9000, 0x1800, 0x8000, 0x2000, "Registered carveout doesn't fit len request"),
        (ADDR_ANY, 0x3000, 0x8000, 0x2000, "Registered carveout doesn't fit len request"),
    ],
)
def test_a_registered_carveout_of_the_same_name_decides(
    wanted: int, size: int, region: int, region_size: int, outcome: tuple[int, int] | str | None
) -> None:
    config = MemoryConfig(carveouts=(PlatformCarveout("heap", region, region_size),))
    entry = Carveout(name="heap", da=wanted, size=size)
    if isinstance(outcome, tuple):
        resources, _ = handle(entry, config=config)
        assert placed(resources, config) == {"heap": outcome}
        return
    with pytest.raises(LoaderError) as caught:
        handle(entry, config=config)
    assert (caught.value.errno, caught.value.log) == (12, outcome)


def test_da_zero_is_the_fixed_address_zero() -> None:
    resources, _ = handle(Carveout(name="image", da=0, size=0x1000))
    assert placed(resources) == {"image": (0, 0x1000)}


def test_two_rings_at_da_zero_are_refused_and_the_switch_makes_them_any() -> None:
    resources, _ = handle(vdev(da=0))
    with pytest.raises(CarveoutError) as caught:
        placed(resources)
    assert "zero_is_any" in caught.value.hint
    config = MemoryConfig(zero_is_any=True)
    resources, lines = handle(vdev(da=0), config=config)
    assert [da for da, _ in placed(resources, config).values()] == [BASE, BASE + 0x1000]
    assert lines == [f"remoteproc remoteproc0: vdev0vring{n}: da 0 taken as any address" for n in (0, 1)]


def test_rings_inside_a_carveout_share_its_memory() -> None:
    heap = Carveout(name="shared", da=0x8000, size=0x4000)
    rings = (Vring(num=8, align=16, da=0x8000), Vring(num=8, align=16, da=0x8400))
    resources, _ = handle(heap, Vdev(id=4, vrings=rings))
    assert place(resources.registry.carveouts, MemoryConfig()) == ((0x8000, 0x4000),)


@pytest.mark.parametrize("second", [0x8000, 0x8010, 0xBFF0])
def test_rings_that_overlap_anything_else_are_refused(second: int) -> None:
    heap = Carveout(name="shared", da=0x8000, size=0x4000)
    rings = (Vring(num=8, align=16, da=0x8000), Vring(num=8, align=16, da=second))
    resources, _ = handle(heap, Vdev(id=4, vrings=rings))
    with pytest.raises(CarveoutError, match="overlaps"):
        place(resources.registry.carveouts, MemoryConfig())


def test_a_carveout_named_like_a_ring_becomes_its_home() -> None:
    resources, _ = handle(Carveout(name="vdev0vring0", da=0x8000, size=0x1000), vdev())
    assert placed(resources)["vdev0vring0"] == (0x8000, 0x1000)
    assert resources.vdevs[0].vrings[0].carveout.da == 0x8000


def test_a_vdev_whose_ring_does_not_fit_its_carveout_is_left_out_as_linux_does() -> None:
    first = vdev(da=0x100)
    config = MemoryConfig(carveouts=(PlatformCarveout("vdev0vring1", 0x8000, 0x1000),))
    resources, lines = handle(first, vdev(), config=config)
    assert lines == [
        "remoteproc remoteproc0: Registered carveout doesn't fit da request",
        "rproc-virtio rproc-virtio.0.auto: probe with driver rproc-virtio failed with error -12",
    ]
    assert [plan.index for plan in resources.vdevs] == [1]
    # The ids of the failed vdev are free again, its first ring is released in the cached table.
    assert [ring.notifyid for ring in resources.vdevs[0].vrings] == [0, 1]
    assert (resources.cached.vring_da(0, 0), resources.cached.notifyid(0, 0)) == (0, 0xFFFFFFFF)


def test_a_vdev_with_an_empty_ring_is_left_out_as_linux_does() -> None:
    bad = Vdev(id=4, vrings=(Vring(num=0, align=16), Vring(num=8, align=0)))
    resources, lines = handle(bad)
    assert resources.vdevs == []
    assert lines == [
        "remoteproc remoteproc0: invalid qsz (0) or alignment (16)",
        "rproc-virtio rproc-virtio.0.auto: probe with driver rproc-virtio failed with error -22",
    ]


def test_notify_ids_end_where_the_control_page_has_no_bit() -> None:
    resources, lines = handle(*[vdev() for _ in range(33)])
    assert [ring.notifyid for plan in resources.vdevs for ring in plan.vrings] == list(range(64))
    assert "remoteproc remoteproc0: idr_alloc failed: -28" in lines


def test_unknown_entries_are_skipped_with_the_warning_of_linux() -> None:
    entries = [Unknown(type=number, body=b"") for number in (5, 128, 512, 513, 0xFFFF_FFFF)]
    _, lines = handle(*entries)
    assert [line.partition(": ")[2] for line in lines] == [
        "unsupported resource 5",
        "unsupported vendor resource 128",
        "unsupported vendor resource 512",
        "unsupported resource 513",
        "unsupported resource -1",
    ]


def test_names_count_up_to_31_bytes() -> None:
    registry = Registry(MemoryConfig())
    registry.request_entry(0, "x" * 32, ADDR_ANY, 16)
    with pytest.raises(CarveoutError, match="already associated") as caught:
        registry.request_entry(1, "x" * 31, ADDR_ANY, 16)
    assert caught.value.errno == 12


def test_addresses_run_out_at_4_gib() -> None:
    with pytest.raises(CarveoutError, match="no device addresses"):
        place([Registered(name="a", da=ADDR_ANY, size=0x2000)], MemoryConfig(base=0xFFFF_F000))
