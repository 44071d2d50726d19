"""What the ``msg`` and ``srv`` modules of the interface packages consist of."""

from __future__ import annotations

from collections.abc import Callable

from rosidl_embedded.definitions import names
from rosidl_embedded.message import message_class, service_class


def interface_module(module: str) -> tuple[Callable[[str], type], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of an interface module such as std_msgs.msg."""
    package, kind = module.split('.')
    find = service_class if kind == 'srv' else message_class

    def get_attribute(name: str) -> type:
        try:
            return find(f'{package}/{kind}/{name}')
        except KeyError:
            raise AttributeError(f'module {module!r} has no attribute {name!r}') from None

    return get_attribute, lambda: names(package, kind)
