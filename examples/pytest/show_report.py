# SPDX-License-Identifier: Apache-2.0
"""A test that fails, to see what pytest then says: `pytest show_report.py`."""

import pytest

from rprochost import HostCore


@pytest.mark.rproc(firmware="door", name="door")
def test_a_door_can_be_locked(remoteproc: HostCore) -> None:
    """Fail: the door does not know that word, and its trace says so."""
    with remoteproc.wait_channel("door").open() as endpoint:
        endpoint.send(b"open")
        assert endpoint.recv().data == b"open"
        endpoint.send(b"lock")
        assert endpoint.recv().data == b"locked"
