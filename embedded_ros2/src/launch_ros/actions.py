"""Actions around ROS nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ament_index_python.executables import get_executable_paths
from launch.action import Action
from launch.actions import ExecuteProcess
from launch.substitution import Substitution
from launch.substitutions import LaunchConfiguration
from launch.utilities import perform_substitutions
from launch_ros.parameter_descriptions import evaluate_parameters, inline_yaml

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

_NAMESPACE = 'ros_namespace'

__all__ = ['Node', 'PushROSNamespace', 'PushRosNamespace', 'SetParameter', 'SetRemap']


class _Executable(Substitution):
    """The path of an executable of a package."""

    def __init__(self, package: Any, executable: Any) -> None:
        self._package, self._executable = package, executable

    def perform(self, context: LaunchContext) -> str:
        executable = perform_substitutions(context, self._executable)
        if self._package is None:
            return executable
        package = perform_substitutions(context, self._package)
        paths = get_executable_paths(package)
        if executable not in paths:
            raise RuntimeError(
                f"executable '{executable}' not found in package '{package}': it has "
                f'{sorted(paths)}'
            )
        return paths[executable]


class Node(ExecuteProcess):
    """Runs an executable of a package as a node."""

    def __init__(
        self,
        *,
        executable: Any,
        package: Any = None,
        name: Any = None,
        namespace: Any = None,
        exec_name: Any = None,
        parameters: Iterable[Any] | None = None,
        remappings: Iterable[tuple[Any, Any]] | None = None,
        ros_arguments: Iterable[Any] | None = None,
        arguments: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            cmd=[_Executable(package, executable), *(arguments or ())],
            name=exec_name or executable,
            **kwargs,
        )
        self._node_name = name
        self._namespace = namespace
        self._parameters = list(parameters or ())
        self._remappings = list(remappings or ())
        self._ros_arguments = list(ros_arguments or ())

    def final_command(self, context: LaunchContext) -> list[str]:
        """Return the command with the ROS arguments of the node."""
        words = [*super().final_command(context), '--ros-args']
        words += [perform_substitutions(context, word) for word in self._ros_arguments]
        if self._node_name is not None:
            words += ['-r', f'__node:={perform_substitutions(context, self._node_name)}']
        namespace = self.final_namespace(context)
        if namespace:
            words += ['-r', f'__ns:={namespace}']
        shared = context.get_locals_as_dict().get('ros_params', [])
        for item in evaluate_parameters(context, [*shared, *self._parameters]):
            if isinstance(item, str):
                words += ['--params-file', item]
            else:
                for name, value in item.items():
                    words += ['-p', f'{name}:={inline_yaml(value)}']
        remaps = [*context.get_locals_as_dict().get('ros_remaps', []), *self._remappings]
        for source, target in remaps:
            words += [
                '-r',
                f'{perform_substitutions(context, source)}:='
                f'{perform_substitutions(context, target)}',
            ]
        return words

    def final_namespace(self, context: LaunchContext) -> str:
        """Return the namespace below those that were pushed, empty for none."""
        own = perform_substitutions(context, self._namespace) if self._namespace else ''
        return join_namespaces(context.launch_configurations.get(_NAMESPACE, ''), own)


def join_namespaces(outer: str, inner: str) -> str:
    """Return an inner namespace within an outer one; an absolute one stands for itself."""
    joined = inner if inner.startswith('/') else '/'.join(part for part in (outer, inner) if part)
    if not joined:
        return ''
    return joined if joined.startswith('/') else f'/{joined}'


class PushRosNamespace(Action):
    """Puts the following nodes of the scope into a namespace."""

    def __init__(self, namespace: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._namespace = namespace

    def execute(self, context: LaunchContext) -> None:
        """Extend the present namespace."""
        context.launch_configurations[_NAMESPACE] = join_namespaces(
            LaunchConfiguration(_NAMESPACE, default='').perform(context),
            perform_substitutions(context, self._namespace),
        )


PushROSNamespace = PushRosNamespace


class SetParameter(Action):
    """Sets a parameter of all following nodes."""

    def __init__(self, name: Any, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name, self._value = name, value

    def execute(self, context: LaunchContext) -> None:
        """Note the parameter."""
        known = context.get_locals_as_dict().get('ros_params', [])
        name = perform_substitutions(context, self._name)
        context.extend_globals({'ros_params': [*known, {name: self._value}]})


class SetRemap(Action):
    """Remaps a name for all following nodes."""

    def __init__(self, src: Any, dst: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rule = (src, dst)

    def execute(self, context: LaunchContext) -> None:
        """Note the rule."""
        known = context.get_locals_as_dict().get('ros_remaps', [])
        context.extend_globals({'ros_remaps': [*known, self._rule]})


def __getattr__(name: str) -> Any:
    if name in ('ComposableNodeContainer', 'LifecycleNode', 'LoadComposableNodes', 'RosTimer'):
        raise NotImplementedError(f'launch_ros.actions.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
