# SPDX-License-Identifier: Apache-2.0
"""``rproc table``: look at the resource table of a firmware, make one, change one."""

from rprochost.cli import table_build, table_diff, table_edit, table_explain, table_show
from rprochost.cli.common import Group

VERB = Group(
    "table",
    "show, compare, explain, build or edit the resource table of a firmware",
    (table_show.VERB, table_diff.VERB, table_explain.VERB, table_build.VERB, table_edit.VERB),
)
