"""Numbers of a message in the dtype of their feature: exact, or refused with the value named."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recorder_node.errors import StreamError

# Values in the order of the source: float64, or the feature's own integer or bool type.
Vector = NDArray[Any]


def fitter(dtype: str, topic: str) -> Callable[[Vector], Vector]:
    """Return the function that checks values against a dtype and converts them.

    Floats stay float64, so that they can be interpolated, but must fit the dtype. The function
    raises StreamError, naming topic and value, for a fraction, an overflow or a value that is not
    finite; nothing is rounded or wrapped.
    """
    if dtype.startswith('float'):
        return functools.partial(_float, np.finfo(dtype), topic)
    limits = np.iinfo(dtype) if dtype != 'bool' else None
    low, high = (int(limits.min), int(limits.max)) if limits is not None else (0, 1)
    # lerobot reads integers as torch's int64 and fails on larger ones.
    high = min(high, np.iinfo(np.int64).max)
    return functools.partial(_integer, np.dtype(dtype), low, high, topic)


def _float(limits: Any, topic: str, values: Vector) -> Vector:
    exact = values.astype(np.float64, copy=False)
    _refuse(~np.isfinite(exact), exact, f'{topic}: a value is not finite')
    _refuse(np.abs(exact) > float(limits.max), exact, f'{topic}: does not fit {limits.dtype}')
    return exact


def _integer(dtype: np.dtype[Any], low: int, high: int, topic: str, values: Vector) -> Vector:
    if values.dtype.kind == 'f':
        whole = np.isfinite(values) & (values == np.rint(values))
        _refuse(~whole, values, f'{topic}: not a whole number, the dtype is {dtype}')
    # As Python integers: float64 and int64 cannot be compared exactly near 2^63.
    if int(values.min()) < low or int(values.max()) > high:
        wrong = np.array([not low <= int(value) <= high for value in values])
        _refuse(wrong, values, f'{topic}: does not fit {dtype}')
    return values.astype(dtype, copy=False)


def _refuse(wrong: NDArray[np.bool_], values: Vector, reason: str) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        raise StreamError(f'{reason}: element {at} is {values[at]}')
