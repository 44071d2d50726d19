"""Ports and their udev rules, from what pyserial tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from so101_driver.common.errors import ConfigError
from so101_driver.tools import ports, udev
from so101_driver.tools.command import without_ros
from so101_driver.tools.ports import Port
from tests.conftest import REPOSITORY

BOARD = Port('/dev/ttyACM0', '/dev/ttyACM0', 'USB', 0x1A86, 0x55D3, '5A46 "08"', '1-2.3')
OLD_BOARD = Port('/dev/ttyUSB0', '/dev/ttyUSB0', 'USB', 0x1A86, 0x7523, '', '1-2.4')
FTDI = Port('/dev/ttyUSB1', '/dev/ttyUSB1', 'USB', 0x0403, 0x6014, 'FT1', '1-3')


def test_rules() -> None:
    common = 'GROUP="dialout", MODE="0660", ENV{ID_MM_DEVICE_IGNORE}="1"'
    assert udev.rule(BOARD, 'follower') == (
        'SUBSYSTEM=="tty", ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="55d3", '
        f'ATTRS{{serial}}=="5A46??08?", SYMLINK+="so101_follower", {common}'
    )
    assert udev.rule(OLD_BOARD, 'leader') == (
        'SUBSYSTEM=="tty", KERNELS=="1-2.4", ATTRS{idVendor}=="1a86", ATTRS{idProduct}=="7523", '
        f'SYMLINK+="so101_leader", {common}'
    )
    assert 'ATTR{latency_timer}="1"' in udev.rule(FTDI, 'leader')
    with pytest.raises(ConfigError, match='not a USB port'):
        udev.rule(Port('/dev/ttyS0', '/dev/ttyS0'), 'leader')
    with pytest.raises(ConfigError, match='make a name'):
        udev.rule(BOARD, 'a"b')


def rules_of_the_shipped_file() -> list[str]:
    lines = (REPOSITORY / 'config/udev/99-so101.rules').read_text().splitlines()
    return [line for line in lines if '==' in line]


def test_shipped_rules_are_well_formed() -> None:
    for line in rules_of_the_shipped_file():
        for part in line.removeprefix('#').split(', '):
            assert part.count('"') == 2, line
            assert part.endswith('"'), line
    assert any('so101_follower' in line for line in rules_of_the_shipped_file())


def test_ports_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / 'ttyACM0'
    device.touch()
    info = ListPortInfo(str(device))
    info.description, info.vid, info.pid = 'USB Single Serial', 0x1A86, 0x55D3
    info.serial_number, info.location = '5A4608', '1-2.3:1.0'
    other = ListPortInfo('/dev/ttyS9')
    monkeypatch.setattr(list_ports, 'comports', lambda: [other, info])
    usb, plain = ports.find_ports()
    assert (usb.device, usb.usb_id, usb.serial_number) == (str(device), '1a86:55d3', '5A4608')
    assert usb.location == '1-2.3'
    assert (usb.denied, usb.users) == ('', ())
    assert (plain.device, plain.usb_id, plain.description) == ('/dev/ttyS9', '', '')
    assert 'no such device' in plain.denied
    with device.open():
        assert 'pid' in ports.find_ports([str(device)])[0].users[0]
    link = tmp_path / 'so101_follower'
    link.symlink_to(device)
    assert ports.find_ports([str(link)]) == [usb]


def test_denied_access_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / 'ttyACM0'
    device.touch()
    monkeypatch.setattr('os.access', lambda *_: False)
    denied = ports.find_ports([str(device)])[0].denied
    assert denied.startswith('permission denied: sudo usermod -aG ')
    assert str(device.group()) in denied


def test_a_name_that_stays_is_by_id_first(tmp_path: Path) -> None:
    device = tmp_path / 'ttyACM0'
    device.touch()
    for folder in ('by-id', 'by-path'):
        (tmp_path / folder).mkdir()
    folders = [str(tmp_path / 'by-id'), str(tmp_path / 'by-path')]
    assert ports.stable_name(str(device), folders) == str(device)
    (tmp_path / 'by-path' / 'pci-1').symlink_to(device)
    assert ports.stable_name(str(device), folders).endswith('by-path/pci-1')
    (tmp_path / 'by-id' / 'usb-1').symlink_to('../ttyACM0')
    assert ports.stable_name(str(device), folders).endswith('by-id/usb-1')


def test_what_launch_appends_is_left_out() -> None:
    assert without_ros(['--id', 'a', '--ros-args', '-r', '__node:=b']) == ['--id', 'a']
    assert without_ros(['--id', 'a']) == ['--id', 'a']
