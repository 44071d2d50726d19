"""Interfaces of the ROS package diagnostic_msgs."""
