"""Which files of a folder are the dataset's own; all others belong to somebody else and stay."""

from __future__ import annotations

from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.dataset.reader import Dataset

_META = {
    layout.V30: (layout.STATS, layout.TASKS),
    layout.V21: (layout.V21_EPISODES, layout.V21_EPISODES_STATS, layout.V21_TASKS),
}
_RECORDER = ('recorder/stamps/episode_*.feather',)


def own_files(dataset: Dataset) -> list[str]:
    """Return the files that make up a dataset, by their names in it; info.json comes first.

    What the records do not name, such as meta/modality.json, a README or annotations, is not
    the dataset's.
    """
    names = {layout.REPORTS, *_META[dataset.version]}
    for episode in dataset.recorded:
        names |= {episode.data, *(span.path for span in episode.videos.values())}
        if episode.meta:
            names.add(episode.meta)
    for pattern in _RECORDER:
        names |= {path.relative_to(dataset.root).as_posix() for path in dataset.root.glob(pattern)}
    there = sorted(name for name in names if (dataset.root / name).is_file())
    return [layout.INFO, *there]


def other_meta_files(root: Path, own: list[str]) -> list[str]:
    """Return the files below meta/ that others put there, by their names in the dataset.

    Side files that an operating system makes are nobody's.
    """
    paths = sorted((root / 'meta').rglob('*'))
    names = [
        path.relative_to(root).as_posix()
        for path in paths
        if path.is_file() and not path.name.startswith(('._', '.DS_Store'))
    ]
    return [n for n in names if n not in set(own) and not n.startswith('meta/episodes/')]
