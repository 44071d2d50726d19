"""Drivers of the SO-101 arm and its cameras, and their simulator."""
