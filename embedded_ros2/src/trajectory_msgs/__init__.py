"""Interfaces of the ROS package trajectory_msgs."""
