"""Conditions of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_WORDS = {'true': True, '1': True, 'false': False, '0': False}


class InvalidConditionExpressionError(Exception):
    """A text is neither true nor false."""


def evaluate_condition_expression(context: LaunchContext, expression: Any) -> bool:
    """Return the truth of ``true``, ``1``, ``false`` or ``0`` in any case."""
    text = perform_substitutions(context, expression).strip().lower()
    if text not in _WORDS:
        raise InvalidConditionExpressionError(
            f"invalid condition expression, expected one of '['true', '1']' or '['false', '0']' "
            f"but got '{text}'"
        )
    return _WORDS[text]


class IfCondition:
    """True when the expression is true."""

    def __init__(self, predicate_expression: Any) -> None:
        self._expression = normalize_to_list_of_substitutions(predicate_expression)

    def __call__(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)

    evaluate = __call__


class UnlessCondition(IfCondition):
    """True when the expression is false."""

    def __call__(self, context: LaunchContext) -> bool:
        return not super().__call__(context)

    evaluate = __call__


class LaunchConfigurationEquals:
    """True when a configuration has a value."""

    def __init__(self, launch_configuration_name: str, expected_value: Any) -> None:
        self._name = launch_configuration_name
        self._expected = expected_value

    def __call__(self, context: LaunchContext) -> bool:
        value = context.launch_configurations.get(self._name)
        if self._expected is None or value is None:
            return value is self._expected
        return value == perform_substitutions(context, self._expected)


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """True when a configuration does not have a value."""

    def __call__(self, context: LaunchContext) -> bool:
        return not super().__call__(context)
