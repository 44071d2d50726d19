"""Parameters of nodes in launch files."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class ParameterValue:
    """A value with its type: bool, int, float, str, or List[...] of one of these."""

    def __init__(self, value: Any, *, value_type: Any = None) -> None:
        self._value = value
        self._type = value_type

    def evaluate(self, context: LaunchContext) -> Any:
        """Return the value; raise ValueError when it does not have the type."""
        if not _is_substitution(self._value):
            value = self._value
        else:
            text = perform_substitutions(context, self._value)
            if self._type is str:
                return text
            value = yaml.safe_load(text)
        return value if self._type is None else _coerced(value, self._type)


def _coerced(value: Any, kind: Any) -> Any:
    arguments = getattr(kind, '__args__', None)
    if arguments:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"Cannot convert value '{value}' to a list of {arguments[0].__name__}")
        return [_coerced(item, arguments[0]) for item in value]
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and isinstance(value, str):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"Cannot convert value '{value}' to type '{kind.__name__}'")
    return value


class Parameter:
    """A named value."""

    def __init__(self, name: Any, value: Any, *, value_type: Any = None) -> None:
        self._name = name
        self._value = ParameterValue(value, value_type=value_type)

    def as_dict(self, context: LaunchContext) -> dict[str, Any]:
        """Return name and value."""
        return {perform_substitutions(context, self._name): self._value.evaluate(context)}


class ParameterFile:
    """A YAML file, in whose text substitutions ``$(var name)`` and ``$(env NAME)`` may stand."""

    def __init__(self, param_file: Any, *, allow_substs: Any = False) -> None:
        self.param_file = normalize_to_list_of_substitutions(param_file)
        self._allow_substs = allow_substs

    def evaluate(self, context: LaunchContext) -> str:
        """Return the path."""
        path = perform_substitutions(context, self.param_file)
        allowed = self._allow_substs
        if not isinstance(allowed, bool):
            allowed = perform_substitutions(context, allowed).lower() in ('true', '1')
        return _with_substitutions(path, context) if allowed else path


def _with_substitutions(path: str, context: LaunchContext) -> str:
    """Return the path of a copy of a file in which substitutions are done."""

    def replace(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == 'var':
            return context.launch_configurations[name]
        if kind == 'env':
            return os.environ[name]
        raise NotImplementedError(f'$({kind} ...) in parameter files')

    with open(path, encoding='utf-8') as file:
        text = re.sub(r'\$\((\S+)\s+(\S+?)\)', replace, file.read())
    with tempfile.NamedTemporaryFile(
        'w', prefix='launch_params_', suffix='.yaml', delete=False
    ) as copy:
        copy.write(text)
    return copy.name


def _is_substitution(value: Any) -> bool:
    if isinstance(value, Substitution):
        return True
    return isinstance(value, (list, tuple)) and any(isinstance(v, Substitution) for v in value)


def evaluate_parameters(
    context: LaunchContext,
    parameters: Iterable[Any],
) -> list[str | dict[str, Any]]:
    """Return paths of parameter files, and dictionaries of names and values."""
    result: list[str | dict[str, Any]] = []
    for item in parameters:
        if isinstance(item, Mapping):
            result.append(_evaluate_mapping(context, item, ''))
        elif isinstance(item, Parameter):
            result.append(item.as_dict(context))
        elif isinstance(item, ParameterFile):
            result.append(item.evaluate(context))
        else:
            result.append(perform_substitutions(context, item))
    return result


def _evaluate_mapping(
    context: LaunchContext,
    values: Mapping[Any, Any],
    prefix: str,
) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = prefix + perform_substitutions(context, key)
        if isinstance(value, Mapping):
            flat.update(_evaluate_mapping(context, value, f'{name}.'))
        elif isinstance(value, ParameterValue):
            flat[name] = value.evaluate(context)
        elif isinstance(value, str) or _is_substitution(value):
            flat[name] = yaml.safe_load(perform_substitutions(context, value))
            if flat[name] is None or isinstance(flat[name], dict):
                flat[name] = perform_substitutions(context, value)
        else:
            flat[name] = list(value) if isinstance(value, tuple) else value
    return flat


def inline_yaml(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, list):
        return f'[{", ".join(map(inline_yaml, value))}]'
    if isinstance(value, float) and not math.isfinite(value):
        return '.nan' if math.isnan(value) else '.inf' if value > 0 else '-.inf'
    return json.dumps(value, ensure_ascii=False)
