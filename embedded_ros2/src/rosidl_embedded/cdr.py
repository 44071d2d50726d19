"""CDR code generated per message type (XCDR1, little-endian).

Adjacent fixed-size values, also across nested messages, become one ``struct`` call. Alignment
depends only on the position modulo 8, so each run of values has eight ready-made formats.
Arrays of primitives are handed over whole: nothing loops over the bytes of an image.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rosidl_embedded.definitions import PLACEHOLDER, Field, Form, definition
from rosidl_embedded.primitives import PRIMITIVES

HEADER = b'\x00\x01\x00\x00'
ZEROS = tuple(bytes(n) for n in range(8))


class Codec(NamedTuple):
    """Generated functions of one type.

    ``write(message, chunks, position)`` appends buffers and returns the new position;
    ``read(buffer, position)`` returns the message and the new position. Positions count from
    behind the encapsulation header.
    """

    write: Callable[[Any, list[Any], int], int]
    read: Callable[[memoryview, int], tuple[Any, int]]


class CdrError(ValueError):
    """Serialized data do not fit the type."""


@functools.cache
def run(codes: str) -> tuple[struct.Struct, ...]:
    """Return the formats of a run of values for each start position modulo 8."""
    formats = []
    for offset in range(8):
        position, parts = offset, ['<']
        for code in codes:
            size = struct.calcsize(f'<{code}')
            padding = -position % size
            parts.append('x' * padding + code)
            position += padding + size
        formats.append(struct.Struct(''.join(parts)))
    return tuple(formats)


class _Code:
    """Source text of one generated function and the names it refers to."""

    def __init__(self, signature: str) -> None:
        self.lines = [f'def {signature}:']
        self.names: dict[str, Any] = {
            'ZEROS': ZEROS,
            'array': array,
            'np': np,
            'new': object.__new__,
        }
        self.pending: list[tuple[str, str]] = []
        self.count = 0

    def add(self, *lines: str) -> None:
        self.lines.extend(f'    {line}' for line in lines)

    def refer(self, value: Any) -> str:
        """Make a value available to the generated code and return its name."""
        name = f'g{len(self.names)}'
        self.names[name] = value
        return name

    def local(self) -> str:
        self.count += 1
        return f'v{self.count}'

    def flush(self, writing: bool) -> None:
        """Emit the one struct call that handles all pending values."""
        if not self.pending:
            return
        table = self.refer(run(''.join(code for code, _ in self.pending)))
        values = ''.join(f'{value}, ' for _, value in self.pending)
        self.add(f's = {table}[pos & 7]')
        self.add(f'put(s.pack({values}))' if writing else f'{values}= s.unpack_from(buf, pos)')
        self.add('pos += s.size')
        self.pending.clear()

    def compile(self, name: str) -> Any:
        exec('\n'.join(self.lines), self.names)
        return self.names[name]


def _write_fields(code: _Code, owner: str, fields: tuple[Field, ...]) -> None:
    for field in fields:
        value = f'{owner}._{field.name}'
        if field.name == PLACEHOLDER:
            code.pending.append(('B', '0'))
        elif field.form is not Form.SCALAR:
            _write_many(code, value, field)
        elif field.base == 'string':
            text = code.local()
            code.add(f'{text} = {value}.encode()')
            code.pending.append(('I', f'len({text}) + 1'))
            code.flush(True)
            code.add(f"put({text}); put(b'\\0'); pos += len({text}) + 1")
        elif field.base in PRIMITIVES:
            code.pending.append((PRIMITIVES[field.base].code, value))
        else:
            _write_fields(code, value, definition(field.base).fields)


def _write_many(code: _Code, value: str, field: Field) -> None:
    if field.form is Form.SEQUENCE:
        code.pending.append(('I', f'len({value})'))
    code.flush(True)
    primitive = PRIMITIVES.get(field.base)
    if field.base == 'string':
        code.add(
            f'for x in {value}:',
            '    x = x.encode()',
            f'    s = {code.refer(run("I"))}[pos & 7]; put(s.pack(len(x) + 1))',
            "    put(x); put(b'\\0'); pos += s.size + len(x) + 1",
        )
    elif primitive is None:
        write = code.refer(codec(field.base).write)
        code.add(f'for x in {value}:', f'    pos = {write}(x, out, pos)')
    else:
        raw = value if primitive.array else f'bytes({value})'
        if primitive.python is bytes:
            raw = f"b''.join({value})"
        elif primitive.dtype and field.form is Form.ARRAY:
            raw = f'{value}.tobytes()'
        code.add(f'if len({value}):')
        if primitive.size > 1:
            code.add(f'    n = -pos & {primitive.size - 1}; put(ZEROS[n]); pos += n')
        code.add(f'    put({raw}); pos += len({value}) * {primitive.size}')


def _read_fields(code: _Code, owner: str, fields: tuple[Field, ...]) -> None:
    for field in fields:
        target = f'{owner}._{field.name}'
        if field.name == PLACEHOLDER:
            code.pending.append(('B', '_'))
        elif field.form is not Form.SCALAR:
            _read_many(code, target, field)
        elif field.base == 'string':
            code.pending.append(('I', 'n'))
            code.flush(False)
            code.add(f"{target} = str(buf[pos:pos + n - 1], 'utf-8'); pos += n")
        elif field.base in PRIMITIVES:
            code.pending.append((PRIMITIVES[field.base].code, target))
        else:
            nested = code.local()
            code.add(f'{nested} = {target} = new({code.refer(_message_class(field.base))})')
            _read_fields(code, nested, definition(field.base).fields)


def _read_many(code: _Code, target: str, field: Field) -> None:
    if field.form is Form.SEQUENCE:
        code.pending.append(('I', 'n'))
    code.flush(False)
    if field.form is Form.ARRAY:
        code.add(f'n = {field.size}')
    primitive = PRIMITIVES.get(field.base)
    if field.base == 'string':
        code.add(
            f'{target} = items = []',
            'for _ in range(n):',
            f'    s = {code.refer(run("I"))}[pos & 7]; k, = s.unpack_from(buf, pos); pos += s.size',
            "    items.append(str(buf[pos:pos + k - 1], 'utf-8')); pos += k",
        )
    elif primitive is None:
        code.add(
            f'{target} = items = []',
            'for _ in range(n):',
            f'    x, pos = {code.refer(codec(field.base).read)}(buf, pos)',
            '    items.append(x)',
        )
    else:
        if primitive.size > 1:
            code.add(f'if n: pos += -pos & {primitive.size - 1}')
        code.add(f'end = pos + n * {primitive.size}')
        if primitive.array is None:
            convert = 'x != 0' if primitive.python is bool else 'bytes((x,))'
            code.add(f'{target} = [{convert} for x in buf[pos:end]]')
        elif field.form is Form.ARRAY:
            code.add(f'{target} = np.frombuffer(buf[pos:end], {primitive.dtype!r}).copy()')
        else:
            code.add(f'{target} = a = array({primitive.array!r}); a.frombytes(buf[pos:end])')
        code.add('pos = end')


def _message_class(name: str) -> type:
    from rosidl_embedded.message import message_class

    return message_class(name)


@functools.cache
def codec(name: str) -> Codec:
    """Generate the functions of a message type."""
    fields = definition(name).fields
    writer = _Code('write(m, out, pos)')
    writer.add('put = out.append')
    _write_fields(writer, 'm', fields)
    writer.flush(True)
    writer.add('return pos')
    reader = _Code('read(buf, pos)')
    reader.add(f'm = new({reader.refer(_message_class(name))})')
    _read_fields(reader, 'm', fields)
    reader.flush(False)
    reader.add('return m, pos')
    return Codec(writer.compile('write'), reader.compile('read'))


def serialize(message: Any, prefix: bytes = b'') -> bytes:
    """Return a message in CDR; the prefix (a service header) precedes it in the payload."""
    chunks: list[Any] = [HEADER, prefix]
    size = codec(message.TYPE_NAME).write(message, chunks, len(prefix))
    chunks.append(ZEROS[-size & 3])
    return b''.join(chunks)


def deserialize(data: bytes, name: str, skip: int = 0) -> Any:
    """Return the message in CDR data; skip counts payload bytes in front of it.

    Raises:
        CdrError: The data are truncated, malformed or not little-endian CDR.
    """
    if data[:2] != HEADER[:2]:
        raise CdrError(f'{name}: not little-endian CDR: {bytes(data[:4]).hex(" ")}')
    buffer = memoryview(data)[4:]
    try:
        message, end = codec(name).read(buffer, skip)
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise CdrError(f'{name}: {error}') from error
    if end > len(buffer):
        raise CdrError(f'{name}: {end} bytes expected, {len(buffer)} received')
    return message
