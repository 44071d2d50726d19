"""Contexts: the scope of init and shutdown."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rclpy import _arguments, logging
from rclpy._graph import Graph
from rclpy._participant import Participant
from rclpy.exceptions import NotInitializedException

if TYPE_CHECKING:
    from rclpy.node import Node

g_contexts: weakref.WeakSet[Context] = weakref.WeakSet()


class Context:
    """State between init and shutdown: arguments, DDS participant and nodes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[], None]] = []
        self._ok = False
        self._initialized = False
        self._participant: Participant | None = None
        self._graph: Graph | None = None
        self._nodes: weakref.WeakSet[Node] = weakref.WeakSet()
        self.arguments = _arguments.Arguments()
        self.domain_id = 0

    def init(
        self,
        args: Sequence[str] | None = None,
        *,
        initialize_logging: bool = True,
        domain_id: int | None = None,
    ) -> None:
        """Start the context with command line arguments (those of the process by default)."""
        with self._lock:
            if self._initialized:
                raise RuntimeError('Context.init() must only be called once')
            if domain_id is not None and domain_id < 0:
                raise RuntimeError('Domain id must be non-negative')
            self.arguments = _arguments.parse(sys.argv if args is None else args)
            if domain_id is None:
                domain_id = int(os.environ.get('ROS_DOMAIN_ID') or 0)
            self.domain_id = domain_id
            if initialize_logging:
                logging.configure(self.arguments.log_levels)
            self._initialized = self._ok = True
        g_contexts.add(self)

    def ok(self) -> bool:
        """Return True between init and shutdown."""
        return self._ok

    @property
    def was_shut_down(self) -> bool:
        """Whether the context was running and no longer is."""
        return self._initialized and not self._ok

    def get_domain_id(self) -> int:
        """Return the DDS domain."""
        self._require_init()
        return self.domain_id

    @property
    def participant(self) -> Participant:
        """The DDS participant, made on first use."""
        return self._open()[0]

    @property
    def graph(self) -> Graph:
        """The graph, made on first use."""
        return self._open()[1]

    def _open(self) -> tuple[Participant, Graph]:
        with self._lock:
            if not self._ok and self._participant is None:
                raise NotInitializedException()
            if self._participant is None or self._graph is None:
                self._participant = Participant(self.domain_id)
                self._graph = Graph(self._participant)
            return self._participant, self._graph

    def _require_init(self) -> None:
        if not self._initialized:
            raise NotInitializedException()

    def track_node(self, node: Node) -> None:
        """Remember a node; its endpoints end with the context."""
        self._nodes.add(node)

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call back once when the context shuts down; bound methods are held weakly."""
        if not callable(callback):
            raise TypeError('callback should be a callable')
        with self._lock:
            if hasattr(callback, '__self__') and not isinstance(callback.__self__, threading.Event):
                self._callbacks.append(_weak_call(callback))
            else:
                self._callbacks.append(callback)

    def shutdown(self) -> None:
        """Shut the context down; raise RuntimeError when it is not running."""
        if not self._end():
            raise RuntimeError('Context must be initialized before it can be shutdown')

    def try_shutdown(self) -> None:
        """Shut the context down if it is running."""
        self._end()

    def _end(self) -> bool:
        with self._lock:
            if not self._ok:
                return False
            self._ok = False
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
        self._leave_if_unused()
        return True

    def forget_node(self, node: Node) -> None:
        """Forget a destroyed node."""
        self._nodes.discard(node)
        self._leave_if_unused()

    def _leave_if_unused(self) -> None:
        """Delete the DDS participant when the context is over and its nodes are gone."""
        with self._lock:
            if self._ok or self._nodes:
                return
            participant, self._participant, self._graph = self._participant, None, None
        if participant is not None:
            participant.close()

    def __enter__(self) -> Context:
        self.init()
        return self

    def __exit__(self, *args: Any) -> None:
        self.try_shutdown()


def _weak_call(method: Any) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def call() -> None:
        target = reference()
        if target is not None:
            target()

    return call
