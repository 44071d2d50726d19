"""Messages of the ROS package shape_msgs."""

from rosidl_embedded.package import interface_module

__getattr__, __dir__ = interface_module(__name__)
