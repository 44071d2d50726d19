"""Interfaces of the ROS package tf2_msgs."""
