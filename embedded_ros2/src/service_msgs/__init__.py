"""Interfaces of the ROS package service_msgs."""
