"""Policies: LeRobot checkpoints opened with care and run on torch alone, or through lerobot."""
