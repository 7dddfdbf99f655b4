# SPDX-License-Identifier: Apache-2.0
"""TOML to tables and back: nothing is lost, and what is wrong is named with its line."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    Carveout,
    ElfImage,
    ResourceTable,
    TableError,
    Trace,
    Unknown,
    Vdev,
    Vring,
    emit,
    to_json,
)
from resource_tables.authoring.toml_text import dump_toml, load_toml, load_values
from resource_tables.errors import PlacementError, TableTextError
from resource_tables.layout import MAX_ENTRIES, MAX_TABLE, TableLayout
from resource_tables.toml_lines import LineIndex
from tests.resource_tables.strategies import TABLES, raw_carveout, raw_table, raw_trace
from tests.resource_tables.test_firmware_layouts import ACCEPTED

HERE = Path(__file__).parent
CORPUS = sorted((HERE.parent / "corpus" / "tables").glob("accepted-[!x]*"))


@st.composite
def layouts(draw: st.DrawFn) -> bytes:
    """Table bytes whose entries lie in any order, with anything between them."""
    whole = TableLayout.of(draw(TABLES))
    pieces = [emit(ResourceTable((entry,)))[20:] for entry in whole.table.entries]
    order = draw(st.permutations(range(len(pieces))))
    head = emit(whole.table)[:16]
    body, offsets = b"", [0] * len(pieces)
    for index in order:
        body += draw(st.binary(max_size=6))
        offsets[index] = 16 + 4 * len(pieces) + len(body)
        body += pieces[index]
    body += draw(st.one_of(st.binary(max_size=40), st.just(bytes(300))))
    return head + b"".join(offset.to_bytes(4, "little") for offset in offsets) + body


@given(TABLES)
def test_a_table_is_the_same_after_toml_and_after_bytes(table: ResourceTable) -> None:
    layout = TableLayout.of(table)
    text = dump_toml(layout)
    assert load_toml(text) == layout
    assert dump_toml(TableLayout.parse(load_toml(text).emit())) == text
    assert layout.emit() == emit(table)


@given(layouts())
def test_bytes_are_the_same_after_toml_wherever_the_entries_lie(data: bytes) -> None:
    layout = TableLayout.parse(data)
    assert layout.emit() == data
    text = dump_toml(layout)
    assert load_toml(text).emit() == data
    assert dump_toml(load_toml(text)) == text


@given(layouts())
def test_json_has_the_keys_and_values_of_toml(data: bytes) -> None:
    layout = TableLayout.parse(data)
    values = json.loads(json.dumps(to_json(layout)))
    assert load_values(values) == layout
    _check_part(tomllib.loads(dump_toml(layout)), values)


def _check_part(part: Any, whole: Any) -> None:
    """Every key of TOML is one of JSON and has the same value; JSON has the usual values, too."""
    if isinstance(part, dict):
        assert part.keys() <= whole.keys()
        for key in part:
            _check_part(part[key], whole[key])
    elif isinstance(part, list) and part and isinstance(part[0], dict):
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            _check_part(one, other)
    elif isinstance(part, str) and "\n" in part:
        assert bytes.fromhex(part).hex() == whole
    else:
        assert part == whole


def test_the_values_of_a_table_alone_are_a_table_too() -> None:
    table = ResourceTable((Trace(name="t", da=1, size=2),))
    assert load_values(to_json(table)) == TableLayout.of(table)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_published_layout_has_this_toml_and_keeps_its_bytes(name: str) -> None:
    raw = ACCEPTED[name][0]
    golden = HERE / "golden" / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".toml")
    text = golden.read_text(encoding="utf-8")
    assert dump_toml(TableLayout.parse(raw)) == text
    assert load_toml(text).emit() == raw


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_a_firmware_of_the_corpus_keeps_its_bytes(file: Path) -> None:
    data = file.read_bytes()
    raw = ElfImage.parse(data).table_bytes if data[:4] == b"\x7fELF" else data
    assert raw is not None
    assert load_toml(dump_toml(TableLayout.parse(raw))).emit() == raw


def test_what_is_left_out_has_the_usual_value() -> None:
    source = """
        [[entry]]
        type = "carveout"
        name = "vdev0buffer"
        len = 0x8000

        [[entry]]
        type = "vdev"
        id = 7
        [[entry.vring]]
        num = 16
        align = 0x1000
        [[entry.vring]]
        da = "any"
        num = 16
        align = 4096
    """
    ring = Vring(num=16, align=4096, da=ADDR_ANY)
    assert load_toml(source).table == ResourceTable(
        (Carveout(name="vdev0buffer", size=0x8000, da=ADDR_ANY), Vdev(id=7, vrings=(ring, ring)))
    )


def test_an_empty_file_is_a_table_without_entries() -> None:
    assert load_toml("").emit() == emit(ResourceTable())
    assert dump_toml(ResourceTable()) == ""


def test_long_bytes_take_several_lines() -> None:
    text = dump_toml(ResourceTable((Unknown(type=5, body=bytes(range(100))),)))
    assert max(map(len, text.splitlines())) == 64
    assert load_toml(text).table.entries == (Unknown(type=5, body=bytes(range(100))),)


def test_a_name_that_is_no_text_keeps_its_bytes() -> None:
    entry = Trace(name='a"\\\udcff', da=0, size=1, name_tail=b"old")
    text = dump_toml(ResourceTable((entry,)))
    assert text.encode("utf-8")
    assert load_toml(text).table.entries == (entry,)


TRACE = '[[entry]]\ntype = "trace"\nname = "t"\nda = 0\nlen = 16\n'
VDEV = '[[entry]]\ntype = "vdev"\nid = 7\n'
RING = "[[entry.vring]]\nnum = 16\nalign = 16\n"


@pytest.mark.parametrize(
    ("source", "said", "hint"),
    [
        ("entry = 1", "f:1: entry: must be an array of tables, not 1", "[[entry]]"),
        ("entry = [1]", "f:1: entry 0: must be a table, not 1", "[[entry]]"),
        ("ver = \n", "f:1: is not TOML: Invalid value", "quotes"),
        ("ver = 1\nver = 2\n\n", "f:2: is not TOML: Cannot overwrite a value", "https://toml.io"),
        (f"ver = {'9' * 5000}", "f: is not TOML: Exceeds the limit", "quotes"),
        ("ver = -1", "f:1: ver: must be a number from 0 to 0xffffffff, not -1", "0xffffffff"),
        ("ver = true", "f:1: ver: must be a number from 0 to 0xffffffff, not true", ""),
        ("reserved = [0]", "f:1: reserved: must be two numbers from 0 to 0xffffffff, not [0]", ""),
        ("num = 2", "f:1: num: unknown key", 'it follows from "entry"'),
        ("version = 1", "f:1: version: unknown key", 'did you mean "ver"?'),
        ("entri = []", "f:1: entri: unknown key", 'did you mean "entry"?'),
        ("size = 15", "f:1: size: is 15, but what the table holds ends at 16", "leave it out"),
        ("size = 0xffffffff", "f:1: size: must be a number from 0 to 0x1000000, not 4294967295", ""),
        ("[[entry]]\nname = 'x'", 'f:1: entry 0: "type" is missing', 'type = "vdev", "carveout"'),
        ("[[entry]]\ntype = 'vdef'", "f:2: entry 0: type: must be", 'did you mean "vdev"?'),
        ("[[entry]]\ntype = 3", 'f:2: entry 0: type: must be "carveout", "devmem"', ""),
        ("[[entry]]\ntype = 130", 'f:1: entry 0: "body" is missing', 'body = "0011ff"'),
        ("[[entry]]\ntype = 130\nbody = '0g'", "f:3: entry 0: body: must be a string", '"0011ff"'),
        ("[[entry]]\ntype = 130\nbody = 7", "f:3: entry 0: body: must be a string of hexadecimal", ""),
        (TRACE + "size = 4", "f:6: entry 0: size: unknown key", 'did you mean "len"?'),
        (TRACE + "flags = 4", "f:6: entry 0: flags: unknown key", ""),
        (TRACE.replace("len", "lan"), "f:5: entry 0: lan: unknown key", 'did you mean "len"?'),
        (TRACE.replace("len = 16", ""), 'f:1: entry 0: "len" is missing', "len = …"),
        (TRACE.replace("16", "'16'"), "f:5: entry 0: len: must be a number", "no quotes: len = 16"),
        (TRACE.replace("da = 0", "da = -1"), 'f:4: entry 0: da: must be a number', 'da = "any"'),
        (TRACE.replace("da = 0", "da = 'any '"), 'f:4: entry 0: da: must be a number', ""),
        (TRACE.replace('"t"', "'" + "x" * 33 + "'"), "f:3: entry 0: name: name 'xxx", "31 bytes"),
        (TRACE.replace('"t"', "7"), "f:3: entry 0: name: must be a string", ""),
        (TRACE.replace('name = "t"', ""), 'f:1: entry 0: "name" is missing', "31 bytes"),
        (TRACE + "name_hex = '41'", 'f:3: entry 0: name: is not what name_hex says: "A"', "one of them"),
        (TRACE + f"name_hex = '{'41' * 33}'", "f:6: entry 0: name_hex: has 33 bytes", ""),
        (TRACE + "offset = 16", "f:6: entry 0: offset: lies at 0x10", "leave out offset"),
        (TRACE + TRACE + "offset = 28", "f:11: entry 1: offset: lies at 0x1c to", "in the way"),
        (VDEV + "num_of_vrings = 2", "f:4: entry 0: num_of_vrings: unknown key", 'follows from "vring"'),
        (VDEV + "config_len = 2", "f:4: entry 0: config_len: unknown key", 'follows from "config"'),
        (VDEV + "reserved = 0", "f:4: entry 0: reserved: must be two numbers from 0 to 255, not 0", ""),
        (VDEV + "status = 256", "f:4: entry 0: status: must be a number from 0 to 255", ""),
        (VDEV + "vring = 2", "f:4: entry 0: vring: must be an array of tables", "[[vring]]"),
        (VDEV + "vring = [2]", "f:4: entry 0, vring 0: must be a table", "[[entry.vring]]"),
        (VDEV + RING + "size = 1", "f:7: entry 0, vring 0: size: unknown key", "known here: da, align, num"),
        (TRACE + "num = 1", "f:6: entry 0: num: unknown key", 'did you mean "name"?'),
        (VDEV + RING * 256, "f:1: entry 0: vring: 256 vrings, but their count is one byte", "two"),
        (VDEV + RING + RING.replace("num", "nun"), "f:8: entry 0, vring 1: nun: unknown key", '"num"'),
        (TRACE + VDEV + RING + RING.replace("16", "1.5"), "f:14: entry 1, vring 1: align: must be", ""),
        ("[[slack]]\nbody = '00'", 'f:1: slack 0: "offset" is missing', "offset = …"),
        ("[[slack]]\noffset = 4\nbody = 'ff'", "f:2: slack 0: offset: lies at 0x4 to 0x5", ""),
    ],
)  # fmt: skip
def test_an_error_names_the_line_the_key_and_what_to_do(source: str, said: str, hint: str) -> None:
    with pytest.raises(TableTextError) as caught:
        load_toml(source, "f")
    assert str(caught.value).startswith(said)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("tail", "have", "need"),
    [
        ("[[slack]]\noffset = 25\nbody = 'ff'", 1, 2),
        (TRACE + "offset = 40", 1, 12),
    ],
)
def test_bytes_behind_a_vendors_entry_are_its_own(tail: str, have: int, need: int) -> None:
    with pytest.raises(TableTextError) as caught:
        load_toml(f"[[entry]]\ntype = 130\nbody = 'aa'\n{tail}", "f")
    said = str(caught.value)
    assert said.startswith(
        f"f:3: entry 0: body: has {have} bytes, but {need} lie between it and what follows"
    )
    assert caught.value.hint == f"write all {need} bytes, zeros too"


def test_entries_may_share_bytes_that_they_agree_on() -> None:
    twice = raw_table(raw_trace()).replace(b"\1\0\0\0\1\0\0\0", b"\1\0\0\0\2\0\0\0", 1)
    data = twice[:16] + (24).to_bytes(4, "little") * 2 + twice[20:]
    layout = TableLayout.parse(data)
    assert layout.offsets == (24, 24)
    assert load_toml(dump_toml(layout)).emit() == data


def test_entries_that_disagree_on_a_byte_cannot_be_placed() -> None:
    table = ResourceTable((Trace(name="a", da=0, size=1), Trace(name="b", da=0, size=1)))
    with pytest.raises(PlacementError, match="entry 1 lies at 0x18 to 0x48, where other bytes lie already"):
        TableLayout(table, (24, 24), 72).emit()
    with pytest.raises(PlacementError, match="entry 1 ends at 0x78, behind the table's 100 bytes"):
        TableLayout(table, (24, 72), 100).emit()


def test_a_table_that_is_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(TableError, match="bytes, at most"):
        TableLayout.parse(bytes(MAX_TABLE + 1))
    many = (1).to_bytes(4, "little") + (MAX_ENTRIES + 1).to_bytes(4, "little")
    with pytest.raises(TableError, match="entries, at most"):
        TableLayout.parse(many + bytes(8 + 4 * (MAX_ENTRIES + 1)))
    with pytest.raises(TableTextError, match="must be a number from 0 to"):
        load_toml(f"[[slack]]\noffset = {1 << 62}\nbody = '00'")
    with pytest.raises(PlacementError):
        TableLayout(ResourceTable(), (), MAX_TABLE + 1).emit()


@given(st.text())
def test_any_text_is_a_table_or_an_error_of_ours(source: str) -> None:
    try:
        load_toml(source)
    except TableTextError as error:
        assert str(error).startswith("table.toml")


KEYS = st.sampled_from(["entry", "type", "vring", "da", "len", "name", "body", "slack", "offset", "id"])
VALUES = st.recursive(
    st.one_of(st.integers(-2, 1 << 40), st.text(max_size=4), st.booleans(), st.floats()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


@given(VALUES)
def test_values_of_any_kind_are_a_table_or_an_error_of_ours(value: Any) -> None:
    try:
        load_values(value if isinstance(value, dict) else {"entry": [value]})
    except TableTextError as error:
        assert str(error)


def test_arrays_nested_without_end_are_an_error_of_ours() -> None:
    with pytest.raises(TableTextError, match="is nested too deeply"):
        load_toml("entry = " + "[" * 100_000)


@pytest.mark.parametrize(
    "line", ["[" + " " * 200_000, "a " * 100_000, "[[" + "x." * 100_000, " " * 200_000 + "x"]
)
def test_finding_a_line_takes_one_look_at_each_character(line: str) -> None:
    # Nested repetitions in a pattern would take hours for these.
    assert LineIndex(f"{line}\nver = 1").find("nothing") is None


def test_lines_are_found_in_tables_inside_arrays() -> None:
    index = LineIndex("a = 1\n[[e]]\nx = 1\n[[e.v]]\ny = 1\n[[e]]\n[[e.v]]\ny = 2\n[[e.v]]\n[t.u]\nz.w = 3\n")
    assert index.find("a") == 1
    assert index.find("e", "0", "x") == 3
    assert index.find("e", "0", "v", "0", "y") == 5
    assert index.find("e", "1", "v", "0", "y") == 8
    assert index.find("e", "1", "v", "1", "y") == 9
    assert index.find("t", "u", "z", "w") == 11
    assert index.find("q") is None


def test_a_table_with_a_stale_offset_says_so() -> None:
    raw = ACCEPTED["Allwinner E907"][0]
    layout = TableLayout.parse(raw)
    assert (layout.offsets, layout.slack, layout.size) == ((24,), ((20, b"\x5c"),), 140)


def test_an_entry_in_the_offset_array_keeps_its_bytes() -> None:
    # Every kernel takes an offset into the array, whose words are then an entry.
    data = raw_table(raw_carveout()).replace((20).to_bytes(4, "little"), (16).to_bytes(4, "little"), 1)
    layout = TableLayout.parse(data)
    assert layout.offsets == (16,)
    assert load_toml(dump_toml(layout)).emit() == data
