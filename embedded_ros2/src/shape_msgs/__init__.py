"""Interfaces of the ROS package shape_msgs."""
