"""The serial ports of this machine: names that stay, who may use them, who does.

Nothing is opened here: opening a port can reset what is behind it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import grp
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from serial.tools import list_ports

_PSEUDO = '/dev/pts/'
_UNKNOWN = 'n/a'
_STABLE_FOLDERS = ('/dev/serial/by-id', '/dev/serial/by-path')


@dataclasses.dataclass(frozen=True)
class Port:
    """One serial port.

    Attributes:
        device: Path now; another one after the next plug or boot, perhaps.
        stable: A path that stays: by serial number, else by the socket; else `device`.
        description: What the device calls itself.
        vendor_id, product_id: Of USB, else None.
        serial_number: Of USB; many adapters have none.
        location: USB path such as 1-2.3.
        denied: Why this user may not use it, with the cure; else empty.
        users: Processes of this user that have it open.
    """

    device: str
    stable: str
    description: str = ''
    vendor_id: int | None = None
    product_id: int | None = None
    serial_number: str = ''
    location: str = ''
    denied: str = ''
    users: tuple[str, ...] = ()

    @property
    def usb_id(self) -> str:
        """Vendor and product as udev and lsusb write them; empty for other ports."""
        if self.vendor_id is None or self.product_id is None:
            return ''
        return f'{self.vendor_id:04x}:{self.product_id:04x}'


def find_ports(names: Iterable[str] = ()) -> list[Port]:
    """Return the ports of those names, or all of this machine, USB first."""
    listed = {info.device: info for info in list_ports.comports()}
    wanted = list(names) or sorted(listed, key=lambda name: (listed[name].vid is None, name))
    return [_port(name, listed.get(os.path.realpath(name))) for name in wanted]


def _port(name: str, info: Any) -> Port:
    device = os.path.realpath(name)
    description = getattr(info, 'description', '') or ''
    return Port(
        name if info is None else device,
        stable_name(name if info is None else device),
        '' if description == _UNKNOWN else description,
        getattr(info, 'vid', None),
        getattr(info, 'pid', None),
        getattr(info, 'serial_number', None) or '',
        (getattr(info, 'location', None) or '').partition(':')[0],
        _denied(Path(device)),
        tuple(_users(device)),
    )


def stable_name(device: str, folders: Iterable[str] = _STABLE_FOLDERS) -> str:
    """Return the link that leads to a device, from the first folder that has one."""
    target = Path(device).resolve()
    for folder in folders:
        for link in sorted(Path(folder).glob('*')):
            if link.resolve() == target:
                return str(link)
    return device


def _denied(device: Path) -> str:
    if not device.exists():
        return 'there is no such device; is it plugged in?'
    if os.access(device, os.R_OK | os.W_OK):
        return ''
    number = device.stat().st_gid
    try:
        group = grp.getgrgid(number).gr_name
    except KeyError:
        group = str(number)
    return f'permission denied: sudo usermod -aG {group} $USER, then log out and in again'


def _users(device: str) -> Iterator[str]:
    """Yield the processes that have a device open, as far as this user may see them."""
    if device.startswith(_PSEUDO):
        return  # whoever simulates an arm there has it open too
    for folder in Path('/proc').glob('[0-9]*'):
        # Somebody else's process cannot be looked into, and any may end meanwhile.
        with contextlib.suppress(OSError):
            if any(_leads_to(link, device) for link in (folder / 'fd').iterdir()):
                yield f'{(folder / "comm").read_text().strip()} (pid {folder.name})'


def _leads_to(link: Path, device: str) -> bool:
    try:
        return str(link.readlink()) == device
    except OSError:
        return False
