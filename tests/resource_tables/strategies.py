# SPDX-License-Identifier: Apache-2.0
"""Every table that can be built, and the helpers that lay one out by hand."""

import struct

from hypothesis import strategies as st

from resource_tables import Carveout, Devmem, ResourceTable, Trace, Unknown, Vdev, Vring
from resource_tables.model import decode_name

U32 = st.integers(0, 0xFFFFFFFF)
WORD = st.one_of(st.sampled_from([0, 1, 16, 0x1000, 0xFFFFFFFF]), U32)
NAME_FIELDS = st.one_of(
    st.binary(max_size=32),
    st.text(st.characters(codec="utf-8"), max_size=8).map(str.encode),
    st.sampled_from([b"vdev0buffer", b"a" * 31, b"a" * 32, b"trace\0old", b"\xff\xfe", b"%s%n"]),
).map(lambda raw: dict(zip(("name", "name_tail"), decode_name(raw.ljust(32, b"\0")), strict=True)))


def _named(kind: type[Carveout] | type[Devmem]) -> st.SearchStrategy[Carveout | Devmem]:
    return st.builds(
        lambda names, **words: kind(**names, **words),
        NAME_FIELDS,
        size=WORD,
        da=WORD,
        pa=WORD,
        flags=WORD,
        reserved=WORD,
    )


TRACES = st.builds(
    lambda names, **words: Trace(**names, **words), NAME_FIELDS, size=WORD, da=WORD, reserved=WORD
)
VRINGS = st.builds(Vring, num=WORD, align=WORD, da=WORD, notifyid=WORD, pa=WORD)
VDEVS = st.builds(
    Vdev,
    id=WORD,
    vrings=st.lists(VRINGS, max_size=4).map(tuple),
    dfeatures=WORD,
    gfeatures=WORD,
    notifyid=WORD,
    config=st.binary(max_size=20),
    status=st.integers(0, 255),
    reserved=st.integers(0, 0xFFFF),
)
UNKNOWNS = st.builds(Unknown, type=st.integers(4, 0xFFFFFFFF), body=st.binary(max_size=20))
TABLES = st.builds(
    ResourceTable,
    st.lists(st.one_of(_named(Carveout), _named(Devmem), TRACES, VDEVS, UNKNOWNS), max_size=6).map(tuple),
    WORD,
    st.tuples(WORD, WORD),
)


def raw_table(*entries: bytes, version: int = 1, reserved: tuple[int, int] = (0, 0)) -> bytes:
    """Lay out entries one after the other, without a gap and without a judgement."""
    offsets = []
    at = 16 + 4 * len(entries)
    for entry in entries:
        offsets.append(at)
        at += len(entry)
    head = struct.pack("<4I", version, len(entries), *reserved)
    return head + struct.pack(f"<{len(offsets)}I", *offsets) + b"".join(entries)


def raw_carveout(name: bytes = b"c", *, da: int = 0xFFFFFFFF, size: int = 0x1000, reserved: int = 0) -> bytes:
    """Return a carveout entry."""
    return struct.pack("<6I32s", 0, da, 0, size, 0, reserved, name)


def raw_devmem(*, reserved: int = 0) -> bytes:
    """Return a devmem entry."""
    return struct.pack("<6I32s", 1, 0x1000, 0x1000, 0x1000, 3, reserved, b"d")


def raw_trace(*, reserved: int = 0, da: int = 0x1000, size: int = 0x1000, name: bytes = b"t") -> bytes:
    """Return a trace entry."""
    return struct.pack("<4I32s", 2, da, size, reserved, name)


def raw_vring(num: int = 256, align: int = 16, da: int = 0xFFFFFFFF, notifyid: int = 0) -> bytes:
    """Return a vring descriptor."""
    return struct.pack("<5I", da, align, num, notifyid, 0)


def raw_vdev(
    *vrings: bytes,
    id_: int = 7,
    notifyid: int = 0,
    dfeatures: int = 1,
    config: bytes = b"",
    config_len: int | None = None,
    num: int | None = None,
    reserved: bytes = b"\0\0",
) -> bytes:
    """Return a vdev entry; counts default to the truth."""
    claimed = len(config) if config_len is None else config_len
    counts = bytes((0, len(vrings) if num is None else num))
    head = struct.pack("<6I", 3, id_, notifyid, dfeatures, 0, claimed) + counts + reserved
    return head + b"".join(vrings) + config
