"""The dataset card: what the Hub reads in its head, and that nothing in it can break out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from recorder_node.dataset.card import card

INFO: dict[str, Any] = {'codebase_version': 'v3.0', 'fps': 30, 'robot_type': 'so_follower'}


def head(text: str) -> dict[str, Any]:
    empty, block, _ = text.split('---\n', 2)
    assert empty == ''
    content: dict[str, Any] = yaml.safe_load(block)
    return content


def test_the_head_says_what_the_hub_filters_and_shows() -> None:
    assert head(card(INFO, 'me/cubes', ['tabletop'])) == {
        'license': 'apache-2.0',
        'task_categories': ['robotics'],
        'tags': ['LeRobot', 'tabletop'],
        'configs': [{'config_name': 'default', 'data_files': 'data/*/*.parquet'}],
    }


@pytest.mark.parametrize(
    'tag',
    ['a: b', '---', '"', "it's", '123', 'no', '[x]', '{y}', '# z', 'über', '- a'],
)
def test_any_tag_stays_one_tag(tag: str) -> None:
    assert head(card(INFO, 'me/cubes', [tag]))['tags'] == ['LeRobot', tag]


def test_a_tag_cannot_end_the_head() -> None:
    assert head(card(INFO, 'me/cubes', ['a\n---\nb', ' ']))['tags'] == ['LeRobot', 'a --- b']


def test_a_tag_appears_once() -> None:
    assert head(card(INFO, 'me/cubes', ['a', 'LeRobot', 'a']))['tags'] == ['LeRobot', 'a']


def test_the_body_shows_the_info_and_links_to_the_visualizer() -> None:
    info = {**INFO, 'features': {'```': 'grün'}}
    text = card(info, 'me/cubes', license_id='mit')
    assert head(text)['license'] == 'mit'
    assert json.loads(text.split('```json\n')[1].split('\n```\n')[0]) == info
    assert 'lerobot/visualize_dataset?path=me/cubes)' in text
    headings = [line for line in text.splitlines() if line.startswith('## ')]
    assert headings == ['## Dataset Description', '## Dataset Structure', '## Citation']
