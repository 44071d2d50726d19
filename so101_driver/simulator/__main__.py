"""The simulator without ROS: `python -m so101_driver.simulator [name:=value ...]`.

Runs until a signal comes or its standard input ends when `--until-eof` is given.
"""

from __future__ import annotations

import signal
import sys
import threading
import time

from so101_driver.common.errors import DriverError
from so101_driver.common.parameters import build, table
from so101_driver.simulator.world import SimulatorConfig, World

_PERIOD_S = 0.1


def main(arguments: list[str]) -> int:
    """Run the simulator; return the exit code."""
    if '--help' in arguments:
        for name, parameter in table(SimulatorConfig).items():
            print(f'{name}:={parameter.default}  {parameter.spec.description}')
        return 0
    until_eof = '--until-eof' in arguments
    pairs = [argument for argument in arguments if argument != '--until-eof']
    wrong = [pair for pair in pairs if ':=' not in pair]
    if wrong:
        print(f'not of the form name:=value: {" ".join(wrong)}', file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        world = World(build(SimulatorConfig, dict(pair.split(':=', 1) for pair in pairs)))
        world.start()
    except DriverError as error:
        print(error, file=sys.stderr)
        return 2
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(stop,), daemon=True).start()
    print('ready', flush=True)
    try:
        while not stop.wait(_PERIOD_S):
            if not world.config.episode_motion:
                world.operator.run_freely(time.monotonic_ns())
    finally:
        world.close()
    try:
        world.check()
    except DriverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _stop_at_eof(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
