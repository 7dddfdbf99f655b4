# SPDX-License-Identifier: Apache-2.0
"""The bytes on the wire, compared with vectors written down from the layout, not computed here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpmsg import Header, NsMessage, WireError
from tests.rpmsg.peer import Peer

NS_CREATE = bytes.fromhex(
    "00040000 35000000 00000000 28000000"
    "72706d73 672d636c 69656e74 2d73616d"
    "706c6500 00000000 00000000 00000000"
    "00040000 00000000"
)
HELLO = bytes.fromhex("00040000 01040000 00000000 0c000000 68656c6c 6f20776f 726c6421")


def test_name_service_create_is_byte_for_byte_the_vector() -> None:
    ns = NsMessage(b"rpmsg-client-sample", 0x400, 0).pack()
    assert Header(0x400, 53, 0, len(ns), 0).pack() + ns == NS_CREATE
    assert NsMessage.unpack(NS_CREATE[16:]) == NsMessage(b"rpmsg-client-sample", 0x400, 0)


def test_a_sent_message_is_byte_for_byte_the_vector(peer: Peer) -> None:
    with peer.bus.create_endpoint(dst=0x401) as ept:
        assert ept.addr == 0x400
        ept.send(b"hello world!")
    chain = peer.from_host.take()
    assert chain is not None and chain.parts[0].size == 16 + 12
    assert bytes(peer.memory.view(chain.parts[0].da, 28)) == HELLO


@given(st.tuples(*[st.integers(0, 2**32 - 1)] * 3, *[st.integers(0, 2**16 - 1)] * 2))
def test_a_header_reads_back_as_written(fields: tuple[int, int, int, int, int]) -> None:
    header = Header(*fields)
    assert Header.unpack(header.pack()) == header and len(header.pack()) == 16


@given(
    st.binary(max_size=31).filter(lambda name: 0 not in name),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_a_name_service_message_reads_back_as_written(name: bytes, addr: int, flags: int) -> None:
    assert NsMessage.unpack(NsMessage(name, addr, flags).pack()) == NsMessage(name, addr, flags)


@given(st.binary(max_size=80))
def test_unpacking_anything_gives_a_message_or_a_wire_error(data: bytes) -> None:
    if len(data) == 40:
        assert len(NsMessage.unpack(data).name) <= 31
    else:
        with pytest.raises(WireError):
            NsMessage.unpack(data)


def test_a_name_of_32_bytes_is_cut_to_31_and_marked() -> None:
    assert NsMessage.unpack(b"n" * 32 + bytes(8)) == NsMessage(b"n" * 31, 0, 0, terminated=False)


def test_a_name_too_long_is_refused_when_packing() -> None:
    with pytest.raises(WireError):
        NsMessage(b"n" * 32, 0, 0).pack()
