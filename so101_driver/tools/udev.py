"""A udev rule that gives an arm's port a name of its own."""

from __future__ import annotations

import re

from so101_driver.common.errors import ConfigError
from so101_driver.tools.ports import Port

FILE = '/etc/udev/rules.d/99-so101.rules'
INSTALL = 'sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=tty'
_FTDI = 0x0403
_FTDI_LATENCY = (
    'ACTION=="add", SUBSYSTEM=="usb-serial", DRIVERS=="ftdi_sio", ATTR{latency_timer}="1"'
)


def rule(port: Port, name: str) -> str:
    """Return the rule for /dev/so101_<name>: by serial number, else by the USB socket.

    Raises:
        ConfigError: when the port is not USB, or the name is none.
    """
    if not port.usb_id:
        raise ConfigError([f'{port.device}: not a USB port, its name does not change'])
    if not re.fullmatch(r'\w+', name):
        raise ConfigError([f'"{name}": letters, digits and _ make a name'])
    vendor, product = port.usb_id.split(':')
    parts = ['SUBSYSTEM=="tty"']
    if not port.serial_number:
        parts.append(f'KERNELS=="{port.location}"')
    parts += [f'ATTRS{{idVendor}}=="{vendor}"', f'ATTRS{{idProduct}}=="{product}"']
    if port.serial_number:
        # Any character for those that udev would take for a pattern or a quote.
        serial = re.sub(r'[^\w.:-]', '?', port.serial_number)
        parts.append(f'ATTRS{{serial}}=="{serial}"')
    parts += [
        f'SYMLINK+="so101_{name}"',
        'GROUP="dialout"',
        'MODE="0660"',
        'ENV{ID_MM_DEVICE_IGNORE}="1"',
    ]
    lines = [', '.join(parts)]
    if port.vendor_id == _FTDI:
        lines.append(_FTDI_LATENCY)
    return '\n'.join(lines)
