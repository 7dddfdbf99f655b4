# SPDX-License-Identifier: Apache-2.0
"""Every play by a live hostile process core, with a healthy core beside it."""

import contextlib
import gc
import os
import signal
from collections.abc import Iterator

import pytest

from resource_tables import TableError
from rpmsg import Endpoint, PeerGoneError
from rproc import State
from tests.hostile.live import LIMIT, Play, Stage, eventually, holdings, is_alive, list_plays

PLAYS = list_plays()
NAMED = {play.name: play for play in PLAYS}
CHILDREN = ("child_in_session", "child_of_its_own")

#: What the log of the core says, by rule.
LINES = {
    "MSG_USED_LEN": "inbound msg too big",
    "MSG_SHORT": "inbound msg too big",
    "MSG_LEN": "inbound msg too big",
    "NS_LENGTH": "malformed ns msg",
    "NS_NAME": "without a terminating NUL",
    "NS_ADDR": "cannot have the address ANY",
    "NS_FLAGS": "unknown flags",
    "NS_DUPLICATE": "already exist",
    "NS_UNKNOWN": "rpmsg_destroy_channel failed",
    "NS_FLOOD": "too many channels",
    "BELL_STORM": "doorbell",
}


def named(*names: str) -> list[object]:
    return [pytest.param(NAMED[name], id=name) for name in names]


@pytest.fixture(scope="module")
def _warm() -> None:
    """Start what lives as long as the process, such as the service thread."""
    with Stage(None) as stage:
        stage.check_echo()


@pytest.fixture(autouse=True)
def _nothing_left(_warm: None) -> Iterator[None]:
    gc.collect()
    before = holdings()
    yield
    gc.collect()
    assert eventually(lambda: holdings() <= before), f"left over: {holdings() - before}"


def begin(stage: Stage, *, hold: bool = False) -> Endpoint:
    """Boot the hostile core and exchange a message with it, which is held if asked for; then let it play."""
    ept = stage.hostile.open("hostile")
    while True:
        ept.send(b"before")
        view = ept.view(timeout=LIMIT)
        assert bytes(view.data) == b"before"
        # Queued before the call, it is a copy: then there is nothing to hold.
        if not hold or view._buffer is not None:
            break
    if not hold:
        view.release()
    ept.send(b"play")
    return ept


def send_until_reaped(ept: Endpoint, play: Play) -> None:
    """Use all transmit buffers, so that the host looks at the ring of returned ones."""
    # Those of "before" and "play" come back from any core, the others from none that is silent.
    for _ in range(40 if play.is_fatal else 8 + play.count):
        try:
            ept.send(b"x", timeout=LIMIT)
        except PeerGoneError:
            return


def finish(ept: Endpoint) -> list[bytes]:
    """Return the messages that the play made, up to "after"."""
    messages: list[bytes] = []
    while not messages or messages[-1] != b"after":
        messages.append(ept.recv(timeout=LIMIT).data)
    return messages[:-1]


def check_crash(stage: Stage, ept: Endpoint, play: Play) -> None:
    rproc = stage.hostile.rproc
    rproc.wait_state(State.CRASHED, LIMIT)
    crash = rproc.crash
    assert crash is not None
    assert crash.exit is not None
    if play.rule == "NONE":
        assert crash.exit.kind == "hangup"
    else:
        assert crash.exit.kind == "violation"
        assert crash.exit.rule == play.rule
        assert play.rule in crash.cause
        assert stage.hostile.logged(LINES.get(play.rule, f"[{play.rule}]"))
    assert stage.hostile.logged("crash detected in hostile: type fatal error")
    # What was queued before is still there, then the end.
    with pytest.raises(PeerGoneError):
        while True:
            ept.recv(timeout=LIMIT)


def check_counts(stage: Stage, play: Play, messages: list[bytes]) -> None:
    hostile = stage.hostile
    statistics = hostile.bus.statistics()
    counted = statistics.violations.get(play.rule, 0)
    assert hostile.rproc.state is State.RUNNING
    assert set(statistics.violations) <= {play.rule}
    assert statistics.no_recipient == (play.outcome == "stray")
    if play.outcome == "stray":
        assert eventually(lambda: hostile.logged("msg received with no recipient"))
    elif play.outcome == "either":
        assert messages == [b"flipflip"] * len(messages)
        assert len(messages) + counted == play.count
    elif play.outcome == "ignored":
        assert counted == 0
    elif play.group == "message":
        assert counted == play.count
    if counted:
        assert eventually(lambda: hostile.logged(LINES[play.rule]))


def look_at_everything(stage: Stage) -> None:
    """What a user may ask for must not fail in another way than documented."""
    rproc = stage.hostile.rproc
    with contextlib.suppress(TableError):
        str(rproc.table)
    assert len(rproc.trace(0).read()) <= 0x10000
    assert all(line.text.isprintable() for line in stage.log.lines)
    for channel in stage.hostile.bus.channels:
        assert str(channel)


@pytest.mark.parametrize("play", [pytest.param(p, id=p.name) for p in PLAYS if p.name not in CHILDREN])
def test_play_ends_as_listed_and_another_core_goes_on(play: Play) -> None:
    with Stage(play.name) as stage:
        stage.check_echo()
        ept = begin(stage, hold=play.host_holds)
        if play.host_sends:
            send_until_reaped(ept, play)
        if play.is_fatal:
            check_crash(stage, ept, play)
        else:
            if play.outcome == "dropped":
                # Before this thread sleeps in recv and takes the bells upon itself.
                assert eventually(lambda: stage.hostile.violations().get(play.rule, 0) > 0)
            check_counts(stage, play, finish(ept))
            look_at_everything(stage)
            if not play.silent:
                ept.send(b"again")
                assert ept.recv(timeout=LIMIT).data == b"again"
        stage.check_echo()
        stage.hostile.rproc.shutdown()
        assert stage.hostile.rproc.state is State.OFFLINE
        stage.check_echo()


@pytest.mark.parametrize(
    "play",
    named("used_len_513", "used_len_15", "header_len_65535", "ns_39_bytes", "ns_duplicate", "bell_storm"),
)
def test_on_violation_crash_makes_a_dropped_message_fatal(play: Play) -> None:
    with Stage(play.name, on_violation="crash") as stage:
        ept = begin(stage)
        check_crash(stage, ept, play)
        stage.check_echo()


@pytest.mark.parametrize("play", named("dst_unknown", "src_any", "ns_name_terminal_escapes"))
def test_on_violation_crash_leaves_what_breaks_no_rule(play: Play) -> None:
    with Stage(play.name, on_violation="crash") as stage:
        ept = begin(stage)
        check_counts(stage, play, finish(ept))
        ept.send(b"again")
        assert ept.recv(timeout=LIMIT).data == b"again"
        assert stage.hostile.rproc.crash is None


def child_of(ept: Endpoint) -> int:
    """Return the process number of the child that the play left behind."""
    (message,) = finish(ept)
    word, _, number = message.decode().partition(" ")
    assert word == "pid"
    return int(number)


def test_child_in_the_core_s_session_ends_with_it() -> None:
    with Stage("child_in_session") as stage:
        pid = child_of(begin(stage))
        assert is_alive(pid)
        stage.hostile.rproc.shutdown()
        assert eventually(lambda: not is_alive(pid))
        stage.check_echo()


def test_child_that_escapes_and_scribbles_reaches_only_the_memory_of_the_old_boot() -> None:
    with Stage("child_of_its_own") as stage:
        hostile = stage.hostile
        pid = child_of(begin(stage))
        try:
            hostile.rproc.shutdown()
            assert is_alive(pid)
            ept = hostile.open("hostile")
            for number in range(200):
                text = f"again {number}".encode()
                ept.send(text)
                assert ept.recv(timeout=LIMIT).data == text
            assert hostile.violations() == {}
            stage.check_echo()
            assert is_alive(pid)
        finally:
            os.kill(pid, signal.SIGKILL)


def test_a_crashed_core_boots_again_with_fresh_rings() -> None:
    with Stage("rx_used_idx_plus_ring") as stage:
        for _ in range(3):
            ept = begin(stage)
            check_crash(stage, ept, NAMED["rx_used_idx_plus_ring"])
            stage.hostile.rproc.shutdown()
        stage.check_echo()


def test_a_thread_that_sleeps_in_recv_gets_its_message_through_a_bell_storm() -> None:
    with Stage("bell_storm") as stage:
        ept = begin(stage)
        assert ept.recv(timeout=LIMIT).data == b"after"
        stage.check_echo()


def test_at_least_thirty_plays_break_a_rule() -> None:
    assert len([play for play in PLAYS if play.rule != "NONE"]) >= 30
