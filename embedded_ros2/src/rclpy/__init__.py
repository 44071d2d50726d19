"""The ROS 2 client library for Python, on Eclipse Cyclone DDS alone.

    rclpy.init()
    node = rclpy.create_node('talker')
    rclpy.spin(node)

Names and behaviour are those of genuine rclpy; what is missing raises NotImplementedError.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rclpy.context import Context
from rclpy.signals import (
    SignalHandlerOptions,
    install_signal_handlers,
    uninstall_signal_handlers,
)
from rclpy.task import Future
from rclpy.utilities import (
    get_default_context,
    get_rmw_implementation_identifier,
    ok,
    replace_default_context,
)

if TYPE_CHECKING:
    from rclpy.executors import Executor
    from rclpy.node import Node
    from rclpy.parameter import Parameter

__all__ = [
    'Context',
    'Future',
    'create_node',
    'get_default_context',
    'get_global_executor',
    'get_rmw_implementation_identifier',
    'init',
    'ok',
    'shutdown',
    'spin',
    'spin_once',
    'spin_until_future_complete',
    'try_shutdown',
]

_lock = threading.Lock()
_global_executor: Executor | None = None


class InitContextManager:
    """What init returns: leaving it as a context manager shuts down."""

    def __init__(self, context: Context | None) -> None:
        self.context = context

    def __enter__(self) -> InitContextManager:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try_shutdown(context=self.context)


def init(
    args: Sequence[str] | None = None,
    *,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> InitContextManager:
    """Start a context; for the default one, handlers for SIGINT and SIGTERM are installed."""
    target = get_default_context() if context is None else context
    if context is None and target.was_shut_down:
        target = replace_default_context()
    if signal_handler_options is None:
        signal_handler_options = (
            SignalHandlerOptions.ALL if context is None else SignalHandlerOptions.NO
        )
    target.init(args, domain_id=domain_id)
    install_signal_handlers(signal_handler_options)
    return InitContextManager(context)


def get_global_executor() -> Executor:
    """Return the executor of the spin functions that are given none."""
    global _global_executor
    from rclpy.executors import SingleThreadedExecutor

    with _lock:
        if _global_executor is None or not _global_executor.context.ok():
            _global_executor = SingleThreadedExecutor()
        return _global_executor


def _forget_executor() -> None:
    global _global_executor
    with _lock:
        executor, _global_executor = _global_executor, None
    if executor is not None:
        executor.shutdown(timeout_sec=0)


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Shut a context down; raise RuntimeError when it is not running."""
    target = context or get_default_context()
    target.shutdown()
    _after_shutdown(context, uninstall_handlers)


def try_shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """Shut a context down if it is running."""
    target = context or get_default_context()
    if target.ok():
        target.try_shutdown()
        _after_shutdown(context, uninstall_handlers)


def _after_shutdown(context: Context | None, uninstall_handlers: bool | None) -> None:
    if context is None:
        _forget_executor()
    if uninstall_handlers or (uninstall_handlers is None and context is None):
        uninstall_signal_handlers()


def create_node(
    node_name: str,
    *,
    context: Context | None = None,
    cli_args: Sequence[str] | None = None,
    namespace: str | None = None,
    use_global_arguments: bool = True,
    enable_rosout: bool = True,
    start_parameter_services: bool = True,
    parameter_overrides: list[Parameter] | None = None,
    allow_undeclared_parameters: bool = False,
    automatically_declare_parameters_from_overrides: bool = False,
    **options: Any,
) -> Node:
    """Create a node."""
    from rclpy.node import Node

    return Node(
        node_name,
        context=context,
        cli_args=cli_args,
        namespace=namespace,
        use_global_arguments=use_global_arguments,
        enable_rosout=enable_rosout,
        start_parameter_services=start_parameter_services,
        parameter_overrides=parameter_overrides,
        allow_undeclared_parameters=allow_undeclared_parameters,
        automatically_declare_parameters_from_overrides=(
            automatically_declare_parameters_from_overrides
        ),
        **options,
    )


def spin_once(
    node: Node,
    *,
    executor: Executor | None = None,
    timeout_sec: float | None = None,
) -> None:
    """Run one callback of a node, waiting for it no longer than timeout_sec."""
    executor = executor or get_global_executor()
    executor.add_node(node)
    try:
        executor.spin_once(timeout_sec=timeout_sec)
    finally:
        executor.remove_node(node)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run the callbacks of a node until the context is shut down.

    Raises:
        ExternalShutdownException: The context was shut down, as a signal handler does.
    """
    executor = executor or get_global_executor()
    executor.add_node(node)
    try:
        executor.spin()
    finally:
        executor.remove_node(node)


def spin_until_future_complete(
    node: Node,
    future: Future[Any],
    executor: Executor | None = None,
    timeout_sec: float | None = None,
) -> None:
    """Run the callbacks of a node until a future is finished or time is up."""
    executor = executor or get_global_executor()
    executor.add_node(node)
    try:
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        executor.remove_node(node)
