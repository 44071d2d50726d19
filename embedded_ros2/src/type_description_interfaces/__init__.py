"""Interfaces of the ROS package type_description_interfaces."""
