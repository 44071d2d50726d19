"""Interfaces of the ROS package rosgraph_msgs."""
