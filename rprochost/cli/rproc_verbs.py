# SPDX-License-Identifier: Apache-2.0
"""What the command ``rproc`` can do."""

from rprochost.cli import demo, run, sdk, table

ABOUT = "Run the firmware of remote cores on this machine, and look into it."
VERBS = (run.VERB, demo.VERB, table.VERB, sdk.VERB)
