# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: generated examples may take their time, since other work may be going on."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unhurried", parent=settings(), deadline=None, suppress_health_check=(HealthCheck.too_slow,)
)
settings.load_profile("unhurried")
