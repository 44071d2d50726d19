"""Cost of one control cycle on the servo bus: `python -m bench.bus [--json] [--cycles N]`.

Reads the position of six servos and writes six goals, with this driver and with plain SDK calls,
against the simulator in a process of its own: answering at once, and at the speed of a 1 Mbps
wire. Figures include the scheduler; run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scservo_sdk

from so101_driver.bus import ServoBus
from so101_driver.registers import Register

IDS = [1, 2, 3, 4, 5, 6]
GOAL = 2048
WIRE_LIMIT_MS = 0.88
_WARM_UP = 20


def main() -> int:
    """Run all four measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument('--cycles', type=int, default=500, help='cycles of each measurement')
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for line in ('instant', 'paced'):
        with _simulator(line == 'paced') as port:
            for client, opened in (('driver', _driver), ('sdk', _sdk)):
                with opened(port) as cycle:
                    results[f'{line}.{client}'] = _measure(cycle, arguments.cycles)
    results['paced.driver']['over_wire_limit'] = round(
        results['paced.driver']['median_ms'] / WIRE_LIMIT_MS, 2
    )
    if arguments.json:
        print(json.dumps(results, indent=2))
        return 0
    print(f'{"":16}{"median ms":>12}{"p99 ms":>12}{"CPU ms":>12}')
    for name, figures in results.items():
        row = (figures['median_ms'], figures['p99_ms'], figures['cpu_ms'])
        print(f'{name:16}' + ''.join(f'{value:12.3f}' for value in row))
    print(f'wire limit at 1 Mbps: {WIRE_LIMIT_MS} ms')
    return 0


def _measure(cycle: Callable[[], None], count: int) -> dict[str, float]:
    for _ in range(_WARM_UP):
        cycle()
    durations = np.empty(count)
    cpu_s = time.process_time()
    for k in range(count):
        start_s = time.perf_counter()
        cycle()
        durations[k] = time.perf_counter() - start_s
    cpu_s = time.process_time() - cpu_s
    return {
        'median_ms': round(float(np.median(durations)) * 1e3, 4),
        'p99_ms': round(float(np.percentile(durations, 99)) * 1e3, 4),
        'cpu_ms': round(cpu_s / count * 1e3, 4),
    }


@contextlib.contextmanager
def _simulator(paced: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / 'follower'
        command = [
            sys.executable,
            '-m',
            'so101_driver.simulator',
            '--until-eof',
            f'follower_port:={port}',
            f'leader_port:={Path(folder) / "leader"}',
            f'paced:={paced}',
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield str(port)
        finally:
            process.communicate()


@contextlib.contextmanager
def _driver(port: str) -> Iterator[Callable[[], None]]:
    bus = ServoBus(port)
    bus.open()
    goals = dict.fromkeys(IDS, GOAL)

    def cycle() -> None:
        bus.sync_read(IDS, Register.PRESENT_POSITION, 2)
        bus.sync_write(Register.GOAL_POSITION, goals)

    yield cycle
    bus.close()


@contextlib.contextmanager
def _sdk(port: str) -> Iterator[Callable[[], None]]:
    handler = scservo_sdk.PortHandler(port)
    handler.openPort()
    packets = scservo_sdk.PacketHandler(0)
    position, goal = Register.PRESENT_POSITION, Register.GOAL_POSITION
    reader = scservo_sdk.GroupSyncRead(handler, packets, position.address, position.size)
    writer = scservo_sdk.GroupSyncWrite(handler, packets, goal.address, goal.size)
    for servo_id in IDS:
        reader.addParam(servo_id)
        writer.addParam(servo_id, [GOAL & 0xFF, GOAL >> 8])

    def cycle() -> None:
        reader.txRxPacket()
        writer.txPacket()

    yield cycle
    handler.closePort()


if __name__ == '__main__':
    sys.exit(main())
