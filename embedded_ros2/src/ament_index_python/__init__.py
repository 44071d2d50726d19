"""Where installed packages have their files."""

from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
    get_package_share_path,
    get_packages_with_prefixes,
)

__all__ = [
    'PackageNotFoundError',
    'get_package_prefix',
    'get_package_share_directory',
    'get_package_share_path',
    'get_packages_with_prefixes',
]
