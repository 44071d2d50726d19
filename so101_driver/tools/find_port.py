"""`ros2 run recorder find_port`: which port an arm is on, and how to keep its name."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from so101_driver.arm.arm_setup import FOLLOWER, LEADER
from so101_driver.bus.registers import BAUDRATES
from so101_driver.bus.serial_port import DEFAULT_BAUDRATE
from so101_driver.common.errors import ConfigError, DriverError
from so101_driver.tools import udev
from so101_driver.tools.command import Command, without_ros
from so101_driver.tools.ports import Port, find_ports
from so101_driver.tools.scan import Found, scan, supply_hint
from so101_driver.tools.terminal import Terminal

_VANISH_S = 3.0
_POLL_S = 0.1
_NONE = 'no USB serial port: is the arm plugged in? `sudo dmesg | tail` tells what the kernel sees'


def main(args: list[str] | None = None) -> int:
    """Find the port of an arm; return the exit code."""
    options = _parser().parse_args(without_ros(args))
    return Command().run(lambda: _find(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='find_port',
        description='List the serial ports, and find out which one an arm is on.',
    )
    parser.add_argument('port', nargs='*', help='look at these only (default: all)')
    parser.add_argument('--json', action='store_true', help='print one JSON list')
    parser.add_argument('--scan', action='store_true', help='ask which servos answer, at 1 Mbps')
    parser.add_argument('--all-bauds', action='store_true', help='scan at every speed')
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument('--interactive', action='store_true', help='ask to unplug the arm')
    asking.add_argument('--list', action='store_true', help='ask nothing')
    parser.add_argument(
        '--udev',
        metavar='NAME',
        help='print only the udev rule that makes a port /dev/so101_NAME, such as follower',
    )
    return parser


def _find(options: argparse.Namespace) -> int:
    ports = find_ports(options.port)
    # Others are listed only: an arm is behind USB, and nobody knows what else might be reset.
    usable = [port for port in ports if port.usb_id or options.port]
    if options.udev:
        print(udev.rule(_only(usable), options.udev))
        return 0
    bauds = BAUDRATES if options.all_bauds else (DEFAULT_BAUDRATE,)
    scans = options.scan or options.all_bauds
    answers = {port.device: _scan(port, bauds) for port in usable if scans}
    if options.json:
        print(json.dumps([_as_json(port, answers.get(port.device)) for port in ports], indent=2))
        return 0
    for port in ports:
        print('\n'.join(_lines(port, answers.get(port.device))))
    if not usable:
        raise ConfigError([_NONE])
    asks = not options.list and len(usable) > 1 and not scans and sys.stdin.isatty()
    if options.interactive or asks:
        port = _unplugged(Terminal(), usable)
        print(f'the arm is on {port.device}\n' + '\n'.join(_advice(port)))
    elif len(usable) == 1:
        print('\n'.join(_advice(usable[0])))
    return 0


def _only(ports: list[Port]) -> Port:
    """Return the one port.

    Raises:
        ConfigError: when there is none, or a choice.
    """
    if len(ports) == 1:
        return ports[0]
    listed = ', '.join(port.device for port in ports)
    raise ConfigError([f'which port? name it too: {listed}' if ports else _NONE])


def _scan(port: Port, bauds: tuple[int, ...]) -> list[Found] | str:
    """Return the servos on a port, or why it could not be asked."""
    if port.denied or port.users:
        return 'not scanned'
    try:
        return scan(port.device, bauds)
    except DriverError as error:
        return str(error)


def _lines(port: Port, answers: list[Found] | str | None) -> list[str]:
    serial = f'serial {port.serial_number}' if port.serial_number else ''
    parts = (port.device, port.usb_id or 'not USB', port.description, serial)
    lines = ['  '.join(part for part in parts if part)]
    if port.stable != port.device:
        lines.append(f'  {port.stable}')
    if port.denied:
        lines.append(f'  {port.denied}')
    if port.users:
        lines.append(f'  in use by {", ".join(port.users)}')
    if isinstance(answers, str):
        lines.append(f'  {answers}')
    elif answers is not None:
        lines += [f'  {servo}' for servo in answers]
        lines.append(f'  {supply_hint(answers) if answers else "no servo answers"}')
    return lines


def _advice(port: Port) -> list[str]:
    lines = [f'launch argument: follower_port:={port.stable} or leader_port:={port.stable}']
    if port.usb_id:
        lines.append(f'a name of its own: a line in {udev.FILE}, then {udev.INSTALL}')
        lines += [f'  {line}' for line in udev.rule(port, FOLLOWER).splitlines()]
        lines.append(f'  (so101_{LEADER} for a leader)')
    return lines


def _as_json(port: Port, answers: list[Found] | str | None) -> dict[str, Any]:
    values: dict[str, Any] = {**dataclasses.asdict(port), 'usb_id': port.usb_id}
    if isinstance(answers, str):
        values['problem'] = answers
    elif answers is not None:
        values['servos'] = [dataclasses.asdict(servo) for servo in answers]
    return values


def _unplugged(terminal: Terminal, ports: list[Port]) -> Port:
    """Let the user unplug the arm; return the port that vanishes.

    Raises:
        ConfigError: when none does, or several.
    """
    terminal.ask('unplug the USB cable of the arm and press ENTER:')
    end = time.monotonic() + _VANISH_S
    while True:
        gone = [port for port in ports if not Path(port.device).exists()]
        if gone or time.monotonic() > end:
            break
        time.sleep(_POLL_S)
    if len(gone) != 1:
        found = ', '.join(port.device for port in gone) or 'none'
        raise ConfigError([f'{found} of the ports vanished: unplug one arm, start again'])
    return gone[0]


if __name__ == '__main__':
    sys.exit(main())
