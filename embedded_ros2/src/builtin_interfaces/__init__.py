"""Interfaces of the ROS package builtin_interfaces."""
