"""Messages to values: one extractor per message type, duck-typed so that tests need no ROS.

Numbers become vectors in the dataset's order and units; texts are `str`; pictures stay as they
came, wrapped in a `Picture`, and are converted by the encoder's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recorder_node.contract.contract import IMAGE_TYPES, TEXT_TYPE, Contract, Feature, Source
from recorder_node.errors import ContractError, StreamError
from recorder_node.streams.number_readers import number_reader
from recorder_node.streams.picture_reader import PictureReader
from recorder_node.streams.pictures import Picture
from recorder_node.streams.values import Vector, fitter
from so101_driver.arm import calibration as calibration_module
from so101_driver.arm import units
from so101_driver.common.errors import CalibrationError

NS = 1_000_000_000
MAX_TEXT_BYTES = 65536

Value = Vector | Picture | str


class Reading(NamedTuple):
    """What one message says: its own stamp (None without header), its frame_id, its value."""

    stamp_ns: int | None
    frame_id: str
    value: Value


Extractor = Callable[[Any], Reading]


def stamp_to_ns(stamp: Any) -> int:
    """Return a builtin_interfaces Time as integer nanoseconds."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


class Units:
    """Conversion of one source's radians into the units of the dataset.

    `mode` is LeRobot's norm mode (`degrees` or `range_m100_100`), needed for `units: lerobot`.
    """

    def __init__(
        self, mode: str, calibration: calibration_module.Calibration | None = None
    ) -> None:
        self.mode = mode
        self.calibration = calibration

    def convert(self, source: Source, values: Vector) -> Vector:
        """Convert a vector in the source's order."""
        if source.units == 'degrees':
            return np.degrees(values)
        if source.units == 'lerobot':
            return units.rad_to_units(values, source.joints, self.mode, self.calibration)
        return values

    def problems(self, contract: Contract) -> list[str]:
        """Say what is missing to convert the contract's features."""
        found = []
        for feature in contract.numeric:
            for source in feature.sources:
                if source.units != 'lerobot':
                    continue
                try:
                    self.convert(source, np.zeros(len(source.joints)))
                except (CalibrationError, KeyError, ValueError) as error:
                    found.append(f'feature "{feature.name}": units lerobot: {error}')
        return found


def load_units(mode: str, calibration_path: str, contract: Contract) -> Units:
    """Build the conversion for a contract.

    Raises:
        ContractError: when the contract asks for LeRobot units that cannot be computed.
    """
    try:
        calibration = calibration_module.load(Path(calibration_path)) if calibration_path else None
    except CalibrationError as error:
        raise ContractError([str(error)]) from error
    converter = Units(mode, calibration)
    if problems := converter.problems(contract):
        raise ContractError(problems)
    return converter


def extractor(feature: Feature, source: Source, converter: Units) -> Extractor:
    """Return the function that turns this source's messages into readings.

    The function raises StreamError, naming topic and cause, for a message that does not fit, and
    ForeignMessage for one that is another source's.
    """
    read: Callable[[Any], Value]
    if source.type in IMAGE_TYPES:
        read = PictureReader(feature, source)
    elif source.type == TEXT_TYPE:
        read = _text_reader(source)
    else:
        read = _converted(feature, source, converter)

    def extract(message: Any) -> Reading:
        header = getattr(message, 'header', None)
        if header is None:
            return Reading(None, '', read(message))
        # Read first: whether the message is this source's at all comes before its stamp.
        value = read(message)
        stamp_ns = stamp_to_ns(header.stamp) if source.stamp == 'header' else None
        if stamp_ns == 0:
            raise StreamError(
                f'{source.topic}: the header stamp is zero; use stamp: receive in the contract'
            )
        return Reading(stamp_ns, header.frame_id, value)

    return extract


def _converted(feature: Feature, source: Source, converter: Units) -> Callable[[Any], Vector]:
    read, fit = number_reader(feature, source), fitter(feature.dtype, source.topic)
    if source.units == 'native':
        return lambda message: fit(read(message))
    finite = fitter('float64', source.topic)
    return lambda message: fit(converter.convert(source, finite(read(message))))


def _text_reader(source: Source) -> Callable[[Any], str]:
    def read(message: Any) -> str:
        text = str(message.data)
        try:
            size = len(text.encode('utf-8'))
        except UnicodeEncodeError as error:
            raise StreamError(f'{source.topic}: a text is not Unicode: {error}') from error
        if size > MAX_TEXT_BYTES:
            raise StreamError(f'{source.topic}: a text of {size} bytes, {MAX_TEXT_BYTES} at most')
        return text

    return read
