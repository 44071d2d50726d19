"""The DDS participant of a context and the thread that watches its endpoints.

No DDS listener is used, so no foreign thread ever enters Python: one thread per participant waits
on a waitset and tells the owners of endpoints what happened to them.
"""

from __future__ import annotations

import atexit
import ctypes as ct
import itertools
import threading
import traceback
from collections.abc import Callable
from typing import Any

from cyclonedds._clayer import ddspy_topic_create
from cyclonedds.core import DDSStatus
from cyclonedds.qos import Policy, Qos, _CQos

from rclpy._allocator import keep_freed_memory
from rclpy._dds import LIBRARY, Endpoint, Reader, Writer, checked, configuration
from rosidl_embedded.idl import idl_type

DATA = DDSStatus.DataAvailable
FOREVER_NS = 2**63 - 1
_MAX_TRIGGERED = 64

StatusCallback = Callable[[int], None]


class _Domains:
    """The DDS domains of the process: made for the first participant, deleted after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, tuple[int, int]] = {}

    def acquire(self, domain_id: int) -> None:
        with self._lock:
            handle, users = self._open.get(domain_id, (0, 0))
            if not users:
                handle = checked(
                    LIBRARY.dds_create_domain(domain_id, configuration().encode() or None),
                    f'create DDS domain {domain_id}',
                )
            self._open[domain_id] = handle, users + 1

    def release(self, domain_id: int) -> None:
        with self._lock:
            handle, users = self._open[domain_id]
            self._open[domain_id] = handle, users - 1
            if users == 1:
                LIBRARY.dds_delete(handle)


_domains = _Domains()


class Participant:
    """One DDS participant with its topics, endpoints and waiter thread."""

    def __init__(self, domain_id: int) -> None:
        keep_freed_memory()
        self.domain_id = domain_id
        _domains.acquire(domain_id)
        try:
            self.handle = self._create(
                'dds_create_participant', domain_id, qos=Qos(Policy.Userdata(b'enclave=/;'))
            )
        except BaseException:
            _domains.release(domain_id)
            raise
        self.gid = Endpoint(self.handle, lambda handle: None).gid
        self._lock = threading.Lock()
        self._topics: dict[tuple[str, str], int] = {}
        self._watched: dict[int, tuple[int, int, StatusCallback]] = {}
        self._tokens = itertools.count(1)
        self._closed = False
        self._waitset = checked(LIBRARY.dds_create_waitset(self.handle), 'create a waitset')
        self._stop = checked(LIBRARY.dds_create_guardcondition(self.handle), 'create a guard')
        LIBRARY.dds_waitset_attach(self._waitset, self._stop, 0)
        self._thread = threading.Thread(target=self._watch, name='dds waiter', daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @staticmethod
    def _create(call: str, *parents: Any, qos: Qos | None) -> int:
        cqos = _CQos.qos_to_cqos(qos) if qos else None
        try:
            return checked(getattr(LIBRARY, call)(*parents, cqos, None), call.replace('_', ' '))
        finally:
            if cqos:
                _CQos.cqos_destroy(cqos)

    def _topic(self, name: str, type_name: str) -> int:
        """Return the topic of a name and type; parts of services carry a request header."""
        with self._lock:
            if (name, type_name) not in self._topics:
                datatype = idl_type(type_name, with_request_header='/srv/' in type_name)
                datatype.__idl__.populate()
                datatype.__idl__.fill_type_data()
                self._topics[name, type_name] = checked(
                    ddspy_topic_create(self.handle, name, datatype, None, None),
                    f'create topic {name}',
                )
            return self._topics[name, type_name]

    def create_reader(self, topic: str, type_name: str, qos: Qos) -> Reader:
        """Create a reader; `listen` to it once its owner is ready for data."""
        handle = self._create(
            'dds_create_reader', self.handle, self._topic(topic, type_name), qos=qos
        )
        return Reader(handle, self.forget)

    def create_writer(self, topic: str, type_name: str, qos: Qos) -> Writer:
        """Create a writer."""
        handle = self._create(
            'dds_create_writer', self.handle, self._topic(topic, type_name), qos=qos
        )
        return Writer(handle, self.forget)

    def listen(self, endpoint: Reader | Writer, callback: StatusCallback) -> None:
        """Call back with status bits, in the waiter thread, and once for what came before."""
        bits = endpoint.INCOMPATIBLE | (DATA if isinstance(endpoint, Reader) else 0)
        self.watch(endpoint.handle, bits, callback)
        callback(bits)

    def watch(self, handle: int, mask: int, callback: StatusCallback) -> None:
        """Call back from the waiter thread with the bits of mask that an entity raises."""
        token = next(self._tokens)
        with self._lock:
            self._watched[token] = handle, mask, callback
        checked(LIBRARY.dds_set_status_mask(handle, mask), 'set a status mask')
        checked(LIBRARY.dds_waitset_attach(self._waitset, handle, token), 'watch an entity')

    def forget(self, handle: int) -> None:
        """Stop watching an entity."""
        with self._lock:
            tokens = [t for t, watched in self._watched.items() if watched[0] == handle]
            for token in tokens:
                del self._watched[token]
        if tokens:
            LIBRARY.dds_waitset_detach(self._waitset, handle)

    def _watch(self) -> None:
        triggered = (ct.c_ssize_t * _MAX_TRIGGERED)()
        bits = ct.c_uint32()
        while not self._closed:
            count = LIBRARY.dds_waitset_wait(self._waitset, triggered, _MAX_TRIGGERED, FOREVER_NS)
            for token in triggered[: max(0, min(count, _MAX_TRIGGERED))]:
                watched = self._watched.get(token)
                if watched is None:
                    continue
                handle, mask, callback = watched
                if LIBRARY.dds_take_status(handle, ct.byref(bits), mask) == 0 and bits.value:
                    try:
                        callback(bits.value)
                    except Exception:
                        # The other entities still need this thread.
                        traceback.print_exc()

    def close(self) -> None:
        """Stop the waiter thread and delete everything; a second call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        LIBRARY.dds_set_guardcondition(self._stop, True)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        LIBRARY.dds_delete(self.handle)
        _domains.release(self.domain_id)
