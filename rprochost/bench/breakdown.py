# SPDX-License-Identifier: Apache-2.0
"""Where the time of one round trip goes, by taking away: each path does what the one below it does, and more.

All of them were measured in turn on the same CPUs; what the next path takes longer is what it adds.
"""

from dataclasses import dataclass

from rprochost.bench.results import Results

#: Paths from the floor up: the case, and what it adds to the one before.
_PATHS = (
    ("round-trip/flag", "two words cross between the CPUs"),
    ("programs/ring-trip-16", "two rings: descriptors, indices, fences, buffers"),
    (
        "round-trip/c-process-16",
        "rpmsg on both sides: headers, endpoints, checks, copies, who drains the ring",
    ),
    ("round-trip/python-process-16", "Python: the two calls"),
)
#: The share of either call in Python's part is taken from traffic in one direction.
_SEND, _RECV = "one-way/one-send-16", "one-way/one-recv-16"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a round trip. Thread safety: immutable."""

    name: str
    ns: float


def breakdown(results: Results) -> list[Part]:
    """Return the parts of a spinning round trip of 16 bytes from Python, the floor first.

    A path that was not measured has its part in that of the next one; empty without the last one.
    Thread safety: any thread.
    """
    found = [(name, case) for path, name in _PATHS if (case := results.find(path)) is not None]
    if not found or results.find(_PATHS[-1][0]) is None:
        return []
    parts, before = [], 0.0
    for name, case in found:
        parts.append(Part(name, case.value_ns - before))
        before = case.value_ns
    return [*parts[:-1], *_calls(results, parts[-1])]


def _calls(results: Results, python: Part) -> list[Part]:
    """Split Python's part into its two calls."""
    send, recv = results.find(_SEND), results.find(_RECV)
    if send is None or recv is None:
        return [python]
    share = send.value_ns / (send.value_ns + recv.value_ns)
    return [Part("Python: send", python.ns * share), Part("Python: recv", python.ns * (1 - share))]
