# SPDX-License-Identifier: Apache-2.0
"""A table as something that people write, compare and change.

* ``toml_text``, ``toml_values``: a table as TOML and back. ``source_text``: as C and assembler source.
* ``edit``, ``edit_paths``: fields set in place, in bare tables and in ELF files.
* ``diff``: what differs between two tables. ``ownership``: who writes which field, and when. ``salvage``:
  what can be read of a faulty table.
"""
