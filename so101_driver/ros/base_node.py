"""What every node of the suite shares: declared parameters, ordered stop, exit code.

rclpy's own SIGINT handler closes the context under running callbacks, so none of it is
installed: a signal only asks the main loop to leave, and the node closes itself in its own
order while its publishers still work.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Protocol, TypeVar

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import Executor, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from so101_driver import PARENT_PID
from so101_driver.common.errors import ConfigError, DriverError
from so101_driver.common.parameters import Spec, build, param, table

ConfigT = TypeVar('ConfigT')

EXIT_CONFIG = 2
_INT64_MAX = 2**63 - 1
_PARENT_CHECK_S = 0.2


@dataclasses.dataclass(frozen=True)
class ProcessConfig:
    """What every node can be told about its process."""

    end_with_parent: bool = param(
        False,
        'end when the process that started this one does; launch files set it, since launch can '
        'be killed. A supervisor whose starting process ends at once wants false',
    )


class Log(Protocol):
    """A logger, of which one word is needed."""

    def info(self, message: str) -> object:
        """Write a line."""


class ClosingNode(Protocol):
    """A node that can be closed in its own order, more than once."""

    def close(self) -> None:
        """Stop all work; called once the executor no longer spins."""

    def destroy_node(self) -> None:
        """Release the ROS entities."""

    def get_logger(self) -> Log:
        """Return where lines for people go."""


class Stop:
    """The request to leave the main loop, with the exit code that goes with it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.exit_code = 0
        self.reason = ''

    def __call__(self, reason: str, exit_code: int = 0) -> None:
        """Ask for the end; the first caller's reason and code stand."""
        if not self._event.is_set():
            self.reason, self.exit_code = reason, exit_code
            self._event.set()

    def is_set(self) -> bool:
        """Tell whether somebody asked for the end."""
        return self._event.is_set()


def declare(node: Node, config: type[ConfigT]) -> ConfigT:
    """Declare the config's parameters on the node and return the filled config.

    Raises:
        ConfigError: listing every wrong value.
    """
    values = {}
    problems = []
    for name, parameter in table(config).items():
        default = parameter.default
        if isinstance(default, tuple):
            default = list(default)
        descriptor = _descriptor(parameter.spec, parameter.kind)
        try:
            if default == []:
                value = node.declare_parameter(name, Parameter.Type.STRING_ARRAY, descriptor).value
                values[name] = () if value is None else tuple(value)
            else:
                values[name] = node.declare_parameter(name, default, descriptor).value
        except ParameterException as error:
            # rclpy refuses wrong types and ranges itself, one at a time and not in our words.
            problems.append(f'{name}: {error} ({parameter.spec.description})')
    if problems:
        raise ConfigError(problems)
    return build(config, values)


def _descriptor(spec: Spec, kind: object) -> ParameterDescriptor:
    """Ranges are checked by `build`, in words; the descriptor tells them to tools."""
    descriptor = ParameterDescriptor(description=spec.description, read_only=not spec.live)
    if kind is float and spec.minimum is not None and spec.maximum is not None:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(spec.minimum), to_value=float(spec.maximum))
        ]
    if kind is int and spec.minimum is not None:
        top = _INT64_MAX if spec.maximum is None else int(spec.maximum)
        descriptor.integer_range = [
            IntegerRange(from_value=int(spec.minimum), to_value=top, step=1)
        ]
    return descriptor


def create_steady_timer(
    node: Node,
    period_s: float,
    callback: Callable[[], None],
    callback_group: CallbackGroup | None = None,
) -> None:
    """Create a timer on the steady clock: one on ROS time stands still when the system's clock
    is set back, for as long as it was.
    """
    steady = Clock(clock_type=ClockType.STEADY_TIME)
    node.create_timer(period_s, callback, callback_group=callback_group, clock=steady)


def stop_signals() -> list[int]:
    """Return the signals that ask for an orderly end.

    SIGHUP tells that the terminal is gone; started under nohup it is ignored and stays so. An
    ignored SIGINT is what a script gives to its background jobs, and no wish of anybody.
    """
    hung_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


def run(
    make_node: Callable[[Stop], ClosingNode],
    argv: list[str] | None = None,
    threads: int = 1,
) -> int:
    """Run one node until a signal or its own `Stop`, or its parent's death where that is wanted.

    `make_node` gets the `Stop` to end the process by itself. A `DriverError` while it is made
    is printed as one message and gives exit code 2.

    Returns:
        The exit code.
    """
    stop = Stop()
    rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop(signal.Signals(number).name)

    previous = {number: signal.signal(number, on_signal) for number in stop_signals()}
    node: ClosingNode | None = None
    executor: Executor | None = None
    try:
        node = make_node(stop)
        process = declare(node, ProcessConfig)
        executor = SingleThreadedExecutor() if threads == 1 else MultiThreadedExecutor(threads)
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=_PARENT_CHECK_S)
            if process.end_with_parent and os.getppid() != PARENT_PID:
                stop('the parent process ended')
        node.get_logger().info(f'ending: {stop.reason}')
    except ConfigError as error:
        print('refused to start:', file=sys.stderr)
        for problem in error.problems:
            print(f'  - {problem}', file=sys.stderr)
        stop('configuration', EXIT_CONFIG)
    except (DriverError, NameValidationException) as error:
        print(f'refused to start: {error}', file=sys.stderr)
        stop('start', EXIT_CONFIG)
    except Exception:
        traceback.print_exc()
        stop('error', 1)
        stop.exit_code = 1
    finally:
        try:
            if node is not None:
                node.close()
        except Exception:
            traceback.print_exc()
            stop.exit_code = stop.exit_code or 1
        if executor is not None:
            executor.shutdown(timeout_sec=2.0)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        for number, handler in previous.items():
            signal.signal(number, handler or signal.SIG_DFL)
    return stop.exit_code
