"""Reads a contract file; a file with mistakes is refused with all of them listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from recorder_node.contract.contract import Contract
from recorder_node.contract.contract_feature import checked_feature
from recorder_node.errors import ContractError

VERSION = 1


def load(path: str | Path) -> Contract:
    """Read and check a contract file.

    Raises:
        ContractError: when the file is missing, no YAML, or wrong in any number of ways.
    """
    path = Path(path)
    try:
        document = yaml.load(path.read_text(encoding='utf-8'), _UniqueKeys)
    except OSError as error:
        raise ContractError([f'contract {path}: {error.strerror}']) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError([f'contract {path} is not YAML: {error}']) from error
    try:
        return parse(document)
    except ContractError as error:
        raise ContractError([f'contract {path}: {text}' for text in error.problems]) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'duplicate key "{key}"', key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def parse(document: Any) -> Contract:
    """Check a contract given as plain data and build it.

    Raises:
        ContractError: with every problem found.
    """
    if not isinstance(document, dict):
        raise ContractError(['the file must hold a mapping with "version" and "features"'])
    problems: list[str] = []
    known = ('version', 'robot_type', 'task_topic', 'features')
    problems += [
        f'unknown key "{key}"; known: {", ".join(known)}' for key in document if key not in known
    ]
    if document.get('version') != VERSION:
        problems.append(f'version is {document.get("version")!r}, this program reads {VERSION}')
    robot_type = document.get('robot_type')
    if not isinstance(robot_type, str) or not robot_type:
        problems.append('robot_type must be a name, such as so_follower')
    entries = document.get('features')
    if not isinstance(entries, dict) or not entries:
        problems.append('features must map at least one dataset feature to a topic')
        entries = {}
    features = [checked_feature(str(name), entry, problems) for name, entry in entries.items()]
    if not problems and not any(feature and feature.sources for feature in features):
        problems.append('features must name at least one topic')
    if problems:
        raise ContractError(problems)
    return Contract(
        robot_type=str(robot_type),
        features=tuple(feature for feature in features if feature is not None),
        task_topic=str(document.get('task_topic') or ''),
    )
