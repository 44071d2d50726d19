"""Interfaces of the ROS package rcl_interfaces."""
