"""Command line tools that set up an arm: find its port, number its servos, calibrate it."""
