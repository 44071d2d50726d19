"""Launching ROS nodes."""

from launch_ros import actions, parameter_descriptions, substitutions

__all__ = ['actions', 'parameter_descriptions', 'substitutions']
