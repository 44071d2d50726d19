"""Interfaces of the ROS package statistics_msgs."""
