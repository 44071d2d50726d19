"""Any features, shapes, names and lengths: what is written is valid and reads back as it was."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recorder_node.dataset import layout, schema
from recorder_node.dataset.compose import compose, parts_of
from recorder_node.dataset.episode import EpisodeData
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.writer import DatasetWriter, Description
from recorder_node.encoding.stats import numeric_stats
from recorder_node.errors import DatasetError
from tests.conftest import small_contract
from tests.small_datasets import problems, record

NUMBERS = [
    'float32',
    'float64',
    'bool',
    *(f'{s}int{b}' for s in ('', 'u') for b in (8, 16, 32, 64)),
]
names = st.text(
    st.characters(codec='utf-8', exclude_categories=['Cs', 'Cc'], exclude_characters='/'),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (*layout.INDEX_FEATURES, '.', '..') and 'image' not in name)
shapes = st.lists(st.integers(1, 3), min_size=1, max_size=5).map(tuple)


@st.composite
def datasets(draw: st.DrawFn) -> tuple[dict[str, dict[str, Any]], list[EpisodeData]]:
    """Return features and episodes of them."""
    features = {}
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        text = draw(st.booleans()) and draw(st.booleans())
        features[name] = {
            'dtype': 'string' if text else draw(st.sampled_from(NUMBERS)),
            'shape': [1] if text else list(draw(shapes)),
            'names': None,
        }
    episodes = []
    for rows in draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)):
        columns: dict[str, Any] = {}
        for name, feature in features.items():
            if feature['dtype'] == 'string':
                columns[name] = draw(st.lists(st.text(max_size=5), min_size=rows, max_size=rows))
            else:
                dtype = np.dtype(feature['dtype'])
                finite = {'min_value': -1e6, 'max_value': 1e6}
                elements = finite if dtype.kind == 'f' else {}
                columns[name] = draw(
                    arrays.arrays(
                        dtype, (rows, *feature['shape']),
                        elements=arrays.from_dtype(dtype, **elements),
                    )
                )  # fmt: skip
        tasks = draw(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=rows))
        of_row = [tasks[row * len(tasks) // rows] for row in range(rows)]
        used = tuple(dict.fromkeys(of_row))
        number = np.array([used.index(task) for task in of_row], np.int32)
        episodes.append(EpisodeData(rows, columns, used, number, {}, {}))
    return features, episodes


@pytest.mark.parametrize('version', layout.VERSIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=datasets())
def test_any_numbers_and_texts(version: str, made: Any) -> None:
    features, episodes = made
    folder = Path(tempfile.mkdtemp())
    try:
        root = folder / 'ds'
        writer = DatasetWriter(root, Description('x', 30, features, version), resume=False)
        for episode in episodes:
            writer.append(episode)
        assert problems(root) == []
        compose(folder / 'copy', parts_of(Dataset(root), range(len(episodes))))
        for dataset in (Dataset(root), Dataset(folder / 'copy')):
            for recorded, episode in zip(dataset.episodes, episodes, strict=True):
                rows = dataset.rows(recorded)
                assert recorded.tasks == tuple(episode.tasks)
                for name, feature in features.items():
                    have = schema.values_of(rows.column(name), feature)
                    if feature['dtype'] == 'string':
                        assert have == episode.columns[name]
                    else:
                        np.testing.assert_array_equal(have, episode.columns[name])
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize('version', layout.VERSIONS)
def test_pictures_in_the_rows(tmp_path: Path, version: str) -> None:
    """More rows than one slice; the files come back byte for byte and memory is not needed."""
    features = {
        'observation.images.cam': {
            'dtype': 'image', 'shape': [4, 6, 3], 'names': ['height', 'width', 'channels'],
        }
    }  # fmt: skip
    import cv2

    files = []
    for row in range(70):
        picture = np.full((4, 6, 3), row, np.uint8)
        files.append(cv2.imencode('.png', picture)[1].tobytes())
    stats = {key: value.reshape(3, 1, 1) if key != 'count' else value
             for key, value in numeric_stats(np.full((70, 3), 0.5)).items()}  # fmt: skip
    writer = DatasetWriter(tmp_path / 'ds', Description('x', 30, features, version), resume=False)
    number = np.zeros(70, np.int32)
    for _ in range(2):
        writer.append(
            EpisodeData(
                70, {'observation.images.cam': files}, ('t',), number, {},
                {'observation.images.cam': stats},
            )
        )  # fmt: skip
    assert problems(writer.root) == []
    dataset = Dataset(writer.root)
    column = dataset.rows(dataset.episodes[1]).column('observation.images.cam')
    assert schema.values_of(column, features['observation.images.cam'])[:] == files
    name = {layout.V30: 'frame-000066.png', layout.V21: 'frame_000066.png'}[version]
    assert column[66]['path'].as_py() == name
    metadata = pq.read_schema(writer.root / dataset.episodes[0].data).metadata[b'huggingface']
    assert b'"observation.images.cam": {"_type": "Image"}' in metadata
    compose(tmp_path / 'copy', parts_of(dataset, [1]))
    assert problems(tmp_path / 'copy') == []


def test_a_name_from_a_file_leads_nowhere_else(tmp_path: Path) -> None:
    features = {'../../x': {'dtype': 'float32', 'shape': [1], 'names': None}}
    with pytest.raises(DatasetError, match='slash'):
        DatasetWriter(tmp_path / 'ds', Description('x', 30, features), resume=False)
    root = record(tmp_path, small_contract(), (3,))
    text = (root / layout.INFO).read_text()
    (root / layout.INFO).write_text(text.replace('observation.images.cam0', '../../../outside'))
    with pytest.raises(DatasetError, match='slash'):
        Dataset(root)
    assert any('slash' in problem for problem in problems(root))
