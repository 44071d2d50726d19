"""Substitutions: texts that are known only while launching."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class SubstitutionFailure(Exception):  # noqa: N818
    """A substitution has no value."""


class TextSubstitution(Substitution):
    """A text as it is."""

    def __init__(self, *, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TextSubstitution expected Text object got '{type(text)}' instead.")
        self.text = text

    def describe(self) -> str:
        """Return the text in quotes."""
        return f"'{self.text}'"

    def perform(self, context: LaunchContext) -> str:
        """Return the text."""
        return self.text


class LaunchConfiguration(Substitution):
    """The value of a launch configuration, such as an argument."""

    def __init__(self, variable_name: Any, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self.default = default

    def describe(self) -> str:
        """Return the name of the configuration."""
        return f'LaunchConfig({" + ".join(sub.describe() for sub in self.variable_name)})'

    def perform(self, context: LaunchContext) -> str:
        """Return the value or the default; raise SubstitutionFailure if there is neither."""
        name = perform_substitutions(context, self.variable_name)
        if name in context.launch_configurations:
            return context.launch_configurations[name]
        if self.default is None:
            raise SubstitutionFailure(f"launch configuration '{name}' does not exist")
        default = self.default
        if isinstance(default, (bool, int, float)):
            return str(default)
        return perform_substitutions(context, default)


class PathSubstitution(Substitution):
    """Parts joined to a path by ``/``."""

    def __init__(self, path: Any) -> None:
        self.path = normalize_to_list_of_substitutions(path)

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return perform_substitutions(context, self.path)

    def __truediv__(self, other: Any) -> PathSubstitution:
        return PathSubstitution([*self.path, os.sep, *normalize_to_list_of_substitutions(other)])


class PathJoinSubstitution(Substitution):
    """Parts joined by the separator of paths."""

    def __init__(self, substitutions: Any) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def perform(self, context: LaunchContext) -> str:
        """Return the path."""
        return os.path.join(*(perform_substitutions(context, p) for p in self.substitutions))

    def __truediv__(self, other: Any) -> PathJoinSubstitution:
        return PathJoinSubstitution([*self.substitutions, other])


class PythonExpression(Substitution):
    """The value of a Python expression."""

    def __init__(self, expression: Any, python_modules: Any = ('math',)) -> None:
        self.expression = normalize_to_list_of_substitutions(expression)
        self.python_modules = [normalize_to_list_of_substitutions(m) for m in python_modules]

    def describe(self) -> str:
        """Return the expression."""
        return f'PythonExpr({" + ".join(sub.describe() for sub in self.expression)})'

    def perform(self, context: LaunchContext) -> str:
        """Evaluate; the names of the modules, and those in ``math``, are known."""
        names: dict[str, Any] = {}
        for module in self.python_modules:
            name = perform_substitutions(context, module)
            names[name] = importlib.import_module(name)
            if name == 'math':
                names.update(vars(names[name]))
        return str(eval(perform_substitutions(context, self.expression), {}, names))


class EnvironmentVariable(Substitution):
    """The value of an environment variable."""

    def __init__(self, name: Any, *, default_value: Any = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self.default_value = default_value

    def perform(self, context: LaunchContext) -> str:
        """Return the value or the default; raise SubstitutionFailure if there is neither."""
        name = perform_substitutions(context, self.name)
        if name in context.environment:
            return context.environment[name]
        if self.default_value is None:
            raise SubstitutionFailure(f"environment variable '{name}' does not exist")
        return perform_substitutions(context, self.default_value)


class FindExecutable(Substitution):
    """The path of a program on PATH."""

    def __init__(self, *, name: Any) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def perform(self, context: LaunchContext) -> str:
        """Return the path; raise SubstitutionFailure if there is no such program."""
        name = perform_substitutions(context, self.name)
        path = shutil.which(name)
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path


class Command(Substitution):
    """The standard output of a command."""

    def __init__(self, command: Any, on_stderr: Any = 'fail') -> None:
        self.command = normalize_to_list_of_substitutions(command)
        self.on_stderr = on_stderr

    def perform(self, context: LaunchContext) -> str:
        """Run the command; raise SubstitutionFailure when it fails or writes errors."""
        command = perform_substitutions(context, self.command)
        result = subprocess.run(shlex.split(command), capture_output=True, text=True)
        if result.returncode != 0:
            raise SubstitutionFailure(
                f'executed command failed. Command: {command}\nCaptured stderr output: '
                f'{result.stderr}'
            )
        if result.stderr and perform_substitutions(context, self.on_stderr) == 'fail':
            raise SubstitutionFailure(
                f'executed command showed stderr output. Command: {command}\n'
                f'Captured stderr output:\n{result.stderr}'
            )
        return result.stdout


class _LocalValue(Substitution):
    """A value that the launch system shares while it visits a file."""

    key: str

    def perform(self, context: LaunchContext) -> str:
        """Return the value; raise SubstitutionFailure outside launch files."""
        values = context.get_locals_as_dict()
        if self.key not in values:
            raise SubstitutionFailure(f"'{self.key}' is only known inside launch files")
        return str(values[self.key])


class ThisLaunchFileDir(_LocalValue):
    """Directory of the present launch file."""

    key = 'current_launch_file_directory'


class ThisLaunchFile(_LocalValue):
    """Path of the present launch file."""

    key = 'current_launch_file_path'


class _Logical(Substitution):
    """``true`` or ``false`` from the truth of other substitutions."""

    def __init__(self, *operands: Any) -> None:
        self._operands = operands

    def _truths(self, context: LaunchContext) -> list[bool]:
        from launch.conditions import evaluate_condition_expression

        return [evaluate_condition_expression(context, operand) for operand in self._operands]


class NotSubstitution(_Logical):
    """True when the operand is false."""

    def perform(self, context: LaunchContext) -> str:
        """Return ``true`` or ``false``."""
        return str(not self._truths(context)[0]).lower()


class AndSubstitution(_Logical):
    """True when both operands are."""

    def perform(self, context: LaunchContext) -> str:
        """Return ``true`` or ``false``."""
        return str(all(self._truths(context))).lower()


class OrSubstitution(_Logical):
    """True when one of the operands is."""

    def perform(self, context: LaunchContext) -> str:
        """Return ``true`` or ``false``."""
        return str(any(self._truths(context))).lower()


class EqualsSubstitution(Substitution):
    """True when two texts are equal, as text, as numbers or as truth values."""

    def __init__(self, left: Any, right: Any) -> None:
        self._left, self._right = left, right

    def equal(self, context: LaunchContext) -> bool:
        """Compare the performed texts."""
        left, right = (
            str(side)
            if isinstance(side, (bool, int, float))
            else perform_substitutions(context, side)
            for side in (self._left, self._right)
        )
        try:
            return left == right or abs(float(left) - float(right)) < 1e-9
        except ValueError:
            truth = {'true': '1', 'false': '0'}
            return truth.get(left.lower(), left) == truth.get(right.lower(), right)

    def perform(self, context: LaunchContext) -> str:
        """Return ``true`` or ``false``."""
        return str(self.equal(context)).lower()


class NotEqualsSubstitution(EqualsSubstitution):
    """True when two texts are not equal."""

    def perform(self, context: LaunchContext) -> str:
        """Return ``true`` or ``false``."""
        return str(not self.equal(context)).lower()


class IfElseSubstitution(Substitution):
    """One of two texts."""

    def __init__(self, condition: Any, if_value: Any = '', else_value: Any = '') -> None:
        self._condition, self._values = condition, (else_value, if_value)

    def perform(self, context: LaunchContext) -> str:
        """Return the text that the condition chooses."""
        from launch.conditions import evaluate_condition_expression

        return perform_substitutions(
            context, self._values[evaluate_condition_expression(context, self._condition)]
        )
