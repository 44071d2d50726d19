"""Readers and writers of serialized samples, over the C library of Cyclone DDS.

Writing releases the interpreter lock, so a writer that must wait for a slow reader stops only
its own thread.
"""

from __future__ import annotations

import ctypes as ct
import os
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from cyclonedds._clayer import ddspy_take
from cyclonedds.core import DDSException, DDSStatus
from cyclonedds.internal import DDS, dds_c_t
from cyclonedds.topic import Sample

# A handle of its own, so that these prototypes do not replace those of the cyclonedds package.
LIBRARY = ct.CDLL(DDS._dll_handle._name)
ANY_STATE = 3 | 3 << 2 | 7 << 4

LOOPBACK_CONFIG = """<CycloneDDS><Domain id="any">
<General>
  <Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>
  <AllowMulticast>false</AllowMulticast>
  <MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize>
</General>
<Discovery>
  <ParticipantIndex>auto</ParticipantIndex>
  <MaxAutoParticipantIndex>64</MaxAutoParticipantIndex>
  <Peers><Peer address="127.0.0.1"/></Peers>
</Discovery>
<Internal><Watermarks><WhcHigh>16MB</WhcHigh></Watermarks></Internal>
</Domain></CycloneDDS>"""

_ENTITY, _POINTER, _NS = ct.c_int32, ct.c_void_p, ct.c_int64
_PROTOTYPES: dict[str, list[Any]] = {
    'dds_create_domain': [ct.c_uint32, ct.c_char_p],
    'dds_create_participant': [ct.c_uint32, _POINTER, _POINTER],
    'dds_create_reader': [_ENTITY, _ENTITY, _POINTER, _POINTER],
    'dds_create_writer': [_ENTITY, _ENTITY, _POINTER, _POINTER],
    'dds_create_waitset': [_ENTITY],
    'dds_create_guardcondition': [_ENTITY],
    'dds_set_guardcondition': [_ENTITY, ct.c_bool],
    'dds_waitset_attach': [_ENTITY, _ENTITY, ct.c_ssize_t],
    'dds_waitset_detach': [_ENTITY, _ENTITY],
    'dds_waitset_wait': [_ENTITY, ct.POINTER(ct.c_ssize_t), ct.c_size_t, _NS],
    'dds_set_status_mask': [_ENTITY, ct.c_uint32],
    'dds_take_status': [_ENTITY, ct.POINTER(ct.c_uint32), ct.c_uint32],
    'dds_get_guid': [_ENTITY, ct.c_char * 16],
    'dds_get_matched_publications': [_ENTITY, _POINTER, ct.c_size_t],
    'dds_get_matched_subscriptions': [_ENTITY, _POINTER, ct.c_size_t],
    'dds_get_offered_incompatible_qos_status': [_ENTITY, _POINTER],
    'dds_get_requested_incompatible_qos_status': [_ENTITY, _POINTER],
    'dds_wait_for_acks': [_ENTITY, _NS],
    'dds_write': [_ENTITY, ct.POINTER(Sample)],
    'dds_delete': [_ENTITY],
}
for _name, _types in _PROTOTYPES.items():
    getattr(LIBRARY, _name).argtypes = _types


def checked(result: int, action: str) -> int:
    """Return the result of a DDS call; raise DDSException when it is an error."""
    if result < 0:
        raise DDSException(result, f'Could not {action}')
    return result


def configuration() -> str:
    """Return the Cyclone DDS configuration for the discovery range, the user's on top."""
    discovery_range = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST').upper()
    if discovery_range not in ('LOCALHOST', 'SUBNET', 'SYSTEM_DEFAULT'):
        raise NotImplementedError(f'ROS_AUTOMATIC_DISCOVERY_RANGE={discovery_range}')
    parts = [LOOPBACK_CONFIG] if discovery_range == 'LOCALHOST' else []
    parts += [part for part in (os.environ.get('CYCLONEDDS_URI', ''),) if part]
    return ','.join(parts)


class IncompatibleQos(NamedTuple):
    """How often a match was refused, and the DDS id of the policy that was last to blame."""

    total_count: int
    total_count_change: int
    last_policy_id: int


class Endpoint:
    """What readers and writers have in common."""

    INCOMPATIBLE: ClassVar[int]
    _incompatible_call: ClassVar[str]

    def __init__(self, handle: int, forget: Callable[[int], None]) -> None:
        self.handle = handle
        self._forget = forget
        guid = (ct.c_char * 16)()
        checked(LIBRARY.dds_get_guid(handle, guid), 'read a GUID')
        self.gid = bytes(guid.raw)

    def incompatible_qos(self) -> IncompatibleQos:
        """Return the status of refused matches; its change counts from the previous call."""
        status = dds_c_t.requested_incompatible_qos_status()
        getattr(LIBRARY, self._incompatible_call)(self.handle, ct.byref(status))
        return IncompatibleQos(status.total_count, status.total_count_change, status.last_policy_id)

    def close(self) -> None:
        """Delete the endpoint; a second call does nothing."""
        handle, self.handle = self.handle, 0
        if handle:
            self._forget(handle)
            LIBRARY.dds_delete(handle)


class Reader(Endpoint):
    """A DDS reader of serialized samples."""

    INCOMPATIBLE = DDSStatus.RequestedIncompatibleQos
    _incompatible_call = 'dds_get_requested_incompatible_qos_status'

    def take(self, count: int = 1) -> list[tuple[bytes, Any]]:
        """Return up to count valid samples as (data, sample info)."""
        samples = ddspy_take(self.handle, ANY_STATE, count)
        return [s for s in samples if s[1].valid_data] if isinstance(samples, list) else []

    def matched(self) -> int:
        """Return the number of matched writers."""
        return int(max(0, LIBRARY.dds_get_matched_publications(self.handle, None, 0)))


class Writer(Endpoint):
    """A DDS writer of serialized samples."""

    INCOMPATIBLE = DDSStatus.OfferedIncompatibleQos
    _incompatible_call = 'dds_get_offered_incompatible_qos_status'

    def write(self, data: bytes) -> None:
        """Send one serialized sample; blocks while a reliable reader's backlog is full."""
        sample = Sample(ct.cast(ct.c_char_p(data), ct.c_void_p), len(data))
        checked(LIBRARY.dds_write(self.handle, ct.byref(sample)), 'publish')

    def matched(self) -> int:
        """Return the number of matched readers."""
        return int(max(0, LIBRARY.dds_get_matched_subscriptions(self.handle, None, 0)))

    def wait_for_acks(self, timeout_ns: int) -> bool:
        """Wait until all reliable readers have everything; return False on timeout."""
        result = LIBRARY.dds_wait_for_acks(self.handle, timeout_ns)
        if result == DDSException.DDS_RETCODE_TIMEOUT:
            return False
        checked(result, 'wait for acknowledgements')
        return True
