"""Drivers of the SO-101 arm and its cameras, and their simulator."""

import os

PARENT_PID = os.getppid()
"""Who started this process. With `end_with_parent` a node ends when that process does, so this is
asked here, before anything slow is imported: a parent that dies meanwhile would go unnoticed."""
