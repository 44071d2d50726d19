"""Interfaces of the ROS package sensor_msgs."""
