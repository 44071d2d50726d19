"""Interfaces of the ROS package stereo_msgs."""
