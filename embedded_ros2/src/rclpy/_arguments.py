"""ROS arguments: remapping rules, parameter overrides and log levels after ``--ros-args``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rclpy._names import expand, join
from rclpy.exceptions import UnknownROSArgsError


@dataclass(frozen=True)
class Remap:
    """A rule ``[node:]from:=to``."""

    node: str | None
    source: str
    target: str


@dataclass
class Arguments:
    """The ROS arguments of a process or of one node."""

    remaps: list[Remap] = field(default_factory=list)
    parameters: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    log_levels: dict[str, str] = field(default_factory=dict)
    rosout: bool | None = None
    others: list[str] = field(default_factory=list)

    def node_name(self, name: str) -> str:
        """Return the name a node gets by a ``__node`` rule."""
        return self._special(name, ('__node', '__name')) or name

    def node_namespace(self, name: str) -> str | None:
        """Return the namespace a node gets by a ``__ns`` rule."""
        return self._special(name, ('__ns',))

    def _special(self, name: str, sources: tuple[str, ...]) -> str | None:
        for rule in self.remaps:
            if rule.source in sources and rule.node in (None, name):
                return rule.target
        return None

    def remap(self, full_name: str, node_name: str, namespace: str, is_service: bool) -> str | None:
        """Return the new full name of a topic or service, None when no rule applies."""
        for rule in self.remaps:
            if rule.source.startswith('__') or rule.node not in (None, node_name):
                continue
            scheme, _, source = rule.source.rpartition('://')
            if scheme and scheme != ('rosservice' if is_service else 'rostopic'):
                continue
            if expand(source, node_name, namespace) == full_name:
                return expand(rule.target, node_name, namespace)
        return None

    def overrides(self, node_name: str, namespace: str) -> dict[str, Any]:
        """Return the parameter values given for a node, later ones over earlier ones."""
        full_name, values = join(namespace, node_name), {}
        for pattern, parameters in self.parameters:
            if matches_node(pattern, full_name):
                values.update(parameters)
        return values


def matches_node(pattern: str, full_name: str) -> bool:
    """Whether a node pattern of a parameter file means a node; ``**`` spans namespaces."""
    pattern = pattern if pattern.startswith('/') else f'/{pattern}'
    regex = ''.join(
        {'/**': '(/[^/]+)*', '/*': '/[^/]+'}.get(part, re.escape(part))
        for part in re.split(r'(/\*\*|/\*)', pattern)
    )
    return re.fullmatch(regex or '/', full_name) is not None


def parse(arguments: Sequence[str]) -> Arguments:
    """Parse a command line; raise UnknownROSArgsError for what is malformed in its ROS part."""
    result = Arguments()
    words = iter(arguments)
    in_ros = False
    for word in words:
        if not in_ros:
            in_ros = word == '--ros-args'
            if not in_ros:
                result.others.append(word)
        elif word == '--':
            in_ros = False
        elif word != '--ros-args':
            _parse_option(result, word, words)
    return result


def _parse_option(result: Arguments, word: str, words: Any) -> None:
    name, separator, inline = word.partition(':=') if word.startswith('__') else (word, '', '')
    if separator:
        result.remaps.append(Remap(None, name, inline))
        return
    if word in ('--enable-rosout-logs', '--disable-rosout-logs'):
        result.rosout = word.startswith('--enable')
        return
    if re.fullmatch(r'--(en|dis)able-(stdout|external-lib)-logs', word):
        return
    takes_value = (
        '-r',
        '--remap',
        '-p',
        '--param',
        '--params-file',
        '--log-level',
        '-e',
        '--enclave',
        '--log-config-file',
        '--log-file-name',
    )
    if word not in takes_value:
        raise UnknownROSArgsError(f'Found unknown ROS arguments: {word!r}')
    value = next(words, None)
    if value is None:
        raise UnknownROSArgsError(f'{word} needs a value')
    if word in ('-r', '--remap'):
        result.remaps.append(parse_remap(value))
    elif word in ('-p', '--param'):
        result.parameters.append(_parse_parameter(value))
    elif word == '--params-file':
        result.parameters += read_parameter_file(value)
    elif word == '--log-level':
        name, _, level = value.rpartition(':=')
        result.log_levels[name] = level
    elif word == '--log-config-file':
        raise NotImplementedError('--log-config-file')


def parse_remap(rule: str) -> Remap:
    """Parse ``[node:]from:=to``."""
    match = re.fullmatch(r'(?:(\w+):(?!/))?(.+?):=(.+)', rule)
    if match is None:
        raise UnknownROSArgsError(f"Couldn't parse remap rule: '{rule}'")
    return Remap(*match.groups())


def _parse_parameter(rule: str) -> tuple[str, dict[str, Any]]:
    name, separator, text = rule.partition(':=')
    if not separator or not name:
        raise UnknownROSArgsError(f"Couldn't parse parameter override rule: '{rule}'")
    node, colon, parameter = name.partition(':')
    if not colon:
        node, parameter = '/**', name
    try:
        value = load_yaml(text)
    except yaml.YAMLError as error:
        raise UnknownROSArgsError(f"Couldn't parse parameter value: '{rule}'") from error
    return node, flatten({parameter: value})


class _Loader(yaml.SafeLoader):
    """YAML whose floats may lack a dot (``1e5``), as ROS reads them."""


_Loader.add_implicit_resolver(
    'tag:yaml.org,2002:float',
    re.compile(
        r'[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)|[-+]?(\d+\.\d*|\.\d+)'
        r'|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)'
    ),
    list('-+0123456789.'),
)


def load_yaml(text: str) -> Any:
    """Return the value of a YAML text."""
    return yaml.load(text, Loader=_Loader)


def flatten(values: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    """Return nested parameter names joined by dots.

    Raises:
        UnknownROSArgsError: A list mixes types; [1, 2.5] does.
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f'{prefix}{name}.'))
        elif isinstance(value, list) and len({type(item) for item in value}) > 1:
            raise UnknownROSArgsError(
                f"Sequence of '{prefix}{name}' should be of same type: {value}"
            )
        else:
            flat[f'{prefix}{name}'] = value
    return flat


def read_parameter_file(path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the (node pattern, parameters) pairs of a parameter file, wildcards first."""
    try:
        document = load_yaml(Path(path).read_text(encoding='utf-8')) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UnknownROSArgsError(f"Error opening or parsing YAML file '{path}': {error}") from None
    found: list[tuple[str, dict[str, Any]]] = []

    def visit(prefix: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise UnknownROSArgsError(f"{path}: '{prefix}' holds no 'ros__parameters'")
        for key, nested in value.items():
            if key == 'ros__parameters':
                found.append((prefix, flatten(nested or {})))
            else:
                visit(f'{prefix}/{key.strip("/")}', nested)

    visit('', document)
    return sorted(found, key=lambda pair: '*' not in pair[0])
