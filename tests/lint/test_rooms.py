"""The rooms: a module imports only from its own room and from those on the floors below."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# From the ground up; '' are the modules on a package's top floor.
FLOORS = {
    'so101_driver': ('', 'common', 'bus', 'arm', 'simulator', 'cameras', 'tools', 'ros'),
    'recorder_node': (
        '', 'contract', 'streams', 'encoding', 'episode', 'dataset', 'hub', 'session', 'cli',
        'bringup', 'ros',
    ),
    'policy_node': ('', 'checkpoint', 'networks', 'runtime', 'evaluation', 'ros'),
}  # fmt: skip
PACKAGES = tuple(FLOORS)
ROS = ('rclpy', 'launch', 'launch_ros', 'ament_index_python', 'cv_bridge')
MOST_ON_TOP = 6


def modules(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob('*.py'))


def room(name: str) -> tuple[str, str]:
    """Return package and room of a dotted module name; a room may hold folders of its own."""
    package, *rest = name.split('.')
    return package, rest[0] if rest and rest[0] in FLOORS[package] else ''


def dotted(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imports(path: Path) -> set[str]:
    """Return the dotted names of everything that a module imports, at any place in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f'{node.module}.{alias.name}' for alias in node.names}
    return found


@pytest.mark.parametrize('package', PACKAGES)
def test_every_folder_is_a_room(package: str) -> None:
    folders = {p.name for p in (REPOSITORY / package).iterdir() if (p / '__init__.py').is_file()}
    assert folders == set(FLOORS[package]) - {''}
    on_top = [p.name for p in (REPOSITORY / package).glob('*.py') if p.name != '__init__.py']
    assert len(on_top) <= MOST_ON_TOP, on_top


@pytest.mark.parametrize('package', PACKAGES)
def test_no_arrow_runs_upward(package: str) -> None:
    floors = FLOORS[package]
    wrong = []
    for path in modules(package):
        here = room(dotted(path))[1]
        for name in imports(path):
            if name.split('.')[0] == package and floors.index(room(name)[1]) > floors.index(here):
                wrong.append(f'{dotted(path)} imports {name}')
    # Entry points name what they start; they import it when called.
    assert not wrong, '\n'.join(wrong)


@pytest.mark.parametrize('package', PACKAGES)
def test_imports_point_one_way_between_packages(package: str) -> None:
    above = PACKAGES[PACKAGES.index(package) + 1 :]
    for path in modules(package):
        assert not {name.split('.')[0] for name in imports(path)} & set(above), path


@pytest.mark.parametrize('package', PACKAGES)
def test_modules_of_a_package_form_no_circle(package: str) -> None:
    names = {dotted(path): path for path in modules(package)}
    edges = {
        name: {
            target
            for wanted in imports(path)
            for target in (wanted, wanted.rpartition('.')[0])
            if target in names and target != name
        }
        for name, path in names.items()
    }
    seen: dict[str, str] = {}

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert seen.get(name) != 'open', ' -> '.join((*way, name))
        if name not in seen:
            seen[name] = 'open'
            for target in sorted(edges[name]):
                walk(target, (*way, name))
            seen[name] = 'done'

    for name in edges:
        walk(name, ())


def test_ros_stays_in_its_rooms() -> None:
    for package in PACKAGES:
        for path in modules(package):
            name = dotted(path)
            rim = room(name)[1] == 'ros' or name == 'recorder_node.bringup.launching'
            used = {wanted.split('.')[0] for wanted in imports(path)}
            ros = {n for n in used if n in ROS or n.endswith(('_msgs', '_srvs', '_interfaces'))}
            assert rim or not ros, f'{name} imports {ros}'
