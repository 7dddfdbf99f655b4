# SPDX-License-Identifier: Apache-2.0
"""Where the test that runs this project has built its ECUs."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def rproc_firmware_path() -> Path:
    """Return the folder of the ECUs."""
    return Path(os.environ["PLUGIN_TEST_ECUS"])
