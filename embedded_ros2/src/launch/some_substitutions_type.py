"""What may be given where a text is wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable

from launch.substitution import Substitution

_One = str | os.PathLike[str] | Substitution
SomeSubstitutionsType = _One | Iterable[_One]
SomeSubstitutionsType_types_tuple = (str, os.PathLike, Substitution, Iterable)
