"""ACT: Action Chunking with Transformers, as LeRobot 0.2 to 0.6 has it."""
