# SPDX-License-Identifier: Apache-2.0
"""Memory maps: what a region may say, what is found in a map, and what a file that says it wrong gets."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ADDR_ANY, MemoryMap, MemoryMapError, Region, UnreadableError, read_memory_map
from resource_tables.memory_map import KINDS, parse_regions

BOARD = """\
# what the M4 sees
[[region]]
name = "retram"
da = 0
pa = 0x38000000
size = 0x10000
kind = "tcm"

[[region]]
name = "vdev0buffer"
da = "any"
size = 0x4000
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(BOARD, encoding="utf-8")
    return path


def test_a_region_has_the_defaults_that_the_format_names(board: Path) -> None:
    memory = read_memory_map(board)
    assert memory.source == str(board)
    assert memory.regions == (
        Region("retram", 0, 0x38000000, 0x10000, "tcm"),
        Region("vdev0buffer", ADDR_ANY, 0, 0x4000, "reserved"),
    )
    assert parse_regions([{"name": "a", "da": 4096, "size": 1}], "x") == (Region("a", 4096, 4096, 1),)


@pytest.mark.parametrize(
    ("change", "line", "words", "rule"),
    [
        (("size = 0x10000", "size = 0"), 6, "size must be an integer from 1", "MAP_VALUE"),
        (("size = 0x10000", 'size = "64k"'), 6, "size must be an integer", "MAP_VALUE"),
        (("size = 0x10000", "size = true"), 6, "size must be an integer", "MAP_VALUE"),
        (("size = 0x10000", "size = 0x7fffffffffffffff\nx = 1"), 7, 'unknown key "x"', "MAP_KEY"),
        (("size = 0x10000", ""), 2, '"size" is missing', "MAP_MISSING"),
        (('name = "retram"', ""), 2, '"name" is missing', "MAP_MISSING"),
        (('name = "retram"', 'name = ""'), 3, "name must be a string that is not empty", "MAP_VALUE"),
        (('name = "retram"', "name = 1"), 3, "name must be a string that is not empty", "MAP_VALUE"),
        (('name = "retram"', 'name = "a\\u0000"'), 3, "name must be a string", "MAP_VALUE"),
        (('name = "retram"', 'name = "vdev0buffer"'), 10, "is that of region 0, too", "MAP_VALUE"),
        (("da = 0", "da = -1"), 4, 'da must be an integer from 0 to 2^64 - 1 or "any"', "MAP_VALUE"),
        (("da = 0", "da = 0xffffffff"), 4, "means any address", "MAP_VALUE"),
        (("da = 0", 'da = "all"'), 4, 'or "any"', "MAP_VALUE"),
        (("pa = 0x38000000", 'pa = "any"'), 5, "pa must be an integer", "MAP_VALUE"),
        (('kind = "tcm"', 'kind = "flash"'), 7, "kind must be one of ram, reserved, tcm", "MAP_VALUE"),
        (('kind = "tcm"', "kind = []"), 7, "kind must be one of", "MAP_VALUE"),
        (("# what the M4 sees", "memory = 1"), 1, 'unknown key "memory"', "MAP_KEY"),
        (("# what the M4 sees", "= 1"), None, "not TOML", "MAP_VALUE"),
        (("# what the M4 sees", "[region]"), None, "not TOML", "MAP_VALUE"),
        (("# what the M4 sees", "x = " + "9" * 5000), None, "not TOML", "MAP_VALUE"),
        (("# what the M4 sees", "x = " + "[" * 5000), None, "not TOML", "MAP_VALUE"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_rule(
    board: Path, change: tuple[str, str], line: int | None, words: str, rule: str
) -> None:
    board.write_text(BOARD.replace(*change), encoding="utf-8")
    with pytest.raises(MemoryMapError) as caught:
        read_memory_map(board)
    error = caught.value
    assert words in error.what
    assert (error.line, error.rule) == (line, rule)
    assert str(error).startswith(str(board) if line is None else f"{board}:{line}: ")


def test_a_range_past_the_last_address_is_refused() -> None:
    with pytest.raises(MemoryMapError, match="reaches past the last address"):
        parse_regions([{"name": "a", "da": 1 << 63, "size": (1 << 63) + 1}], "x")


def test_the_nearest_key_is_offered() -> None:
    with pytest.raises(MemoryMapError) as caught:
        parse_regions([{"nam": "a", "size": 1}], "x")
    assert caught.value.hint == 'did you mean "name"?'
    assert str(caught.value) == 'x: region 0: unknown key "nam"'


@pytest.mark.parametrize("raw", [1, "region", {}, None, [1], [[]], ["name"]])
def test_what_is_no_array_of_tables_is_refused(raw: object) -> None:
    with pytest.raises(MemoryMapError, match="must be a"):
        parse_regions(raw, "x")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file") as caught:
        read_memory_map(tmp_path / "none.toml")
    assert caught.value.path == str(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(MemoryMapError, match="not TOML"):
        read_memory_map(tmp_path / "latin.toml")


def test_errors_survive_pickling() -> None:
    with pytest.raises(MemoryMapError) as caught:
        parse_regions([{"size": 1}], "x")
    for error in (caught.value, UnreadableError("fw.elf", 21, "Is a directory")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["name", "da", "pa", "size", "kind"]) | st.text(max_size=5)


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5) | VALUES, max_size=4))
def test_any_values_give_regions_or_a_named_error(raw: list[object]) -> None:
    try:
        regions = parse_regions(raw, "x")
    except MemoryMapError:
        return
    assert len(regions) == len(raw)
    assert all(region.size > 0 and region.name and region.kind in KINDS for region in regions)


REGIONS = st.lists(
    st.builds(
        Region,
        name=st.sampled_from("abcd"),
        da=st.integers(0, 40) | st.just(ADDR_ANY),
        pa=st.just(0),
        size=st.integers(1, 20),
        kind=st.sampled_from(KINDS),
    ),
    max_size=8,
).map(tuple)


@given(REGIONS, st.integers(0, 60), st.integers(1, 20))
def test_a_range_is_found_exactly_where_a_region_holds_all_of_it(
    regions: tuple[Region, ...], da: int, size: int
) -> None:
    found = MemoryMap(regions).containing(da, size)
    holders = [r for r in regions if r.is_fixed and r.da <= da and da + size <= r.da + r.size]
    assert (found is None) == (not holders)
    assert found is None or found in holders


@given(REGIONS, st.sampled_from("abcde"))
def test_the_first_reserved_region_of_a_name_is_the_one(regions: tuple[Region, ...], name: str) -> None:
    expected = next((r for r in regions if r.name == name and r.kind == "reserved"), None)
    assert MemoryMap(regions).find(name) is expected
