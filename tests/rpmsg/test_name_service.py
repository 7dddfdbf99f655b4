# SPDX-License-Identifier: Apache-2.0
"""Announcements: what makes a channel, what is refused under which rule, and what the program notices."""

from functools import partial

import pytest

from rpmsg import ADDR_ANY, BusConfig, DeadlineError, PeerGoneError
from tests.rpmsg.peer import Peer, running_peer, until


def counted(peer: Peer, rule: str) -> int:
    return peer.bus.statistics().violations.get(rule, 0)


def names(peer: Peer) -> list[tuple[str, int]]:
    return [(channel.name, channel.dst) for channel in peer.bus.channels]


def logged(peer: Peer, text: str) -> bool:
    return any(text in line.text for line in peer.log.lines)


def test_an_announcement_makes_a_channel_with_linux_log_line(peer: Peer) -> None:
    peer.announce(b"rpmsg-echo", 0x400)
    channel = peer.bus.wait_channel("rpmsg-echo", timeout=20.0)
    assert (channel.src, channel.dst) == (ADDR_ANY, 0x400)
    assert channel.device_name == "virtio0.rpmsg-echo.-1.1024"
    assert str(peer.log.lines[-1]).endswith(
        "virtio_rpmsg_bus virtio0: creating channel rpmsg-echo addr 0x400"
    )


def test_the_same_name_at_another_address_is_a_second_channel(peer: Peer) -> None:
    peer.announce(b"svc", 0x400)
    peer.announce(b"svc", 0x401)
    until(lambda: names(peer) == [("svc", 0x400), ("svc", 0x401)])


def test_a_destroyed_channel_ends_its_endpoints_with_epipe(peer: Peer) -> None:
    peer.announce(b"svc", 0x400)
    channel = peer.bus.wait_channel("svc", timeout=20.0)
    with channel.open() as ept, peer.bus.create_endpoint(dst=7) as other:
        peer.announce(b"svc", 0x400, flags=1)
        with pytest.raises(PeerGoneError):
            ept.recv(timeout=20.0)
        with pytest.raises(BrokenPipeError):
            ept.send(b"x")
        other.send(b"x")
    with pytest.raises(PeerGoneError):
        channel.open()
    assert channel.gone and names(peer) == []


def test_a_device_without_the_feature_has_no_name_service() -> None:
    with running_peer(features=0) as peer:
        peer.announce(b"svc", 0x400)
        until(lambda: peer.bus.statistics().no_recipient == 1)
        until(lambda: logged(peer, "msg received with no recipient"))
        assert names(peer) == []


@pytest.mark.parametrize(
    ("payload", "rule", "line"),
    [
        (bytes(39), "NS_LENGTH", "malformed ns msg (39)"),
        (bytes(41), "NS_LENGTH", "malformed ns msg (41)"),
        (b"", "NS_LENGTH", "malformed ns msg (0)"),
        (b"a" + bytes(31) + b"\xff\xff\xff\xff" + bytes(4), "NS_ADDR", "address ANY"),
        (
            b"nobody" + bytes(26) + b"\0\x04\0\0" + b"\1\0\0\0",
            "NS_UNKNOWN",
            "rpmsg_destroy_channel failed: -22",
        ),
    ],
)
def test_a_bad_announcement_is_dropped_logged_and_counted(
    peer: Peer, payload: bytes, rule: str, line: str
) -> None:
    peer.send(0x400, 53, payload)
    until(lambda: (rule, False) in peer.violations)
    assert counted(peer, rule) == 1 and logged(peer, line) and names(peer) == []
    peer.announce(b"good", 0x500)
    peer.bus.wait_channel("good", timeout=20.0)


@pytest.mark.parametrize(
    ("payload", "rule", "name"),
    [
        (b"n" * 32 + b"\0\x04\0\0" + bytes(4), "NS_NAME", "n" * 31),
        (b"flags" + bytes(27) + b"\0\x04\0\0" + b"\xfe\xff\xff\xff", "NS_FLAGS", "flags"),
    ],
)
def test_what_linux_tolerates_makes_a_channel_and_is_counted(
    peer: Peer, payload: bytes, rule: str, name: str
) -> None:
    peer.send(0x400, 53, payload)
    until(lambda: names(peer) == [(name, 0x400)])
    until(lambda: counted(peer, rule) == 1)


def test_a_duplicate_announcement_changes_nothing_and_is_counted(peer: Peer) -> None:
    peer.announce(b"svc", 0x400)
    peer.announce(b"svc", 0x400)
    until(lambda: counted(peer, "NS_DUPLICATE") == 1)
    assert names(peer) == [("svc", 0x400)]
    assert [(line.level, line.text) for line in peer.log.lines[-3:]] == [
        (6, "creating channel svc addr 0x400"),
        (3, "channel svc:ffffffff:400 already exist"),
        (3, "rpmsg_create_channel failed"),
    ]


def handled(peer: Peer, announcements: int) -> bool:
    return len(names(peer)) + counted(peer, "NS_FLOOD") == announcements


def test_a_flood_of_announcements_stops_at_max_channels() -> None:
    with running_peer(BusConfig(max_channels=3)) as peer:
        for number in range(5):
            peer.announce(b"svc", 0x400 + number)
            until(partial(handled, peer, number + 1))
        assert len(names(peer)) == 3 and counted(peer, "NS_FLOOD") == 2


def test_a_name_with_terminal_escapes_is_harmless_in_the_log(peer: Peer) -> None:
    peer.announce(b"\x1b[31mred\xff\n", 0x400)
    until(lambda: len(names(peer)) == 1)
    text = str(peer.log.lines[-1])
    assert "\x1b" not in text and "\n" not in text and "\\x1b" in text


def test_waiting_for_a_channel_names_those_that_were_announced(peer: Peer) -> None:
    peer.announce(b"other", 0x400)
    until(lambda: names(peer) == [("other", 0x400)])
    with pytest.raises(DeadlineError, match=r"'missing'.*announced: other \(addr 0x400\)"):
        peer.bus.wait_channel("missing", timeout=0.01)


def test_listeners_hear_of_channels_come_and_gone(peer: Peer) -> None:
    heard: list[tuple[str, str]] = []
    end = peer.bus.subscribe(lambda event, channel: heard.append((event, channel.name)))
    peer.announce(b"svc", 0x400)
    peer.announce(b"svc", 0x400, flags=1)
    until(lambda: heard == [("created", "svc"), ("destroyed", "svc")])
    end()
    peer.announce(b"svc", 0x400)
    until(lambda: names(peer) == [("svc", 0x400)])
    assert len(heard) == 2
