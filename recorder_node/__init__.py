"""Turns live ROS topics into LeRobot datasets."""
