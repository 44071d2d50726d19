"""``ros2 launch``, ``ros2 run`` and ``ros2 pkg`` with a package made for the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded.runtime import EMBEDDED, ROS2, embedded_only

NODE = """#!{python}
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
rclpy.init()
node = rclpy.create_node('talker', automatically_declare_parameters_from_overrides=True)
own = ('use_sim_time', 'start_type_description_service')
values = {{n: p.value for n, p in node.get_parameters_by_prefix('').items() if n not in own}}
values = {{n: v.tolist() if hasattr(v, 'tolist') else v for n, v in sorted(values.items())}}


def start():
    timer.cancel()
    # In one piece: a test may send a signal as soon as it hears the first of it.
    names = node.get_fully_qualified_name(), node.resolve_topic_name('in')
    print(f'{{names[0]}} {{names[1]}} {{values}}\\n', end='', flush=True)
    if '--fail' in sys.argv:
        sys.exit(3)


timer = node.create_timer(0.01, start)
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
print('stopped', flush=True)
"""

HEADER = """
from launch import LaunchDescription
from launch.actions import *
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit, OnProcessIO, OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import *
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    return LaunchDescription([
"""

Ros2 = Callable[..., 'subprocess.Popen[str]']


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the share directory of a package ``demo`` with an executable ``talker``."""
    share = tmp_path / 'share' / 'demo' / 'launch'
    marker = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages' / 'demo'
    executable = tmp_path / 'lib' / 'demo' / 'talker'
    for directory in (share, marker.parent, executable.parent):
        directory.mkdir(parents=True)
    marker.touch()
    executable.write_text(NODE.format(python=sys.executable))
    executable.chmod(0o755)
    known = os.environ.get('AMENT_PREFIX_PATH', '')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path}:{known}'.rstrip(':'))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    if EMBEDDED:
        # A genuine ros2 on the path would take over.
        monkeypatch.setenv('PATH', '/usr/bin:/bin')
    return share


@pytest.fixture
def ros2() -> Ros2:
    """Return a function that starts the ros2 command."""

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*ROS2, *words],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    return start


def finish(child: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        output = child.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        pytest.fail(child.communicate()[0])
    return child.returncode, output


def read_until(child: subprocess.Popen[str], text: str) -> str:
    assert child.stdout is not None
    output = ''
    for line in child.stdout:
        output += line
        if text in line:
            return output
    pytest.fail(f'{text!r} not found in:\n{output}')


def launch(ros2: Ros2, package: Path, body: str, *arguments: str) -> tuple[int, str]:
    (package / 'test.launch.py').write_text(f'{HEADER}{body}\n    ])\n')
    return finish(ros2('launch', 'demo', 'test.launch.py', *arguments))


def test_nodes_get_names_remappings_and_typed_parameters(ros2: Ros2, package: Path) -> None:
    (package / 'params.yaml').write_text('/**:\n  ros__parameters: {from_file: 1.5}\n')
    code, output = launch(
        ros2,
        package,
        """
        DeclareLaunchArgument('seconds', default_value='1'),
        DeclareLaunchArgument('label', default_value='yes'),
        PushRosNamespace('outer'),
        Node(package='demo', executable='talker', name='one', namespace='inner', output='screen',
             arguments=['--fail'], remappings=[('in', '/out')], parameters=[
                 PathJoinSubstitution([FindPackageShare('demo'), 'launch', 'params.yaml']),
                 {'plain': LaunchConfiguration('seconds'), 'list': [1.0, 2.0], 'yes': True,
                  'typed': ParameterValue(LaunchConfiguration('seconds'), value_type=float),
                  'text': ParameterValue(LaunchConfiguration('label'), value_type=str)}]),
    """,
        'seconds:=20',
    )
    assert code == 0
    assert (
        "[talker-1] /outer/inner/one /out {'from_file': 1.5, 'list': [1.0, 2.0], 'plain': 20, "
        "'text': 'yes', 'typed': 20.0, 'yes': True}"
    ) in output
    assert re.search(r'\[INFO\] \[talker-1\]: process started with pid \[\d+\]', output)
    assert re.search(
        r'\[ERROR\] \[talker-1\]: process has died \[pid \d+, exit code 3, cmd ', output
    )


def test_shutdown_on_exit_ends_the_others_with_code_0(ros2: Ros2, package: Path) -> None:
    code, output = launch(
        ros2,
        package,
        """
        RegisterEventHandler(OnProcessIO(handle_once=True, on_stdout=lambda event: ExecuteProcess(
            cmd=['sh', '-c', 'exit 4'], on_exit=Shutdown()))),
        Node(package='demo', executable='talker', name='one', output='screen'),
    """,
    )
    assert code == 0
    assert "sending signal 'SIGINT' to process[talker-1]" in output
    assert '[talker-1] stopped' in output
    assert 'process has finished cleanly' in output


def test_exception_in_a_handler_gives_code_1_and_leaves_no_process(
    ros2: Ros2,
    package: Path,
) -> None:
    code, output = launch(
        ros2,
        package,
        """
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, context: 1 / event.returncode)),
        RegisterEventHandler(OnProcessIO(
            handle_once=True, on_stdout=lambda event: ExecuteProcess(cmd=['true']))),
        Node(package='demo', executable='talker', name='one', output='screen'),
    """,
    )
    assert code == 1
    assert 'Caught exception in launch (see debug for traceback): division by zero' in output
    assert '[talker-1] stopped' in output


def test_ctrl_c_and_escalation(ros2: Ros2, package: Path) -> None:
    (package / 'test.launch.py').write_text(
        HEADER
        + """
        ExecuteProcess(cmd=['sh', '-c', 'trap "" INT; echo up; sleep 20 & wait; wait'],
                       output='screen', sigterm_timeout='0.3', sigkill_timeout='0.3'),
        RegisterEventHandler(OnShutdown(on_shutdown=[LogInfo(msg='ending')])),
    ])
"""
    )
    child = ros2('launch', 'demo', 'test.launch.py')
    read_until(child, '[sh-1] up')
    child.send_signal(signal.SIGINT)
    code, output = finish(child)
    assert code == 0
    assert '[WARNING] [launch]: user interrupted with ctrl-c (SIGINT)' in output
    assert "failed to terminate '0.3' seconds after receiving 'SIGINT', escalating to" in output
    assert '[launch.user]: ending' in output


def test_conditions_groups_and_includes(ros2: Ros2, package: Path) -> None:
    (package / 'inner.launch.py').write_text(
        HEADER
        + """
        DeclareLaunchArgument('word'),
        LogInfo(msg=['inner ', LaunchConfiguration('word'), ' ', ThisLaunchFileDir()]),
    ])
"""
    )
    code, output = launch(
        ros2,
        package,
        """
        SetLaunchConfiguration('x', 'outside'),
        GroupAction([SetLaunchConfiguration('x', 'inside'),
                     LogInfo(msg=['x is ', LaunchConfiguration('x')])]),
        LogInfo(msg=['x is ', LaunchConfiguration('x')]),
        LogInfo(msg='never', condition=UnlessCondition(PythonExpression(['1 < 2']))),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource([ThisLaunchFileDir(), '/inner.launch.py']),
            launch_arguments={'word': 'given'}.items()),
        TimerAction(period=0.01, actions=[
            OpaqueFunction(function=lambda context: print('argv', context.argv))]),
    """,
        'unknown:=1',
    )
    assert code == 0
    assert output.index('x is inside') < output.index('x is outside')
    assert 'never' not in output
    assert f'inner given {package}' in output
    assert "argv ['unknown:=1']" in output


def test_arguments_are_shown_and_checked(ros2: Ros2, package: Path) -> None:
    body = """
        DeclareLaunchArgument('mode', default_value='sim', choices=['sim', 'real'],
                              description='What moves'),
        DeclareLaunchArgument('needed'),
    """
    code, output = launch(ros2, package, body, '--show-args')
    assert code == 0
    assert output == (
        "Arguments (pass arguments as '<name>:=<value>'):\n\n"
        "    'mode':\n        What moves. Valid choices are: ['sim', 'real']\n"
        "        (default: 'sim')\n\n    'needed':\n        no description given\n"
    )
    for arguments, message in (
        (['needed:=1', 'mode:=toy'], 'provided value "toy" is not valid'),
        ([], 'Required launch argument "needed"'),
        (['needed'], "malformed launch argument 'needed', expected format '<name>:=<value>'"),
    ):
        code, output = launch(ros2, package, body, *arguments)
        assert code == 1 and message in output


def test_missing_things_are_named(ros2: Ros2, package: Path) -> None:
    for words, message in (
        (['launch', 'nopkg', 'x.launch.py'], "Package 'nopkg' not found"),
        (['launch', 'demo', 'x.launch.py'], "file 'x.launch.py' was not found in the share"),
        (['run', 'nopkg', 'x'], "Package 'nopkg' not found"),
        (['run', 'demo', 'x'], 'No executable found'),
        (['pkg', 'prefix', 'nopkg'], 'Package not found'),
    ):
        code, output = finish(ros2(*words))
        assert code == 1 and message in output
    code, output = finish(ros2('pkg', 'executables', 'demo'))
    assert (code, output) == (0, 'demo talker\n')


@embedded_only('genuine ros2 has all commands')
def test_what_is_not_embedded_is_named(ros2: Ros2, package: Path) -> None:
    code, output = finish(ros2('daemon', 'status'))
    assert code == 1 and "'ros2 daemon' is not part of the embedded" in output


def test_run_hands_arguments_and_codes_through(ros2: Ros2, package: Path) -> None:
    code, output = finish(ros2('run', 'demo', 'talker', '--fail', '--ros-args', '-r', '__ns:=/a'))
    assert code == 3 and output.startswith('/a/talker /a/in')


def test_run_leaves_ctrl_c_to_the_terminal(ros2: Ros2, package: Path) -> None:
    child = ros2('run', 'demo', 'talker')
    read_until(child, '/talker')
    os.killpg(child.pid, signal.SIGINT)
    code, output = finish(child)
    assert (code, output) == (0, 'stopped\n')


def test_run_does_not_pass_sigterm_on(ros2: Ros2, package: Path) -> None:
    child = ros2('run', 'demo', 'talker')
    read_until(child, '/talker')
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == -signal.SIGTERM
    # The node lives on; it has the output still.
    os.killpg(child.pid, signal.SIGINT)
    assert finish(child)[1].endswith('stopped\n')


@embedded_only('it hands over to the genuine one')
def test_genuine_ros2_takes_over(ros2: Ros2, package: Path, tmp_path: Path) -> None:
    genuine = tmp_path / 'ros2'
    genuine.write_text('#!/bin/sh\necho genuine "$@"\n')
    genuine.chmod(0o755)
    os.environ['PATH'] = f'{tmp_path}:{os.environ["PATH"]}'
    assert finish(ros2('topic', 'list')) == (0, 'genuine topic list\n')
    del os.environ['AMENT_PREFIX_PATH']
    code, output = finish(ros2('pkg', 'prefix', 'demo'))
    assert code == 1 and 'Package not found' in output
