# SPDX-License-Identifier: Apache-2.0
"""Probe, buffers, violations of the rings, and removal."""

import struct
from functools import partial
from typing import Any

import pytest

from rpmsg import BusConfig, Endpoint, PeerGoneError
from tests.rpmsg.peer import POOL_DA, RX_DA, Peer, running_peer, until


def test_all_receive_buffers_are_posted_in_order_before_driver_ok(peer: Peer) -> None:
    chains = [peer.to_host.take() for _ in range(16)]
    assert peer.to_host.take() is None
    assert [chain.id for chain in chains if chain] == list(range(16))
    parts = [chain.parts[0] for chain in chains if chain]
    assert [part.da for part in parts] == [POOL_DA + 512 * n for n in range(16)]
    assert all(part.size == 512 and part.device_writes for part in parts)
    assert peer.table.status == 7 and peer.table.accepted == 1


def test_transmit_buffers_follow_the_receive_half_and_are_used_ascending_then_recycled(peer: Peer) -> None:
    with peer.bus.create_endpoint(dst=7) as ept:
        seen = []
        for _ in range(20):
            ept.send(b"x")
            chain = peer.from_host.take()
            assert chain is not None
            seen.append((chain.parts[0].da - POOL_DA) // 512)
            peer.from_host.give(chain.id, 17)
            peer.from_host.publish()
    assert seen == [*range(16, 32), *range(16, 20)]


def test_the_core_is_kicked_once_when_it_may_send(peer: Peer) -> None:
    assert peer.bells.kicks == 1
    assert "rpmsg host is online" in str(peer.log.lines[0])


@pytest.mark.parametrize(
    ("config", "ring", "buffers"),
    [
        (BusConfig(), 16, 32 * 512),
        (BusConfig(), 256, 512 * 512),
        (BusConfig(), 1024, 512 * 512),
        (BusConfig(num=8, buffer_size=2048), 16, 16 * 2048),
    ],
)
def test_the_buffer_area_is_sized_as_in_linux(config: BusConfig, ring: int, buffers: int) -> None:
    with running_peer() as peer:
        peer.bus.config = config
        assert peer.bus.buffers(ring) == buffers


def test_other_buffer_sizes_and_counts_carry_larger_messages() -> None:
    with (
        running_peer(BusConfig(buffer_size=65536, num=4)) as peer,
        peer.bus.create_endpoint(dst=7) as ept,
    ):
        assert ept.mtu == 65520
        data = bytes(range(256)) * 255 + bytes(240)
        ept.send(data)
        message = peer.receive()
        assert message is not None and message[1] == data
        peer.send(1, ept.addr, data)
        assert ept.recv(timeout=20.0).data == data


@pytest.mark.parametrize(
    "bad", [{"buffer_size": 16}, {"buffer_size": 500}, {"num": 0}, {"inbox": 0}, {"spin_us": -1}]
)
def test_an_impossible_configuration_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|counts|multiple"):
        BusConfig(**bad)


def refused(peer: Peer, rule: str, times: int) -> bool:
    return peer.bus.statistics().violations.get(rule, 0) == times


@pytest.mark.parametrize(
    ("used_len", "length", "rule"),
    [
        (513, 4, "MSG_USED_LEN"),
        (2**32 - 1, 4, "MSG_USED_LEN"),
        (15, 4, "MSG_SHORT"),
        (0, 4, "MSG_SHORT"),
        (20, 5, "MSG_LEN"),
    ],
)
def test_a_malformed_message_is_dropped_and_its_buffer_returned(
    peer: Peer, used_len: int, length: int, rule: str
) -> None:
    header = bytes.fromhex("01000000 00040000 00000000") + length.to_bytes(2, "little") + bytes(2)
    with peer.bus.create_endpoint(dst=7) as ept:
        for _ in range(20):
            seen = peer.bus.statistics().violations.get(rule, 0)
            peer.send_raw(header + b"data", used_len)
            until(partial(refused, peer, rule, seen + 1))
        peer.send(1, ept.addr, b"good")
        assert ept.recv(timeout=20.0).data == b"good"
    until(lambda: (rule, False) in peer.violations)
    shown = -1 if used_len == 2**32 - 1 else used_len
    assert any(f"inbound msg too big: ({shown}, {length})" in line.text for line in peer.log.lines)


def test_a_broken_ring_is_fatal_and_names_its_rule(peer: Peer) -> None:
    with peer.bus.create_endpoint(dst=7) as ept:
        # The used ring of 16 descriptors aligned to 64: flags, idx 1, and one entry with an id that is none.
        peer.memory.view(RX_DA + 320, 12)[:] = struct.pack("<HHII", 0, 1, 99, 0)
        peer.ring()
        with pytest.raises(PeerGoneError):
            ept.recv(timeout=20.0)
    until(lambda: ("USED_ID_RANGE", True) in peer.violations)
    assert peer.bus.statistics().broken == "USED_ID_RANGE"


def test_a_core_that_rings_without_work_is_counted_and_throttled(peer: Peer) -> None:
    with peer.bus.create_endpoint(dst=7) as ept:

        def storm() -> bool:
            for _ in range(1000):
                peer.ring()
            return ("BELL_STORM", False) in peer.violations

        until(storm)
        answered = peer.bus.statistics().empty_bells
        for _ in range(20000):
            peer.ring()
        assert peer.bus.statistics().empty_bells - answered < 5000
        peer.send(1, ept.addr, b"good")
        assert ept.recv(timeout=20.0).data == b"good"


def test_after_removal_nothing_answers_and_a_new_probe_works(peer: Peer) -> None:
    ept = peer.bus.create_endpoint(dst=7)
    peer.device.unregister(crashed=False)
    with pytest.raises(PeerGoneError):
        ept.recv()
    with pytest.raises(PeerGoneError):
        peer.bus.statistics()
    peer.device.register([peer.bus])
    with peer.bus.create_endpoint(dst=7) as again:
        again.send(b"x")


def test_what_opens_endpoints_can_be_exchanged_for_a_subclass() -> None:
    class Watched(Endpoint):
        """Thread safety: any thread."""

    with running_peer(BusConfig(make_endpoint=Watched)) as peer:
        peer.announce(b"svc", 0x400)
        with peer.bus.wait_channel("svc", timeout=20.0).open() as one, peer.bus.create_endpoint(dst=7) as two:
            assert (type(one), type(two)) == (Watched, Watched)
            assert (one.name, one.dst, two.dst) == ("svc", 0x400, 7)
            one.send(b"x")
