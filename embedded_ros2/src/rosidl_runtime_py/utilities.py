"""Finding interfaces by name."""

from __future__ import annotations

from typing import Any

from rosidl_embedded.message import message_class, service_class


def _find(identifier: str, kind: str, find: Any) -> Any:
    parts = identifier.split('/')
    if len(parts) == 2:
        parts.insert(1, kind)
    try:
        if len(parts) != 3 or parts[1] != kind:
            raise KeyError(identifier)
        return find('/'.join(parts))
    except KeyError:
        raise ModuleNotFoundError(
            f"No module named '{parts[0]}.{kind}' with '{parts[-1]}'"
        ) from None


def get_message(identifier: str) -> Any:
    """Return the class of a message such as ``std_msgs/msg/String``."""
    return _find(identifier, 'msg', message_class)


def get_service(identifier: str) -> Any:
    """Return the class of a service such as ``std_srvs/srv/Trigger``."""
    return _find(identifier, 'srv', service_class)
