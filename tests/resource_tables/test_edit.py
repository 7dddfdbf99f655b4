# SPDX-License-Identifier: Apache-2.0
"""Edits in place: exactly the field that was named changes, or nothing and a reason."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import (
    ADDR_ANY,
    ElfImage,
    LoaderError,
    ResourceTable,
    TableError,
    TruncatedError,
    Vdev,
    elf_image,
    emit,
    parse,
)
from resource_tables.authoring.edit import Change, edit
from resource_tables.errors import EditError
from resource_tables.fields import Value, labels, type_number
from resource_tables.layout import TableLayout
from resource_tables.places import places
from tests.resource_tables.strategies import (
    TABLES,
    raw_carveout,
    raw_table,
    raw_trace,
    raw_vdev,
    raw_vring,
)
from tests.resource_tables.test_firmware_layouts import ACCEPTED, rpmsg, vendor

TABLE = raw_table(
    raw_carveout(b"vdev0buffer", size=0x8000),
    raw_trace(name=b"log.0"),
    raw_vdev(raw_vring(16), raw_vring(16), config=b"\1\2"),
    vendor(130, 8),
    rpmsg(8, 8),
)
#: Bytes of TABLE: where the entries begin.
CARVEOUT, TRACE, VDEV0, VENDOR, VDEV1 = TableLayout.parse(TABLE).offsets


def differing(one: bytes, other: bytes) -> set[int]:
    """Return the places at which two files of one length differ."""
    assert len(one) == len(other)
    return {index for index, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]}


@pytest.mark.parametrize(
    ("setting", "at", "data", "old", "new"),
    [
        ("ver=2", 0, b"\2\0\0\0", 1, 2),
        ("reserved=1,0x2", 8, b"\1\0\0\0\2\0\0\0", [0, 0], [1, 2]),
        ("carveout0.len=0x100000", CARVEOUT + 12, b"\0\0\x10\0", 0x8000, 0x100000),
        ("carveout0.da = 4096", CARVEOUT + 4, b"\0\x10\0\0", "any", 4096),
        ("carveout0.pa=0xffffffff", CARVEOUT + 8, b"\xff" * 4, 0, 0xFFFFFFFF),
        ("vdev0buffer.flags=3", CARVEOUT + 16, b"\3\0\0\0", 0, 3),
        ("vdev0buffer.name=a b=c", CARVEOUT + 24, b"a b=c".ljust(32, b"\0"), "vdev0buffer", "a b=c"),
        ("trace0.da=any", TRACE + 4, b"\xff" * 4, 0x1000, "any"),
        ("log.0.len=1_000", TRACE + 8, struct.pack("<I", 1000), 0x1000, 1000),
        ("entry1.reserved=7", TRACE + 12, b"\7\0\0\0", 0, 7),
        ("vdev0.status=255", VDEV0 + 24, b"\xff", 0, 255),
        ("vdev0.reserved=[1, 2]", VDEV0 + 26, b"\1\2", [0, 0], [1, 2]),
        ("vdev0.vring0.num=64", VDEV0 + 36, b"\x40\0\0\0", 16, 64),
        ("vdev0.vring[1].align=0b100", VDEV0 + 52, b"\4\0\0\0", 16, 4),
        ("vdev0.config=a1B2", VDEV0 + 68, b"\xa1\xb2", "0102", "a1b2"),
        ("vdev1.vring1.notifyid=9", VDEV1 + 60, b"\x09\0\0\0", 1, 9),
        ("entry4.id=11", VDEV1 + 4, b"\x0b\0\0\0", 7, 11),
        ("vendor0.body=ff ff 00 01", VENDOR + 4, b"\xff\xff\0\1", "00010203", "ffff0001"),
    ],
)
def test_a_setting_changes_its_field_alone(
    setting: str, at: int, data: bytes, old: Value, new: Value
) -> None:
    path = setting.partition("=")[0].strip()
    done = edit(TABLE, [setting])
    assert done.data == TABLE[:at] + data + TABLE[at + len(data) :]
    assert done.changes == (Change(path, at, old, new),)
    image = elf_image(TABLE, segments=())
    in_image = edit(image, [setting])
    start = image.index(TABLE)
    assert in_image.data == image[:start] + done.data + image[start + len(TABLE) :]
    assert in_image.changes == (Change(path, start + at, old, new),)


@given(TABLES, st.data())
def test_what_was_set_is_read_back_and_everything_else_is_as_it_was(
    table: ResourceTable, data: st.DataObject
) -> None:
    names = labels(map(type_number, table.entries))
    known = [
        (index, f"{label}.{place.path}", place)
        for index, (label, entry) in enumerate(zip(names, table.entries, strict=True))
        for place in places(entry)
        if place.path not in ("name", "name_hex", "num_of_vrings", "config_len") and place.size
    ]
    if not known:
        return
    index, path, place = data.draw(st.sampled_from(known))
    new = data.draw(st.binary(min_size=place.size, max_size=place.size))
    if place.path in ("body", "config"):
        text = new.hex()
    elif place.path == "reserved" and place.size == 2:
        text = f"{new[0]},{new[1]}"
    else:
        text = hex(int.from_bytes(new, "little"))
    raw = emit(table)
    at = TableLayout.of(table).offsets[index] + place.at
    assert edit(raw, [f"{path}={text}"]).data == raw[:at] + new + raw[at + place.size :]


def test_several_settings_are_made_together_or_not_at_all() -> None:
    done = edit(TABLE, ["vdev0.vring0.num=64", "vdev0.vring1.num=64"])
    first, _ = (entry for entry in parse(done.data).entries if isinstance(entry, Vdev))
    assert [ring.num for ring in first.vrings] == [64, 64]
    with pytest.raises(EditError):
        edit(TABLE, ["vdev0.vring0.num=64", "vdev0.vring2.num=64"])


def test_a_name_with_more_behind_its_end_is_written_over() -> None:
    raw = raw_table(raw_carveout(b"old\0secret"))
    assert edit(raw, ["carveout0.name=new"]).data == raw_table(raw_carveout(b"new"))


def test_a_name_shown_with_an_escape_is_found_by_what_is_shown() -> None:
    raw = raw_table(raw_trace(name=b"\x1b[2J"))
    assert edit(raw, ["\\x1b[2J.name=log"]).data == raw_table(raw_trace(name=b"log"))


@pytest.mark.parametrize(
    ("setting", "reason", "hint"),
    [
        ("vdev0.vring2.num=16", "the vdev has 2 vrings; vrings cannot be added", "rproc table build"),
        ("vdev0.num_of_vrings=3", "vrings cannot be added or taken away in place", "rproc table build"),
        ("vdev0.config_len=8", "the config space cannot grow or shrink in place", "rproc table build"),
        ("vdev0.config=010203", "has 2 bytes, and their number cannot change in place: 3", "rproc table"),
        ("vendor0.body=01", "has 4 bytes, and their number cannot change", "rproc table build"),
        ("num=2", "entries cannot be added or taken away in place", "rproc table build"),
        ("entry0.type=2", "an entry of another type has another length", "rproc table build"),
        ("carveout0.len=-1", "must be a number from 0 to 0xffffffff, not -1", ""),
        ("carveout0.len=4K", "must be a number from 0 to 0xffffffff, not '4K'", ""),
        ("carveout0.len=any", "must be a number from 0 to 0xffffffff, not 'any'", ""),
        ("carveout0.len=", "must be a number from 0 to 0xffffffff, not ''", ""),
        ("vdev0.reserved=1", "must be two numbers from 0 to 255", ""),
        ("vdev0.config=xy", "must be bytes in hexadecimal", ""),
        (f"carveout0.name={'x' * 33}", "needs 33 bytes, the field has 32", ""),
        ("carveout0.size=1", "there is no field 'size'", "known: da, pa, len, flags, reserved, name"),
        ("vendor0.da=1", "there is no field 'da'", "known: body"),
        ("vdev0.vring0.len=1", "there is no field 'len'", "known: da, align, num, notifyid, pa"),
        ("vdev0.vrings=1", "there is no field 'vrings'", "vring0.num, config"),
        ("version=2", "there is no field 'version'", "known: ver, reserved"),
        ("vdev2.id=1", "there is no such entry", "carveout0, trace0, vdev0, vendor0, vdev1, or the name"),
        ("entry9.id=1", "the table has 5 entries", ""),
        ("=1", "is no setting", "vdev0.vring0.num=64"),
        ("vdev0.id", "is no setting", "PATH=VALUE"),
    ],
)
def test_what_cannot_be_done_in_place_is_refused_with_the_reason(
    setting: str, reason: str, hint: str
) -> None:
    for data in (TABLE, elf_image(TABLE)):
        with pytest.raises(EditError) as caught:
            edit(data, ["ver=2", setting])
        assert reason in str(caught.value)
        assert hint in caught.value.hint


def test_a_field_cannot_be_set_twice() -> None:
    with pytest.raises(EditError, match=r"vdev0buffer\.len: is set twice"):
        edit(TABLE, ["carveout0.len=1", "vdev0buffer.len=2"])


def test_a_name_that_several_entries_have_is_refused_and_their_places_are_told() -> None:
    raw = raw_table(raw_carveout(b"a"), raw_trace(name=b"a"), raw_trace(name=b"trace0"))
    with pytest.raises(EditError, match="2 entries are called so") as caught:
        edit(raw, ["a.da=1"])
    assert caught.value.hint == "entry0.da or entry1.da"
    # "trace0" is the first trace and the name of the second.
    with pytest.raises(EditError) as caught:
        edit(raw, ["trace0.len=1"])
    assert caught.value.hint == "entry1.len or entry2.len"
    assert edit(raw, ["trace1.len=1"]).changes[0].path == "trace1.len"


def test_a_table_that_the_loader_refuses_can_be_corrected() -> None:
    raw = raw_table(raw_trace(reserved=5), version=4, reserved=(1, 2))
    done = edit(raw, ["ver=1", "reserved=0,0", "trace0.reserved=0"])
    assert done.data == raw_table(raw_trace())


def test_bytes_that_two_entries_share_are_left_alone() -> None:
    whole = raw_table(raw_trace(), raw_trace())
    shared = whole[:20] + whole[16:20] + whole[24:]
    with pytest.raises(EditError, match="its bytes belong to entry 1, too"):
        edit(shared, ["trace0.len=1"])
    in_array = whole.replace(struct.pack("<I", 24), struct.pack("<I", 16), 1)
    with pytest.raises(EditError, match="its bytes belong to the offset array, too"):
        edit(in_array, ["vendor0.body=" + "00" * 52])


def test_a_field_behind_the_end_of_the_table_is_refused() -> None:
    cut = TABLE[: VDEV1 + 30]
    with pytest.raises(EditError, match="behind the table's"):
        edit(elf_image(cut), ["vdev1.vring1.num=1"])
    assert edit(elf_image(cut), ["vdev1.id=1"]).changes


@pytest.mark.parametrize("data", [b"\x00" * 15, b"", b"\x01"])
def test_bytes_without_room_for_a_header_are_refused(data: bytes) -> None:
    with pytest.raises(TruncatedError):
        edit(data, ["ver=1"])


@pytest.mark.parametrize("data", [b"\x01\x02\x03\x04" * 8, raw_table(raw_trace())[:20], b"text, not a table"])
def test_bytes_that_are_no_table_are_not_written_to(data: bytes) -> None:
    with pytest.raises(EditError, match="neither an ELF image nor a resource table"):
        edit(data, ["ver=1"])


def test_an_image_without_bytes_of_a_table_is_refused() -> None:
    nobits = elf_image(TABLE, section_type=8)
    with pytest.raises(EditError, match="NOBITS"):
        edit(nobits, ["ver=2"])
    other = elf_image(TABLE, section_name=b".resource_tabel")
    with pytest.raises(EditError, match=r"no section \.resource_table"):
        edit(other, ["ver=2"])
    with pytest.raises(LoaderError):
        edit(b"\x7fELF" + bytes(100), ["ver=2"])


def test_a_section_behind_the_end_of_the_file_is_refused() -> None:
    image = bytearray(elf_image(TABLE))
    section = ElfImage.parse(bytes(image)).table_section
    assert section is not None
    at = image.rindex(struct.pack("<QQ", section.offset, section.size))
    image[at + 8 : at + 16] = struct.pack("<Q", len(image))
    with pytest.raises(EditError, match="ends behind the end of the file"):
        edit(bytes(image), ["ver=2"])


def test_an_entry_in_the_headers_of_the_image_is_left_alone() -> None:
    image = bytearray(elf_image(TABLE))
    parsed = ElfImage.parse(bytes(image))
    section, headers = parsed.table_section, parsed.header.shoff
    assert section is not None
    # The section reaches to the end of the file, and its second entry is the first section header.
    at = image.rindex(struct.pack("<QQ", section.offset, section.size))
    image[at + 8 : at + 16] = struct.pack("<Q", len(image) - section.offset)
    struct.pack_into("<I", image, section.offset + 20, headers - section.offset)
    with pytest.raises(EditError, match="shares bytes with the headers"):
        edit(bytes(image), ["entry1.pa=2"])
    assert edit(bytes(image), ["carveout0.pa=2"]).changes


def test_an_image_is_a_bare_table_when_that_is_said() -> None:
    with pytest.raises(EditError, match="neither"):
        edit(elf_image(TABLE), ["ver=2"], raw=True)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_any_bytes_and_any_path_are_an_edit_or_an_error_of_ours(noise: bytes, path: str) -> None:
    for data in (noise, TABLE[:60] + noise, elf_image(TABLE[:60] + noise)):
        for setting in (f"{path}=1", "vdev0.vring0.num=1", "carveout0.name=x", "vendor0.body=00"):
            try:
                done = edit(data, [setting])
            except TableError:
                continue
            spans = {at for change in done.changes for at in range(change.offset, change.offset + 32)}
            assert differing(data, done.data) <= spans


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_field_of_a_published_layout_can_be_named(name: str) -> None:
    raw = ACCEPTED[name][0]
    layout = TableLayout.parse(raw)
    names = labels(map(type_number, layout.table.entries))
    for label, entry, start in zip(names, layout.table.entries, layout.offsets, strict=True):
        for place in places(entry):
            if place.path in ("num_of_vrings", "config_len"):
                continue
            value = place.value if not isinstance(place.value, list) else "0,0"
            done = edit(raw, [f"{label}.{place.path}={value}"])
            assert done.data == raw
            assert done.changes[0].offset == start + place.at


def test_addresses_are_written_as_any() -> None:
    done = edit(TABLE, ["vdev0.vring0.da=0x1000", "carveout0.da=0xffffffff"])
    assert [change.new for change in done.changes] == [0x1000, "any"]
    assert parse(done.data).carveouts[0].da == ADDR_ANY
