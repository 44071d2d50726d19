"""Interfaces of the ROS package nav_msgs."""
