"""Linters as tests: one command answers whether the tree is clean."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGES = ('so101_driver', 'recorder_node', 'policy_node')
LONGEST_MODULE = 400
LARGEST_FILE = 2 * 2**20


def run(*command: str) -> None:
    result = subprocess.run(
        [sys.executable, '-m', *command], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def tracked() -> list[Path]:
    """Files of the project: what git tracks or would track."""
    listed = subprocess.run(
        ['git', 'ls-files', '-co', '--exclude-standard'],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [REPOSITORY / name for name in listed.stdout.splitlines()]


def modules() -> list[Path]:
    return [p for p in tracked() if p.suffix == '.py' and p.is_file()]


def imported(path: Path) -> set[str]:
    """Return the top-level names that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split('.')[0])
    return names


def test_ruff() -> None:
    run('ruff', 'check', '.')


def test_format() -> None:
    run('ruff', 'format', '--check', '.')


def test_mypy() -> None:
    run('mypy')


def of(*packages: str) -> list[Path]:
    return [path for path in modules() if path.relative_to(REPOSITORY).parts[0] in packages]


def test_recording_needs_neither_torch_nor_lerobot() -> None:
    for path in of('so101_driver', 'recorder_node'):
        assert not imported(path) & {'torch', 'lerobot', 'pandas'}, path


def test_policies_run_on_torch_alone() -> None:
    """LeRobot is asked for by name, and only where a checkpoint needs it."""
    others = {'lerobot', 'torchvision', 'diffusers', 'safetensors', 'pandas'}
    for path in of('policy_node'):
        assert not imported(path) & others, path


def test_modules_stay_small() -> None:
    for path in modules():
        lines = len(path.read_text(encoding='utf-8').splitlines())
        assert lines <= LONGEST_MODULE, f'{path} has {lines} lines'


def test_no_large_or_generated_files() -> None:
    for path in tracked():
        assert path.stat().st_size < LARGEST_FILE, path
        assert path.suffix not in ('.pyc', '.log'), path
        assert path.suffix != '.mp4' or 'tests/data' in path.as_posix(), path


def test_launch_folder_is_no_package() -> None:
    """A package called launch would hide the real one."""
    for folder in ('launch', 'tests/launch'):
        assert not (REPOSITORY / folder / '__init__.py').exists()


def test_package_and_setup_agree() -> None:
    package = ElementTree.parse(REPOSITORY / 'package.xml').getroot()
    setup = (REPOSITORY / 'setup.py').read_text()
    assert package.get('format') == '3'
    assert package.findtext('name') == 'recorder'
    assert f"version='{package.findtext('version')}'" in setup
    assert package.findtext('license') == 'Apache-2.0'
    assert (REPOSITORY / 'resource' / 'recorder').is_file()
    assert (REPOSITORY / 'embedded_ros2' / 'COLCON_IGNORE').is_file()


def anchor(heading: str) -> str:
    """Return the name by which links lead to a heading, as GitHub makes it."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


@pytest.mark.parametrize('page', [p for p in tracked() if p.suffix == '.md'], ids=lambda p: p.stem)
def test_links_of_the_docs_lead_somewhere(page: Path) -> None:
    for target, part in re.findall(r'\]\(([^)#\s]*)(?:#([^)\s]+))?\)', page.read_text()):
        if target.startswith('http'):
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        if part:
            headings = re.findall(r'^#+ (.*)$', file.read_text(), re.MULTILINE)
            assert part in map(anchor, headings), f'{target}#{part}'


def test_launch_arguments_of_the_readme_exist() -> None:
    from policy_node.evaluation.arguments import table_of_evaluation
    from recorder_node.bringup.arguments import table_of_arguments

    text = (REPOSITORY / 'README.md').read_text()
    known = set(table_of_arguments()) | set(table_of_evaluation())
    blocks = re.findall(r'```bash\n(.*?)```', text, re.DOTALL)
    used = {name for block in blocks for name in re.findall(r'\b(\w+):=', block)}
    assert used
    assert used <= known
