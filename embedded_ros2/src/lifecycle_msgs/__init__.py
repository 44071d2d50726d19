"""Interfaces of the ROS package lifecycle_msgs."""
