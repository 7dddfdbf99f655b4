# SPDX-License-Identifier: Apache-2.0
"""Text in the words of debugfs, JSON, and names that try to command the terminal."""

import json
from textwrap import dedent

import pytest
from hypothesis import given

from resource_tables import (
    Carveout,
    Devmem,
    ResourceTable,
    Trace,
    Unknown,
    Vdev,
    Vring,
    emit,
    render_text,
    to_json,
)
from resource_tables.layout import TableLayout
from resource_tables.model import encode_name
from resource_tables.text import printable
from tests.resource_tables.strategies import TABLES

TABLE = ResourceTable(
    (
        Carveout(name="vdev0buffer", size=0x40000, flags=3),
        Trace(name="trace0", da=0x10010000, size=0x1000),
        Vdev(id=7, dfeatures=1, reserved=0x0201, vrings=(Vring(num=256, align=16, notifyid=0xFFFFFFFF),)),
        Unknown(type=130, body=b"\1\2"),
        Devmem(name="uart", da=0x1000, pa=0xF1000, size=0x1000),
    )
)


def test_the_text_is_that_of_the_debugfs_file() -> None:
    assert render_text(TABLE) == dedent(
        """\
        Entry 0 is of type carveout
          Device Address 0xffffffff
          Physical Address 0x0
          Length 0x40000 Bytes
          Flags 0x3
          Reserved (should be zero) [0]
          Name vdev0buffer

        Entry 1 is of type trace
          Device Address 0x10010000
          Length 0x1000 Bytes
          Reserved (should be zero) [0]
          Name trace0

        Entry 2 is of type vdev
          ID 7
          Notify ID 0
          Device features 0x1
          Guest features 0x0
          Config length 0x0
          Status 0x0
          Number of vrings 1
          Reserved (should be zero) [1][2]

          Vring 0
            Device Address 0xffffffff
            Alignment 16
            Number of buffers 256
            Notify ID -1
            Physical Address 0x0

        Unknown resource type found: 130
        Entry 4 is of type devmem
          Device Address 0x1000
          Physical Address 0xf1000
          Length 0x1000 Bytes
          Flags 0x0
          Reserved (should be zero) [0]
          Name uart

        """
    )


def test_a_table_without_entries_has_no_text() -> None:
    assert render_text(ResourceTable()) == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name", "plain name"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\udcff", "\\xff"),
        ("back\\slash", "back\\\\slash"),
        ("\u202egnp", "\\xe2\\x80\\xaegnp"),
        ("Tür", "Tür"),
    ],
)
def test_a_name_cannot_command_the_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert f"Name {shown}\n" in render_text(ResourceTable((Trace(name=name, size=1, da=0),)))


def test_json_has_linuxs_name_of_every_field() -> None:
    shown = to_json(TABLE)
    assert (shown["ver"], shown["reserved"]) == (1, [0, 0])
    assert shown["entry"] == [
        {
            "type": "carveout",
            "name": "vdev0buffer",
            "da": "any",
            "pa": 0,
            "len": 0x40000,
            "flags": 3,
            "reserved": 0,
        },
        {"type": "trace", "name": "trace0", "da": 0x10010000, "len": 0x1000, "reserved": 0},
        {
            "type": "vdev",
            "id": 7,
            "notifyid": 0,
            "dfeatures": 1,
            "gfeatures": 0,
            "status": 0,
            "reserved": [1, 2],
            "config": "",
            "vring": [{"da": "any", "align": 16, "num": 256, "notifyid": 0xFFFFFFFF, "pa": 0}],
        },
        {"type": 130, "body": "0102"},
        {
            "type": "devmem",
            "name": "uart",
            "da": 0x1000,
            "pa": 0xF1000,
            "len": 0x1000,
            "flags": 0,
            "reserved": 0,
        },
    ]


def test_json_of_a_layout_says_where_things_lie() -> None:
    raw = emit(ResourceTable((Trace(name="t", da=0, size=1),)))
    loose = raw[:16] + (24).to_bytes(4, "little") + b"\0gap" + raw[20:] + bytes(4)
    shown = to_json(TableLayout.parse(loose))
    assert (shown["size"], shown["slack"]) == (76, [{"offset": 21, "body": "676170"}])
    assert [entry["offset"] for entry in shown["entry"]] == [24]


def test_json_keeps_all_bytes_of_a_name_that_is_no_plain_text() -> None:
    entry = Trace(name="\udcff", size=1, da=0, name_tail=b"old")
    (shown,) = to_json(ResourceTable((entry,)))["entry"]
    assert bytes.fromhex(shown["name_hex"]) == encode_name("\udcff", b"old")


@given(TABLES)
def test_every_table_has_a_text_and_a_json_form_in_valid_utf8(table: ResourceTable) -> None:
    text = render_text(table)
    assert text.encode("utf-8").isascii() or text.replace("\n", "").isprintable()
    assert json.loads(json.dumps(to_json(table), ensure_ascii=False).encode("utf-8")) == to_json(table)
