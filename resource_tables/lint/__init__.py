# SPDX-License-Identifier: Apache-2.0
"""The validator: would this loader take this image, and what else is wrong with it.

* ``validator``: ``validate``, the way through; the verdict comes from the loader's one list of checks.
* ``rules``: one function for each thing that no loader looks at, and the list of all rules; ``collector``
  limits and orders what they find, ``finding`` says what that is.
* ``profile``, ``profiles/``: who is to load the image, as data. ``device_tree``, ``fdt``: the memory of a
  target from a device tree blob.
* ``reports``: findings as text, JSON, SARIF, JUnit and workflow commands. ``draw``: a picture of the memory.
"""
