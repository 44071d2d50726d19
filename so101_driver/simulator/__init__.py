"""Byte-level simulator of SO-101 arms: servos, protocol, serial line, scripted operator."""
