"""Services: the answering side."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import Any

from rclpy._dds import Reader, Writer
from rclpy._waitable import Waitable, Work
from rosidl_embedded.cdr import CdrError, deserialize, serialize

HEADER_SIZE = 16
_CLIENT_WAIT_S = 0.1


class Service(Waitable):
    """Answers requests with a callback(request, response) that returns the response."""

    reader: Reader
    writer: Writer

    def __init__(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        callback_group: Any,
        qos_profile: Any,
        node: Any,
    ) -> None:
        super().__init__(node, callback_group)
        self.srv_type = srv_type
        self.srv_name = srv_name
        self.callback = callback
        self.qos_profile = qos_profile

    @property
    def service_name(self) -> str:
        """Full name of the service."""
        return self.srv_name

    def take_work(self) -> Work | None:
        """Return the handling of the next request, if there is one."""
        with self._use:
            while not self._destroyed and (samples := self.reader.take()):
                ((data, _),) = samples
                try:
                    request = deserialize(data, self.srv_type.Request.TYPE_NAME, HEADER_SIZE)
                except CdrError as error:
                    self.node.get_logger().error(f'{self.srv_name}: request dropped: {error}')
                    continue
                header = data[4 : 4 + HEADER_SIZE]
                return lambda: self._answer(request, header)
        return None

    def _answer(self, request: Any, header: bytes) -> Any:
        response = self.callback(request, self.srv_type.Response())
        if inspect.iscoroutine(response):
            return self._answer_later(response, header)
        self.send_response(response, header)
        return None

    async def _answer_later(self, response: Any, header: bytes) -> None:
        self.send_response(await response, header)

    def send_response(self, response: Any, header: bytes) -> None:
        """Send a response to the client whose request had this header."""
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(
                f'{self.srv_name}: expected {self.srv_type.Response}, got {type(response)}'
            )
        data = serialize(response, header)
        deadline = time.monotonic() + _CLIENT_WAIT_S
        # A client can be heard before it can hear: discovery matches each direction on its own.
        while self.writer.matched() < self.reader.matched() and time.monotonic() < deadline:
            time.sleep(0.001)
        with self._use:
            if not self._destroyed:
                self.writer.write(data)

    def destroy(self) -> None:
        """End the service; callers use Node.destroy_service."""
        with self._use:
            super().destroy()
            self.reader.close()
            self.writer.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *args: Any) -> None:
        self.node.destroy_service(self)
