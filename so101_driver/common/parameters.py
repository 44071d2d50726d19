"""Parameters declared once: a frozen dataclass whose fields carry default, range, unit and meaning.

The same table serves the node (ROS parameter descriptors), the launch file (arguments with their
help) and the checks before anything starts. No ROS here; `base_node.declare` is the ROS side.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from so101_driver.common.errors import ConfigError

ConfigT = TypeVar('ConfigT')

TRUE_WORDS = ('true', 'yes', 'on', '1')
FALSE_WORDS = ('false', 'no', 'off', '0')


@dataclasses.dataclass(frozen=True)
class Spec:
    """What is known of one parameter besides its type and default."""

    meaning: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    required: bool = False
    live: bool = False
    names: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The meaning with unit, range and choices, for descriptors and `--show-args`."""
        extras = []
        if self.unit:
            extras.append(self.unit)
        if self.minimum is not None or self.maximum is not None:
            low = '' if self.minimum is None else f'{self.minimum:g}'
            high = '' if self.maximum is None else f'{self.maximum:g}'
            extras.append(f'{low}..{high}')
        if self.choices:
            extras.append('|'.join(self.choices))
        if self.names:
            extras.append(f'one for all, or for each of {", ".join(self.names)}')
        return self.meaning + (f' [{", ".join(extras)}]' if extras else '')


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One declared parameter: name, Python type (bool, int, float, str or a tuple of one), spec."""

    name: str
    kind: Any
    default: Any
    spec: Spec


def param(
    default: Any,
    meaning: str,
    *,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    required: bool = False,
    live: bool = False,
    names: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field as a parameter.

    `required` refuses an empty string; `live` lets it be set while the node runs. A tuple with
    `names` holds one value for all of them or one for each; as text also {name: value, ...}, in
    which the default stands for those left out.
    """
    spec = Spec(meaning, unit, minimum, maximum, choices, required, live, names)
    return dataclasses.field(default=default, metadata={'spec': spec})


def table(config: type[Any]) -> dict[str, Parameter]:
    """Return the parameters of a config class by name, in order of declaration."""
    hints = get_type_hints(config)
    return {
        field.name: Parameter(field.name, hints[field.name], field.default, field.metadata['spec'])
        for field in dataclasses.fields(config)
        if 'spec' in field.metadata
    }


def build(config: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Build a config from values of any kind (text from a command line included).

    A class may define `problems(self) -> list[str]` for rules that span several fields.

    Raises:
        ConfigError: with every problem found, not only the first.
    """
    known = table(config)
    problems = [f'unknown parameter "{name}"' for name in values if name not in known]
    converted: dict[str, Any] = {}
    for name, parameter in known.items():
        try:
            value = _in_order(values.get(name, parameter.default), parameter)
            converted[name] = _convert(value, parameter.kind)
        except ValueError as error:
            problems.append(f'{name}: {error}')
            continue
        problems += [f'{name}: {text}' for text in _violations(converted[name], parameter.spec)]
    if problems:
        raise ConfigError(problems)
    result = config(**converted)
    check = getattr(result, 'problems', None)
    if check is not None and (more := check()):
        raise ConfigError(more)
    return result


def _in_order(value: Any, parameter: Parameter) -> Any:
    """Return the values of a {name: value, ...} in the order of the parameter's names."""
    names = parameter.spec.names
    if not names:
        return value
    if isinstance(value, str) and value.strip().startswith('{'):
        pairs = [part.partition(':') for part in value.strip('{} ').split(',') if part.strip()]
        given = {name.strip(' \'"'): item.strip() for name, _, item in pairs}
        if unknown := [name for name in given if name not in names]:
            raise ValueError(f'unknown {", ".join(unknown)} (there are {", ".join(names)})')
        return [given.get(name, parameter.default[0]) for name in names]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = [value]
    count = len(_convert(value, parameter.kind))
    if count not in (1, len(names)):
        raise ValueError(f'{count} values; one for all, or {len(names)}: {", ".join(names)}')
    return value


def _convert(value: Any, kind: Any) -> Any:
    """Convert a value to the declared kind; text is read as a command line would mean it."""
    if getattr(kind, '__origin__', None) is tuple:
        if isinstance(value, str):
            value = [part.strip() for part in value.strip('[]() ').split(',') if part.strip()]
        return tuple(_convert(item, kind.__args__[0]) for item in value)
    if kind is str:
        return str(value)
    if kind is bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in TRUE_WORDS + FALSE_WORDS:
            return word in TRUE_WORDS
        raise ValueError(f'"{value}" is not true or false')
    if isinstance(value, bool):
        raise ValueError(f'{value} is not a number')
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f'"{value}" is not a number') from None
    if not math.isfinite(number):
        raise ValueError(f'{value} is not a finite number')
    if kind is int:
        if number != int(number):
            raise ValueError(f'{value} is not a whole number')
        return int(number)
    return number


def _violations(value: Any, spec: Spec) -> list[str]:
    items = value if isinstance(value, tuple) else (value,)
    found = []
    for item in items:
        if isinstance(item, str):
            if spec.choices and item not in spec.choices:
                found.append(f'"{item}" is not one of {", ".join(spec.choices)}')
            if spec.required and not item.strip():
                found.append(f'must not be empty ({spec.meaning})')
            continue
        if spec.minimum is not None and item < spec.minimum:
            found.append(f'{item:g} is below the minimum {spec.minimum:g} {spec.unit}'.rstrip())
        if spec.maximum is not None and item > spec.maximum:
            found.append(f'{item:g} is above the maximum {spec.maximum:g} {spec.unit}'.rstrip())
    return found
