"""Cost of one control cycle on the servo bus: `python -m bench.bus [--json] [--cycles N]`.

Reads six servos and writes six goals, with this driver and with plain SDK calls, against the
simulator in a process of its own: answering at once, and keeping the line busy for as long as a
1 Mbps wire would be (no pause of the servos before they answer, so the wire alone is the limit).
The blocks are the position alone, what the follower reads in each cycle (position, velocity, load)
and everything up to the current. The SDK leaves what came late in its buffer and would take it for
the next answer; the bench empties it after each failed read, so that both do the same work.
Figures include the scheduler; run it on a quiet machine.
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

from so101_driver.bus.bus import ServoBus
from so101_driver.bus.registers import Register

IDS = [1, 2, 3, 4, 5, 6]
GOAL = 2048
BLOCKS = {'position': 2, 'cycle': 6, 'telemetry': 15}
_BYTE_MS = 0.01
_WARM_UP = 20

Cycle = Callable[[], bool]
"""One cycle; False when a servo's answer did not come."""


def wire_limit_ms(length: int) -> float:
    """Return how long request, six answers of that length and the goals are on the wire."""
    request, answers = 8 + len(IDS), len(IDS) * (6 + length)
    return (request + answers + 8 + 3 * len(IDS)) * _BYTE_MS


def main() -> int:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument('--cycles', type=int, default=1000, help='cycles of each measurement')
    arguments = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for line in ('instant', 'paced'):
        with _simulator(line == 'paced') as port:
            for block, length in BLOCKS.items():
                for client, opened in (('driver', _driver), ('sdk', _sdk)):
                    with opened(port, length) as cycle:
                        figures = _measure(cycle, arguments.cycles)
                    figures['over_wire'] = round(figures['median_ms'] / wire_limit_ms(length), 2)
                    results[f'{line}.{block}.{client}'] = figures
    for line in ('instant', 'paced'):
        for block in BLOCKS:
            driver, sdk = (results[f'{line}.{block}.{client}'] for client in ('driver', 'sdk'))
            driver['cpu_of_sdk'] = round(driver['cpu_ms'] / sdk['cpu_ms'], 2)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return 0
    columns = ('median_ms', 'p99_ms', 'cpu_ms', 'over_wire', 'failed', 'cpu_of_sdk')
    print(f'{"":26}' + ''.join(f'{name:>12}' for name in columns))
    for name, figures in results.items():
        cells = (f'{figures[c]:12.3f}' if c in figures else f'{"":12}' for c in columns)
        print(f'{name:26}' + ''.join(cells))
    limits = ', '.join(f'{name} {wire_limit_ms(n):.2f}' for name, n in BLOCKS.items())
    print(f'wire limit at 1 Mbps (ms): {limits}')
    return 0


def _measure(cycle: Cycle, count: int) -> dict[str, float]:
    for _ in range(_WARM_UP):
        cycle()
    durations = np.empty(count)
    failed = 0
    cpu_s = time.process_time()
    for k in range(count):
        start_s = time.perf_counter()
        failed += not cycle()
        durations[k] = time.perf_counter() - start_s
    cpu_s = time.process_time() - cpu_s
    return {
        'median_ms': round(float(np.median(durations)) * 1e3, 4),
        'p99_ms': round(float(np.percentile(durations, 99)) * 1e3, 4),
        'cpu_ms': round(cpu_s / count * 1e3, 4),
        'failed': failed,
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
            'turnaround_us:=0',
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield str(port)
        finally:
            process.communicate()


@contextlib.contextmanager
def _driver(port: str, length: int) -> Iterator[Cycle]:
    bus = ServoBus(port)
    bus.open()
    goals = dict.fromkeys(IDS, GOAL)

    def cycle() -> bool:
        found = bus.sync_read(IDS, Register.PRESENT_POSITION, length)
        bus.sync_write(Register.GOAL_POSITION, goals)
        return not found.retries

    yield cycle
    bus.close()


@contextlib.contextmanager
def _sdk(port: str, length: int) -> Iterator[Cycle]:
    handler = scservo_sdk.PortHandler(port)
    handler.openPort()
    packets = scservo_sdk.PacketHandler(0)
    position, goal = Register.PRESENT_POSITION, Register.GOAL_POSITION
    reader = scservo_sdk.GroupSyncRead(handler, packets, position.address, length)
    writer = scservo_sdk.GroupSyncWrite(handler, packets, goal.address, goal.size)
    for servo_id in IDS:
        reader.addParam(servo_id)
        writer.addParam(servo_id, [GOAL & 0xFF, GOAL >> 8])

    def cycle() -> bool:
        is_complete = reader.txRxPacket() == scservo_sdk.COMM_SUCCESS
        if not is_complete:
            time.sleep(0.005)
            handler.ser.reset_input_buffer()
        writer.txPacket()
        return is_complete

    yield cycle
    handler.closePort()


if __name__ == '__main__':
    sys.exit(main())
