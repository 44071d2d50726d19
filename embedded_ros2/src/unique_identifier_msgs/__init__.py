"""Interfaces of the ROS package unique_identifier_msgs."""
