"""Diffusion Policy, as LeRobot 0.3 to 0.6 has it."""
