# SPDX-License-Identifier: Apache-2.0
"""Measuring code: histograms, placement of threads, echo round trips and throughput, and the floors."""
