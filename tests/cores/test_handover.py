# SPDX-License-Identifier: Apache-2.0
"""What a hostile core can say over the control socket."""

import errno
import re
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cores
from cores import CoreRefusedError, CoreViolationError
from cores.handover import BURST_MESSAGES, Conversation, CtlType, Phase, parse
from rproc.state import State
from tests.cores.conftest import MakeBench

HEADER = Path(__file__).parents[2] / "sdk" / "include" / "ecusdk" / "rules.h"

#: What liar.c says, and the rule that it breaks thereby.
LIES = {
    "empty": "CTL_SIZE",
    "short": "CTL_SIZE",
    "size": "CTL_SIZE",
    "huge": "CTL_SIZE",
    "fault_short": "CTL_SIZE",
    "text_length": "CTL_SIZE",
    "type": "CTL_TYPE",
    "stopped": "CTL_STATE",
    "stepped": "CTL_STATE",
    "reset_done": "CTL_STATE",
    "ready": "CTL_STATE",
    "fds": "CTL_FDS",
    "flood": "CTL_FLOOD",
}
#: The first of two READYs is good, so that the second may be heard before or after boot returns.
LIES_BEFORE_READY = [(lie, rule) for lie, rule in LIES.items() if lie != "ready"]


@pytest.mark.parametrize(("lie", "rule"), LIES_BEFORE_READY)
@pytest.mark.parametrize("again", [1, 2])
def test_violation_before_ready_names_its_rule(
    lie: str, rule: str, again: int, bench: MakeBench, ecus: Path
) -> None:
    """A process that breaks a rule is ended; boot raises with the rule, twice the same."""
    bad = bench(cores.create("process", args=[lie]), "liar", ecus)
    with pytest.raises(CoreViolationError) as caught:
        bad.remote.boot()
    assert caught.value.rule == rule
    assert bad.remote.state is State.OFFLINE


@pytest.mark.parametrize(("lie", "rule"), LIES.items())
def test_violation_after_ready_is_a_crash(lie: str, rule: str, bench: MakeBench, ecus: Path) -> None:
    """The same from a core that is up: a crash that names the rule."""
    bad = bench(cores.create("process", args=[lie, "late"]), "liar", ecus)
    bad.remote.boot()
    end = bad.exit()
    assert (end.kind, end.rule) == ("violation", rule)


def test_text_that_is_not_utf8_is_replaced(bench: MakeBench, ecus: Path) -> None:
    """The error keeps the core's errno and what can be read of its text."""
    with pytest.raises(CoreRefusedError) as caught:
        bench(cores.create("process", args=["utf8"]), "liar", ecus).remote.boot()
    assert caught.value.errno == errno.EIO
    assert caught.value.strerror is not None
    assert caught.value.strerror.startswith("a\N{REPLACEMENT CHARACTER}")


def test_core_that_hangs_up_and_runs_on_is_ended(bench: MakeBench, ecus: Path) -> None:
    """Closing the control socket is an end, whatever the process does afterwards."""
    bad = bench(cores.create("process", args=["hangup", "late"]), "liar", ecus)
    bad.remote.boot()
    assert bad.exit().kind == "hangup"


def test_rules_exist_in_the_sdk() -> None:
    """The names raised here are the SDK's."""
    names = set(re.findall(r"ECU_RULE_(CTL_\w+)", HEADER.read_text()))
    assert set(LIES.values()) == names


@given(st.binary(max_size=200))
def test_any_packet_is_a_message_a_rule_or_ignored(packet: bytes) -> None:
    """No bytes lead anywhere else."""
    try:
        message = parse(packet)
    except CoreViolationError as violation:
        assert violation.rule in {"CTL_SIZE", "CTL_TYPE"}
    else:
        assert message is None or message.type in CtlType


@given(st.sampled_from(list(CtlType)), st.binary(max_size=600))
def test_any_body_of_a_known_type_is_bounded(kind: CtlType, body: bytes) -> None:
    """A head that is right leads into the decoding of the body."""
    try:
        message = parse(struct.pack("<II", 8 + len(body), kind) + body)
    except CoreViolationError as violation:
        assert violation.rule in {"CTL_SIZE", "CTL_TYPE"}
    else:
        assert message is not None
        assert len(message.registers) * 8 <= len(body)


def test_descriptors_sent_to_the_host_never_arrive() -> None:
    """The kernel drops them: nothing is left to close."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        talk = Conversation(ours)
        before = len(list(Path("/proc/self/fd").iterdir()))
        socket.send_fds(theirs, [struct.pack("<II", 8, CtlType.READY)], [0, 1, 2])
        with pytest.raises(CoreViolationError) as caught:
            talk.hear()
        assert caught.value.rule == "CTL_FDS"
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        talk.close()


def test_answers_are_not_counted_as_a_flood() -> None:
    """A core that steps as often as it is asked may do so."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        talk = Conversation(ours)
        theirs.send(struct.pack("<II", 8, CtlType.READY))
        assert [message.type for message in talk.hear()] == [CtlType.READY]
        for step in range(4 * BURST_MESSAGES):
            assert talk.say(CtlType.STEP, step)
            theirs.send(struct.pack("<IIQQ", 24, CtlType.STEPPED, step, step + 1))
            assert [message.next_ns for message in talk.hear()] == [step + 1]
            theirs.recv(100)
        assert talk.phase is Phase.RUNNING
        talk.close()


def test_saying_never_blocks_on_a_core_that_does_not_read() -> None:
    """A full socket is a core that does not listen."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        talk = Conversation(ours)
        assert not all(talk.say(CtlType.RESET) for _ in range(100_000))
        talk.close()
