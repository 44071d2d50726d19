"""The words of the command that uploads a dataset, to be shown and to be run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from recorder_node.dataset import layout

# Run with `python -m`; the same as `ros2 run recorder push`.
MODULE = 'recorder_node.cli.push'


def command(root: Path, repo_id: str, private: bool, tags: Sequence[str]) -> str:
    """Return the command line that uploads a dataset."""
    words = ['ros2', 'run', 'recorder', 'push', str(root)]
    if default_repo_id(root) != repo_id:
        words += ['--repo-id', repo_id]
    if private:
        words.append('--private')
    if tags:
        words += ['--tags', ','.join(tags)]
    return shlex.join(words)


def default_repo_id(root: Path) -> str:
    """Return user/name for a dataset in LeRobot's own folder, else nothing."""
    home = layout.default_root('')
    # By the path as it was given first: the dataset may be a link to a larger disk.
    for place, base in ((root, home.absolute()), (layout.resolved(root), layout.resolved(home))):
        if place.is_relative_to(base) and len(parts := place.relative_to(base).parts) == 2:
            return '/'.join(parts)
    return ''


def split_tags(text: str) -> list[str]:
    """Return the tags of a text that separates them by commas."""
    return [tag.strip() for tag in text.split(',') if tag.strip()]
