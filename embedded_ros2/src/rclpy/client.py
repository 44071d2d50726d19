"""Clients: the asking side of services."""

from __future__ import annotations

import secrets
import struct
import threading
import time
from typing import Any

from rclpy._dds import Reader, Writer
from rclpy._waitable import Waitable, Work
from rclpy.service import HEADER_SIZE
from rclpy.task import Future
from rosidl_embedded.cdr import CdrError, deserialize, serialize

_HEADER = struct.Struct('<Qq')
_POLL_S = 0.02


class Client(Waitable):
    """Sends requests to a service."""

    reader: Reader
    writer: Writer

    def __init__(
        self,
        srv_type: Any,
        srv_name: str,
        callback_group: Any,
        qos_profile: Any,
        context: Any,
        node: Any,
    ) -> None:
        super().__init__(node, callback_group)
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.qos_profile = qos_profile
        self.context = context
        self._identity = secrets.randbits(64)
        self._sequence = 0
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Any]] = {}

    @property
    def service_name(self) -> str:
        """Full name of the service."""
        return self.srv_name

    def call(self, request: Any, timeout_sec: float | None = None) -> Any:
        """Send a request and wait for the response; an executor must spin in another thread.

        Returns:
            The response, or None when none came in time.
        """
        done = threading.Event()
        future = self.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout_sec):
            self.remove_pending_request(future)
            return None
        return future.result()

    def call_async(self, request: Any) -> Future[Any]:
        """Send a request and return the future of its response."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f'Expected {self.srv_type.Request}, got {type(request)}')
        self.require_alive()
        future: Future[Any] = Future()
        with self._lock:
            self._sequence += 1
            sequence = self._sequence
            self._pending[sequence] = future
        self.writer.write(serialize(request, _HEADER.pack(self._identity, sequence)))
        future.add_done_callback(self.remove_pending_request)
        executor = self.node.executor
        if executor is not None:
            future._set_executor(executor)
        return future

    def get_pending_request(self, sequence_number: int) -> Future[Any]:
        """Return the future of a request; raise KeyError when it is not pending."""
        with self._lock:
            return self._pending[sequence_number]

    def remove_pending_request(self, future: Future[Any]) -> None:
        """Forget a request: its response will be ignored."""
        with self._lock:
            for sequence, other in list(self._pending.items()):
                if other is future:
                    del self._pending[sequence]

    def take_work(self) -> Work | None:
        """Return the completion of the next response that is for this client."""
        with self._use:
            while not self._destroyed and (samples := self.reader.take()):
                ((data, _),) = samples
                identity, sequence = _HEADER.unpack_from(data, 4)
                if identity != self._identity:
                    continue
                with self._lock:
                    future = self._pending.get(sequence)
                if future is None:
                    continue
                return lambda: self._complete(future, data)
        return None

    def _complete(self, future: Future[Any], data: bytes) -> None:
        try:
            future.set_result(deserialize(data, self.srv_type.Response.TYPE_NAME, HEADER_SIZE))
        except CdrError as error:
            future.set_exception(error)

    def service_is_ready(self) -> bool:
        """Return whether a server is there."""
        return not self._destroyed and self.writer.matched() > 0 and self.reader.matched() > 0

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait for a server; return False on timeout or shutdown."""
        deadline = None if timeout_sec is None else time.monotonic() + timeout_sec
        while self.context.ok() and not self.service_is_ready():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return self.service_is_ready()

    def destroy(self) -> None:
        """End the client; callers use Node.destroy_client."""
        with self._use:
            super().destroy()
            self.reader.close()
            self.writer.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *args: Any) -> None:
        self.node.destroy_client(self)
