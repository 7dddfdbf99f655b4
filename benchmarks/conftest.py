# SPDX-License-Identifier: Apache-2.0
"""Running cores to measure, one for each kind."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rpmsg import Endpoint
from rprochost.bench.bench_core import Cores
from rprochost.bench.placement import Placement, Places


@pytest.fixture(params=["library", "process", "python"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of core in turn."""
    return str(request.param)


@pytest.fixture
def endpoint(kind: str) -> Iterator[Endpoint]:
    """An endpoint on a running core of that kind which echoes, with default settings."""
    with ExitStack() as stack:
        core = Cores(stack, Places.choose(Placement.FREE)).boot("echo", kind)
        yield stack.enter_context(core.open())
