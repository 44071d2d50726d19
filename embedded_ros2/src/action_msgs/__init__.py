"""Interfaces of the ROS package action_msgs."""
