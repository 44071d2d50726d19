"""Services of the ROS package type_description_interfaces."""

from rosidl_embedded.package import interface_module

__getattr__, __dir__ = interface_module(__name__)
