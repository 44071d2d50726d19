"""Launch arguments that only `ros2 launch` understands, and texts on their way to a node."""

from __future__ import annotations

import re

import pytest
import yaml

from recorder_node.bringup.arguments import Text, table_of_arguments, unknown_arguments


@pytest.mark.parametrize('text', ['08', 'y', '1e5', 'N', '', 'true', 'me/cube', "it's 5"])
def test_a_text_is_quoted_so_that_ros_reads_no_number_or_boolean(text: str) -> None:
    dumped = yaml.dump({'id': Text(text)}, default_flow_style=False)
    assert re.fullmatch(r"id: '.*'\n", dumped)
    assert yaml.safe_load(dumped) == {'id': text}


def test_options_of_ros2_launch_itself_are_known() -> None:
    given = {'launch-prefix': 'nice', '__secure': 'true', 'fps': '30'}
    assert unknown_arguments(given, table_of_arguments()) == []
    (problem,) = unknown_arguments(
        {'colour': 'red', 'launch-prefix-filter': 'recorder'}, table_of_arguments()
    )
    assert '"colour"' in problem
