# SPDX-License-Identifier: Apache-2.0
"""A stopped core leaves nothing behind at once, not when the garbage collector comes round."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from rprochost import Machine

CHANNEL = "rpmsg-echo"


KINDS = ("library", "process", "python")


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """What the test leaves is what reference counts leave."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def mappings_of_cores() -> list[str]:
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:rproc-" in line]


@pytest.mark.usefixtures("no_garbage_collector")
@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_and_memory_go_with_the_core(kind: str, images: dict[str, str]) -> None:
    # Cores that other tests abandoned keep theirs.
    before = mappings_of_cores()
    with Machine(name="leftovers") as machine:
        machine.add("core", kind=kind, firmware=images[kind])
        core = machine["core"]
        counts = []
        for _ in range(4):
            core.start()
            with core.wait_channel(CHANNEL).open() as endpoint:
                endpoint.send(b"x")
                assert endpoint.recv(timeout=20.0).data == b"x"
            del endpoint
            core.stop()
            assert mappings_of_cores() == before
            counts.append(descriptors())
    assert counts[1:] == [counts[0]] * 3
