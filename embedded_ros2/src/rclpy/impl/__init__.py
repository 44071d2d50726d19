"""Implementation parts that programs import by name."""
