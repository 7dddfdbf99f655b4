# SPDX-License-Identifier: Apache-2.0
"""A running bus with one endpoint, for the tests that need no more."""

from collections.abc import Iterator

import pytest

from rpmsg import Endpoint
from tests.rpmsg.peer import Peer, running_peer


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A probed bus over 16-entry rings and its peer."""
    with running_peer() as running:
        yield running


@pytest.fixture
def ept(peer: Peer) -> Iterator[Endpoint]:
    """An endpoint at 0x400 that talks to address 7 of the peer."""
    with peer.bus.create_endpoint(dst=7, name="test") as endpoint:
        yield endpoint
