"""One node to start, and the list in which problems are collected before any is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from so101_driver.common.errors import CalibrationError, ConfigError
from so101_driver.common.parameters import table

T = TypeVar('T')


class NodePlan(NamedTuple):
    """One node to start; the session fails when a needed node ends."""

    executable: str
    parameters: dict[str, Any]
    name: str
    namespace: str = ''
    needed: bool = True


class Problems(list[str]):
    """Collects the problems of steps that would raise."""

    def of(self, step: Callable[[], T]) -> T | None:
        """Return what a step returns, or None with its problems kept."""
        try:
            return step()
        except ConfigError as error:
            self.extend(error.problems)
        except CalibrationError as error:
            self.append(str(error))
        return None

    def raise_if_any(self) -> None:
        """Refuse with everything collected, each problem once.

        Raises:
            ConfigError: when there is any.
        """
        if self:
            raise ConfigError(list(dict.fromkeys(self)))


def values_of(config: Any, only: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a config's values as node parameters."""
    return {
        name: getattr(config, name) for name in table(type(config)) if only is None or name in only
    }


def absolute(path: str) -> str:
    """Return a path that does not depend on the working folder; '' stays ''."""
    return str(Path(path).expanduser().absolute()) if path else ''
