"""Sources of launch descriptions."""

from launch.launch_description_source import (
    AnyLaunchDescriptionSource,
    InvalidPythonLaunchFileError,
    PythonLaunchDescriptionSource,
    get_launch_description_from_python_launch_file,
)

__all__ = [
    'AnyLaunchDescriptionSource',
    'InvalidPythonLaunchFileError',
    'PythonLaunchDescriptionSource',
    'get_launch_description_from_python_launch_file',
]
