"""Interfaces of the ROS package rmw_dds_common."""
