# SPDX-License-Identifier: Apache-2.0
"""Trace buffers as streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resource_tables import ResourceTable, Trace
from rproc import NoTraceError, RemoteProc
from rproc.trace import TraceSnapshot, TraceStream
from tests.rproc.support import IMAGE_DA, RecordingCore, image_carveout, make_image

TRACE_DA = IMAGE_DA + 0x8001  # an odd address, as some firmware has it
IMAGE = make_image(ResourceTable((image_carveout(), Trace(name="trace0", da=TRACE_DA, size=0x101))))


def stream_over(buffer: bytearray) -> TraceStream:
    return TraceStream(0, lambda: TraceSnapshot(1, True, memoryview(buffer)))


def booted() -> tuple[RemoteProc, memoryview]:
    rproc = RemoteProc(RecordingCore(IMAGE), "fw", name="door")
    rproc.boot()
    assert rproc.memory is not None
    return rproc, rproc.memory.view(TRACE_DA, 0x101)


def test_only_new_text_is_read() -> None:
    rproc, buffer = booted()
    stream = rproc.trace(0)
    assert stream.read() == ""
    buffer[:5] = b"hello"
    assert stream.read() == "hello"
    assert stream.read() == ""
    buffer[5:12] = b" world\0"
    assert stream.read() == " world"
    rproc.shutdown()


def test_what_was_written_before_the_stop_can_be_read_after_it_and_a_boot_begins_anew() -> None:
    rproc, buffer = booted()
    stream = rproc.trace(0)
    assert stream.available
    buffer[:5] = b"panic"
    rproc.shutdown()
    assert stream.read() == "panic"
    rproc.boot()
    assert stream.read() == ""
    assert rproc.memory is not None
    rproc.memory.view(TRACE_DA, 3)[:] = b"new"
    assert stream.read() == "new"
    rproc.shutdown()


def test_the_text_ends_at_the_first_nul_or_at_the_length_of_the_entry() -> None:
    buffer = bytearray(b"ab\0cd")
    assert stream_over(buffer).read() == "ab"
    assert stream_over(bytearray(b"x" * 5000)).read() == "x" * 5000


def test_a_cleared_buffer_is_read_from_its_start() -> None:
    buffer = bytearray(b"first text\0\0\0")
    stream = stream_over(buffer)
    stream.read()
    buffer[:] = b"second\0".ljust(len(buffer), b"\0")
    assert stream.read() == "second"


def test_half_a_character_is_forgotten_when_the_buffer_is_cleared() -> None:
    buffer = bytearray(b"abc\xc3")
    stream = stream_over(buffer)
    assert stream.read() == "abc"
    buffer[:] = b"d\0\0\0"
    assert stream.read() == "d"


def test_a_buffer_that_is_gone_round_gives_what_changed() -> None:
    buffer = bytearray(b"0123456789")
    stream = stream_over(buffer)
    assert stream.read() == "0123456789"
    buffer[:3] = b"abc"
    assert stream.read() == "abc"
    buffer[3:5] = b"de"
    assert stream.read() == "de"


def test_bytes_that_are_no_text_are_replaced_and_split_characters_are_not() -> None:
    buffer = bytearray(8)
    stream = stream_over(buffer)
    buffer[:2] = b"a\xc3"
    assert stream.read() == "a"
    buffer[2:4] = b"\xa4\xff"
    assert stream.read() == "ä\ufffd"


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)))
def test_a_growing_text_is_read_completely_in_any_steps(parts: list[str]) -> None:
    buffer = bytearray(sum(len(part.encode()) for part in parts) + 1)
    stream = stream_over(buffer)
    position, read = 0, ""
    for part in parts:
        raw = part.encode()
        buffer[position : position + len(raw)] = raw
        position += len(raw)
        read += stream.read()
    assert read == "".join(parts)


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=10))
def test_whatever_the_core_writes_reading_goes_on(contents: list[bytes]) -> None:
    buffer = bytearray(16)
    stream = stream_over(buffer)
    for content in contents:
        buffer[:] = content
        assert isinstance(stream.read(), str)


def test_follow_yields_until_the_core_has_stopped() -> None:
    rproc, buffer = booted()
    stream = rproc.trace(0)
    buffer[:5] = b"start"
    following = stream.follow(interval=0.001)
    assert next(following) == "start"
    buffer[5:8] = b"end"
    rproc.shutdown()
    assert list(following) == ["end"]


def test_follow_ends_when_nothing_new_comes_for_the_time_that_was_set() -> None:
    buffer = bytearray(b"start\0\0\0")
    stream = stream_over(buffer)
    stream.timeout = 0.01
    following = stream.follow(interval=0.001)
    assert next(following) == "start"
    buffer[5:8] = b"end"
    assert next(following) == "end"
    with pytest.raises(TimeoutError, match=r"trace0 got no new text for 0\.01 s"):
        next(following)


def test_a_buffer_outside_memory_is_not_available() -> None:
    image = make_image(ResourceTable((image_carveout(), Trace(name="trace0", da=0x100, size=16))))
    rproc = RemoteProc(RecordingCore(image), "fw", name="door")
    rproc.boot()
    stream = rproc.trace(0)
    assert not stream.available
    assert stream.read() == ""
    rproc.shutdown()


def test_a_trace_that_the_table_has_not_is_a_lookup_error() -> None:
    rproc = RemoteProc(RecordingCore(IMAGE), "fw", name="door")
    with pytest.raises(NoTraceError, match="1 trace buffers"):
        rproc.trace(1)
    with pytest.raises(LookupError):
        rproc.trace(-1)
