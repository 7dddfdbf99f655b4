# SPDX-License-Identifier: Apache-2.0
"""``rproc demo``, one module per step; :mod:`rprochost.demo.main` is the whole of it."""
