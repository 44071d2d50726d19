"""Interfaces of the ROS package std_srvs."""
