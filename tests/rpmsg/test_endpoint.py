# SPDX-License-Identifier: Apache-2.0
"""Send and receive through the public API, over the real rings; the peer is the other end of them."""

import errno
import threading
from array import array
from functools import partial
from typing import Any

import numpy as np
import pytest

import rpmsg.endpoint
from rpmsg import (
    AddressError,
    BusConfig,
    DeadlineError,
    Endpoint,
    EndpointClosedError,
    Message,
    MessageTooLongError,
    PeerGoneError,
    WouldBlockError,
)
from rpmsg._native import lib as native_lib
from tests.rpmsg.peer import NUM, Peer, running_peer, until


def queued(ept: Endpoint, count: int) -> bool:
    return ept.stats.queued == count


def arrived(ept: Endpoint, count: int) -> bool:
    return ept.stats.rx_messages == count


def drain(peer: Peer) -> list[bytes]:
    got = []
    while (message := peer.receive()) is not None:
        got.append(message[1])
    return got


# ---- send ----


def test_every_kind_of_bytes_can_be_sent(peer: Peer, ept: Endpoint) -> None:
    for data in (b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4], b""):
        ept.send(data)
    assert drain(peer) == [b"abc", b"abc", b"abc", b""]


def test_the_destination_of_one_message_can_be_overridden(peer: Peer, ept: Endpoint) -> None:
    ept.send(b"x", dst=99)
    message = peer.receive()
    assert message is not None and (message[0].src, message[0].dst) == (ept.addr, 99)


def test_a_message_above_the_mtu_is_refused_with_emsgsize(ept: Endpoint) -> None:
    assert ept.mtu == 496
    ept.send(bytes(496))
    with pytest.raises(MessageTooLongError, match="497, at most 496") as caught:
        ept.send(bytes(497))
    assert (caught.value.errno, caught.value.length, caught.value.limit) == (errno.EMSGSIZE, 497, 496)
    assert caught.value.hint


def test_without_destination_send_is_refused_with_einval(peer: Peer) -> None:
    with peer.bus.create_endpoint() as ept, pytest.raises(AddressError) as caught:
        ept.send(b"x")
    assert caught.value.errno == errno.EINVAL


def test_without_a_free_buffer_try_send_gives_eagain_and_send_times_out(peer: Peer, ept: Endpoint) -> None:
    for _ in range(NUM):
        ept.try_send(b"x")
    with pytest.raises(BlockingIOError) as caught:
        ept.try_send(b"x")
    assert caught.value.errno == errno.EAGAIN
    with pytest.raises(WouldBlockError):
        ept.send(b"x", timeout=0)
    with pytest.raises(DeadlineError):
        ept.send(b"x", timeout=0.01)
    assert len(drain(peer)) == NUM
    ept.try_send(b"y")


def test_a_blocked_send_goes_on_when_the_core_returns_a_buffer(peer: Peer, ept: Endpoint) -> None:
    for _ in range(NUM):
        ept.send(b"x")
    sender = threading.Thread(target=ept.send, args=(b"last",))
    sender.start()
    got: list[bytes] = []
    while sender.is_alive():
        got += drain(peer)
    sender.join()
    got += drain(peer)
    assert got == [b"x"] * NUM + [b"last"]


def test_send_many_takes_bytes_and_rows_of_an_array(peer: Peer, ept: Endpoint) -> None:
    assert ept.send_many([b"a", b"", b"ccc"]) == 3
    assert ept.send_many(np.arange(6, dtype=np.uint8).reshape(3, 2)) == 3
    assert ept.send_many([]) == 0
    assert drain(peer) == [b"a", b"", b"ccc", b"\0\1", b"\2\3", b"\4\5"]


def test_send_many_tells_how_many_went_before_the_time_was_over(peer: Peer, ept: Endpoint) -> None:
    assert ept.send_many([b"x"] * (NUM + 5), timeout=0.01) == NUM
    with pytest.raises(DeadlineError):
        ept.send_many([b"x"], timeout=0.01)
    assert len(drain(peer)) == NUM


def test_send_many_refuses_messages_whose_length_is_not_in_bytes(peer: Peer, ept: Endpoint) -> None:
    words: Any = memoryview(array("H", [1, 2]))
    with pytest.raises(ValueError, match="counts something else"):
        ept.send_many([words])
    assert drain(peer) == []


# ---- receive ----


def test_a_message_is_received_with_its_source(peer: Peer, ept: Endpoint) -> None:
    peer.send(42, ept.addr, b"hello")
    assert ept.recv(timeout=20.0) == Message(42, b"hello")


def test_recv_polls_with_timeout_0_and_times_out_else(ept: Endpoint) -> None:
    with pytest.raises(BlockingIOError) as caught:
        ept.recv(timeout=0)
    assert caught.value.errno == errno.EAGAIN
    with pytest.raises(TimeoutError):
        ept.recv(timeout=0.01)


@pytest.mark.parametrize("timeout", [float("inf"), 1e30])
def test_a_time_beyond_the_clock_is_for_ever(peer: Peer, ept: Endpoint, timeout: float) -> None:
    ept.send(b"x", timeout=timeout)
    peer.send(42, ept.addr, b"y")
    assert ept.recv(timeout=timeout).data == b"y"


def test_a_time_that_is_no_number_is_refused(ept: Endpoint) -> None:
    with pytest.raises(ValueError, match="NaN"):
        ept.recv(timeout=float("nan"))


def test_recv_many_returns_what_is_there(peer: Peer, ept: Endpoint) -> None:
    for number in range(5):
        peer.send(number, ept.addr, bytes(number))
    until(lambda: ept.stats.queued == 5)
    assert ept.recv_many(3, timeout=20.0) == [Message(n, bytes(n)) for n in range(3)]
    assert ept.recv_many(timeout=20.0) == [Message(n, bytes(n)) for n in (3, 4)]


@pytest.mark.parametrize("number", [0, -1])
def test_a_batch_of_none_is_refused(ept: Endpoint, number: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ept.recv_many(number)


def test_recv_into_fills_a_structured_array(peer: Peer, ept: Endpoint) -> None:
    out = np.zeros(8, dtype=ept.dtype)
    for number in range(3):
        peer.send(number, ept.addr, bytes([number] * 4))
    until(lambda: ept.stats.queued == 3)
    assert ept.recv_into(out, timeout=20.0) == 3
    assert out["src"][:3].tolist() == [0, 1, 2] and out["len"][:3].tolist() == [4, 4, 4]
    assert out["data"][2, :4].tolist() == [2, 2, 2, 2]
    for bad in (np.zeros(3), out[::2], out.reshape(2, 4), out[:0]):
        with pytest.raises(ValueError, match=r"Endpoint\.dtype"):
            ept.recv_into(bad)


def test_two_threads_in_recv_get_one_message_each(peer: Peer, ept: Endpoint) -> None:
    got: list[Message] = []
    threads = [threading.Thread(target=lambda: got.append(ept.recv(timeout=60.0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        peer.send(1, ept.addr, bytes([number]))
    for thread in threads:
        thread.join()
    assert sorted(message.data for message in got) == [b"\0", b"\1", b"\2", b"\3"]


def test_messages_queue_while_the_program_does_something_else(peer: Peer, ept: Endpoint) -> None:
    for number in range(4 * NUM):
        peer.send(1, ept.addr, bytes([number]))
        until(partial(queued, ept, number + 1))
    until(lambda: ept.stats.queued == 4 * NUM)
    assert [ept.recv().data[0] for _ in range(4 * NUM)] == list(range(4 * NUM))


def test_a_full_inbox_drops_the_newest() -> None:
    with running_peer(BusConfig(inbox=3)) as peer, peer.bus.create_endpoint(dst=7) as ept:
        for number in range(5):
            peer.send(1, ept.addr, bytes([number]))
        until(lambda: ept.stats.dropped == 2)
        assert [ept.recv(timeout=0).data[0] for _ in range(3)] == [0, 1, 2]
        assert peer.bus.statistics().inbox_full == 2


def test_an_inbox_of_large_messages_is_full_at_16_mib() -> None:
    with running_peer(BusConfig(buffer_size=65536, num=4)) as peer, peer.bus.create_endpoint(dst=7) as ept:
        data = bytes(65520)
        for number in range(300):
            peer.send(1, ept.addr, data)
            until(partial(arrived, ept, number + 1))
        assert 250 <= ept.stats.queued <= 256


def test_a_message_for_nobody_is_counted_and_logged_once(peer: Peer, ept: Endpoint) -> None:
    for _ in range(3):
        peer.send(1, 0x999, b"?")
    until(lambda: peer.bus.statistics().no_recipient == 3)
    peer.send(1, ept.addr, b"!")
    assert ept.recv(timeout=20.0).data == b"!"
    until(lambda: any("no recipient" in line.text for line in peer.log.lines))
    assert sum("no recipient" in line.text for line in peer.log.lines) == 1


# ---- views ----


def test_a_view_shows_the_message_where_it_lies_and_gives_the_buffer_back(peer: Peer, ept: Endpoint) -> None:
    result: list[tuple[int, bytes, bool]] = []

    def receive() -> None:
        with ept.view(timeout=60.0) as view:
            result.append((view.src, bytes(view.data), view.data.readonly))
            held.append(peer.bus.statistics().held)

    held: list[int] = []
    thread = threading.Thread(target=receive)
    thread.start()
    peer.send(5, ept.addr, b"borrowed")
    thread.join()
    assert result == [(5, b"borrowed", True)] and peer.bus.statistics().held == 0


def test_a_released_view_cannot_be_read(peer: Peer, ept: Endpoint) -> None:
    peer.send(5, ept.addr, b"x")
    view = ept.view(timeout=20.0)
    view.release()
    view.release()
    with pytest.raises(ValueError, match="released"):
        bytes(view.data)


def test_a_view_outlives_the_core_and_its_memory() -> None:
    with running_peer() as peer, peer.bus.create_endpoint(dst=7) as ept:
        peer.send_raw(bytes.fromhex("05000000 00040000 00000000 0400 0000") + b"keep", ring=False)
        view = ept.view(timeout=20.0)
        peer.lifeline.cut()
    assert bytes(view.data) == b"keep"
    view.release()


# ---- end ----


def test_after_the_core_is_gone_queued_messages_come_first_then_epipe(peer: Peer, ept: Endpoint) -> None:
    peer.send(1, ept.addr, b"last words")
    until(lambda: ept.stats.queued == 1)
    peer.lifeline.cut()
    assert ept.recv().data == b"last words"
    for call in (ept.recv, lambda: ept.send(b"x"), ept.recv_many, ept.view):
        with pytest.raises(PeerGoneError) as caught:
            call()
        assert caught.value.errno == errno.EPIPE


def test_a_thread_in_recv_is_woken_by_the_end_of_the_core(peer: Peer, ept: Endpoint) -> None:
    caught: list[BaseException] = []

    def receive() -> None:
        try:
            ept.recv()
        except BrokenPipeError as error:
            caught.append(error)

    thread = threading.Thread(target=receive)
    thread.start()
    peer.lifeline.cut()
    thread.join()
    assert len(caught) == 1


def test_a_closed_endpoint_refuses_everything_and_frees_its_address(peer: Peer, ept: Endpoint) -> None:
    ept.close()
    ept.close()
    for call in (ept.recv, ept.recv_many, lambda: ept.send(b"x"), ept.fileno, ept.view):
        with pytest.raises(EndpointClosedError):
            call()
    assert ept.closed and "closed" in repr(ept)
    with peer.bus.create_endpoint() as again:
        assert again.addr == ept.addr


def test_addresses_in_use_or_out_of_range_are_refused(peer: Peer, ept: Endpoint) -> None:
    for addr, number in ((ept.addr, errno.EADDRINUSE), (53, errno.EADDRINUSE), (0x8000_0000, errno.EINVAL)):
        with pytest.raises(AddressError) as caught:
            peer.bus.create_endpoint(addr)
        assert caught.value.errno == number


def test_without_a_device_there_is_no_endpoint(peer: Peer) -> None:
    peer.device.unregister(crashed=True)
    with pytest.raises(PeerGoneError):
        peer.bus.create_endpoint()
    assert peer.bus.channels == []
    peer.device.register([peer.bus])


# ---- cost ----


class Counting:
    """The native half, with its calls counted by name."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self._lib, name)


def test_one_native_call_for_each_message_or_batch(
    peer: Peer, ept: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = Counting(native_lib)
    peer.send(1, ept.addr, b"x")
    peer.send(1, ept.addr, b"x")
    until(lambda: ept.stats.queued == 2)
    monkeypatch.setattr(rpmsg.endpoint, "lib", lib)
    ept.send(b"x")
    ept.recv(timeout=1.0)
    ept.send_many([b"x"] * 10)
    ept.recv_many(timeout=1.0)
    assert lib.calls == ["rp_send", "rp_recv", "rp_send_many", "rp_recv"]
