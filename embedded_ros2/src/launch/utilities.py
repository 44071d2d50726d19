"""Helpers for substitutions and entities."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from launch.substitution import Substitution

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


def normalize_to_list_of_substitutions(subs: Any) -> list[Substitution]:
    """Return texts and substitutions as a list of substitutions."""
    from launch.substitutions import TextSubstitution

    if isinstance(subs, Substitution):
        return [subs]
    if isinstance(subs, (str, os.PathLike)):
        return [TextSubstitution(text=os.fspath(subs))]
    if isinstance(subs, Iterable):
        return [single for sub in subs for single in normalize_to_list_of_substitutions(sub)]
    raise TypeError(
        f"Failed to normalize given item of type '{type(subs)}', when only 'str' or "
        "'launch.Substitution' were expected."
    )


def perform_substitutions(context: LaunchContext, subs: Any) -> str:
    """Return the joined text of substitutions."""
    return ''.join(sub.perform(context) for sub in normalize_to_list_of_substitutions(subs))


def as_entities(entities: Any) -> list[Any]:
    """Return one entity, several or None as a list."""
    if entities is None:
        return []
    return list(entities) if isinstance(entities, Iterable) else [entities]
