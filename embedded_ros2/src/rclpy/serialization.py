"""Conversion of messages to and from CDR."""

from __future__ import annotations

from typing import Any

from rosidl_embedded import cdr


def serialize_message(message: Any) -> bytes:
    """Return a message in CDR."""
    return cdr.serialize(message)


def deserialize_message(serialized_message: bytes, message_type: Any) -> Any:
    """Return the message of a type in CDR data."""
    return cdr.deserialize(serialized_message, message_type.TYPE_NAME)
