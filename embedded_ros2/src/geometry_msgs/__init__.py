"""Interfaces of the ROS package geometry_msgs."""
