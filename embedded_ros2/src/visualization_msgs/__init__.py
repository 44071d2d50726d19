"""Interfaces of the ROS package visualization_msgs."""
