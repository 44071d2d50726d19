"""Where things lie in a LeRobot dataset, and LeRobot's constants.

Format v2.1 is that of lerobot 0.3, v3.0 that of 0.4.0 to 0.6.1.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from recorder_node.errors import DatasetError
from so101_driver.common.errors import ConfigError

V30 = 'v3.0'
V21 = 'v2.1'
VERSIONS = (V30, V21)
CHUNKS_SIZE = 1000
DATA_FILES_SIZE_IN_MB = 100
VIDEO_FILES_SIZE_IN_MB = 200
DATA_PATH = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO_PATH = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
EPISODES_PATH = 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
V21_DATA_PATH = 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet'
V21_VIDEO_PATH = 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4'
V21_EPISODES = 'meta/episodes.jsonl'
V21_EPISODES_STATS = 'meta/episodes_stats.jsonl'
V21_TASKS = 'meta/tasks.jsonl'
INFO = 'meta/info.json'
STATS = 'meta/stats.json'
TASKS = 'meta/tasks.parquet'
# Ours, outside meta/ because loaders fetch that folder whole.
REPORTS = 'recorder/episodes.jsonl'
# No parquet: lerobot 0.3 counts every such file below the root when it records.
STAMPS_PATH = 'recorder/stamps/episode_{episode_index:06d}.feather'

# Beside the dataset, in its recording folder.
REMOVED = 'removed-'

# Beyond 1024 s float32 time stamps are coarser than LeRobot's tolerance of 1e-4 s.
MAX_EPISODE_S = 1000.0

INDEX_FEATURES = {
    'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None},
    'frame_index': {'dtype': 'int64', 'shape': [1], 'names': None},
    'episode_index': {'dtype': 'int64', 'shape': [1], 'names': None},
    'index': {'dtype': 'int64', 'shape': [1], 'names': None},
    'task_index': {'dtype': 'int64', 'shape': [1], 'names': None},
}

# Everything in info.json that a writer of either format sets; other keys are somebody's own.
INFO_KEYS = frozenset({
    'codebase_version', 'robot_type', 'total_episodes', 'total_frames', 'total_tasks',
    'total_videos', 'total_chunks', 'chunks_size', 'data_files_size_in_mb',
    'video_files_size_in_mb', 'fps', 'splits', 'data_path', 'video_path', 'features',
})  # fmt: skip

_REPO_ID = re.compile(r'[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?', re.ASCII)
_OLD = re.compile(r'_old\d*')
_FILE = re.compile(r'chunk-(\d+)/file-(\d+)\.')

Place = tuple[int, int]
FIRST: Place = (0, 0)


def at(template: str, place: Place, **names: str) -> str:
    """Return the path of a v3.0 file, relative to the root."""
    return template.format(chunk_index=place[0], file_index=place[1], **names)


def v21_data(episode: int, chunks_size: int = CHUNKS_SIZE) -> str:
    """Return the data file of an episode in format v2.1."""
    return V21_DATA_PATH.format(episode_chunk=episode // chunks_size, episode_index=episode)


def v21_video(episode: int, key: str, chunks_size: int = CHUNKS_SIZE) -> str:
    """Return the video file of an episode and camera in format v2.1."""
    return V21_VIDEO_PATH.format(
        episode_chunk=episode // chunks_size, episode_index=episode, video_key=key
    )


def following(place: Place) -> Place:
    """Return the chunk and file number after these."""
    chunk, file = place
    return (chunk, file + 1) if file + 1 < CHUNKS_SIZE else (chunk + 1, 0)


def next_free(folder: Path) -> Place:
    """Return the first place after all files below `folder`, whatever wrote them."""
    places = [
        (int(match[1]), int(match[2]))
        for path in folder.glob('chunk-*/file-*')
        if (match := _FILE.search(path.as_posix()))
    ]
    return following(max(places)) if places else FIRST


def default_root(repo_id: str) -> Path:
    """Return LeRobot's folder for a dataset: `$HF_LEROBOT_HOME/<repo_id>`."""
    home = os.environ.get('HF_LEROBOT_HOME')
    if not home:
        hub = os.environ.get('HF_HOME') or str(
            Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache') / 'huggingface'
        )
        home = str(Path(hub) / 'lerobot')
    return Path(home).expanduser() / repo_id


def resolved(path: Path) -> Path:
    """Return where a folder really lies: two paths that lead to one dataset become one.

    Locks, takes and logs lie beside the dataset, so they must not depend on the way to it.
    """
    return path.expanduser().resolve()


def resolve_root(root: str, repo_id: str) -> Path:
    """Return the dataset's folder from the arguments `root` and `repo_id`."""
    return resolved(Path(root) if root else default_root(repo_id))


def repo_id_problems(repo_id: str) -> list[str]:
    """Say what is wrong with a repo_id, by the Hub's own rules; it never leads out of its folder.

    Where huggingface_hub is not installed, which recording does not need, a part of them counts.
    """
    try:
        # Imported when asked: most commands never ask.
        from huggingface_hub.utils import HFValidationError, validate_repo_id
    except ImportError:
        plain = _REPO_ID.fullmatch(repo_id) and '..' not in repo_id and '--' not in repo_id
        why = '' if plain else 'letters, digits, "-", "_" and "." are allowed'
    else:
        try:
            validate_repo_id(repo_id)
            why = ''
        except HFValidationError as error:
            why = str(error).removesuffix('.')
    return [f'repo_id is "{repo_id}"; it must look like user/name: {why}'] if why else []


def recording_folder(root: Path) -> Path:
    """Return the folder beside the dataset where takes in progress live."""
    return root.with_name(f'{root.name}.recording')


def removed_folder(root: Path, name: str) -> Path:
    """Return the folder for what a change takes out of a dataset."""
    return recording_folder(root) / f'{REMOVED}{name}'


def old_suffix(root: Path, name: str) -> str:
    """Return what is behind the dataset's name in that of a replaced version of it, else ''."""
    suffix = name.removeprefix(root.name) if name.startswith(root.name) else ''
    return suffix if _OLD.fullmatch(suffix) else ''


def old_folder(root: Path) -> Path:
    """Return a free place beside a dataset for the version that an edit replaces."""
    numbers = itertools.chain([''], itertools.count(2))
    return next(
        p for n in numbers if not os.path.lexists(p := root.with_name(f'{root.name}_old{n}'))
    )


def check_names(features: Iterable[str]) -> None:
    """Refuse feature names that lead out of the folder that a camera's videos lie in.

    Raises:
        DatasetError: naming the first.
    """
    for name in features:
        if '/' in name or '\0' in name or name in ('', '.', '..'):
            raise DatasetError(f'feature "{name}": a name holds no slash and is not . or ..')


def commit_log(root: Path) -> Path:
    """Return the file that exists while a change of the dataset is not complete."""
    return recording_folder(root) / 'publish' / 'commit.json'


def root_problems(root: Path, resume: bool) -> list[str]:
    """Say why a dataset cannot be written at `root`, without changing anything."""
    if root.exists() and not root.is_dir():
        return [f'root {root} is a file']
    if resume and commit_log(root).is_file():
        return []
    exists = root.is_dir() and any(root.iterdir())
    if exists and not resume:
        return [
            f'root {root} exists and is not empty; give resume:=true to add episodes to it, '
            'or another repo_id or root'
        ]
    if resume and not exists:
        return [f'resume is true but there is no dataset at {root}']
    if resume and not (root / INFO).is_file():
        return [f'root {root} is not a dataset: {INFO} is missing']
    for folder in (root, *_changed_folders(root), root.parent):
        if why := _why_not_writable(folder):
            cure = ''
            if folder == root.parent and os.path.ismount(root):
                # Takes in progress lie beside the dataset, which is outside a disk's top folder.
                cure = f'; choose a folder inside it, such as root:={root / "dataset"}'
            return [f'root {root} cannot be written: {why}{cure}']
    return []


def _changed_folders(root: Path) -> list[Path]:
    """Return the folders that a save writes into; each may lie on a disk of its own."""
    names = ('meta', 'data', 'videos', 'recorder')
    return [folder for name in names if (folder := root / name).is_dir()]


def _why_not_writable(folder: Path) -> str:
    """Try it in the nearest folder that exists; permissions alone do not tell everything."""
    while not folder.exists():
        folder = folder.parent
    try:
        Path(tempfile.mkdtemp(prefix='.recorder-', dir=folder)).rmdir()
    except OSError as error:
        return f'{error.strerror} in {folder}'
    return ''


def check_root(root: Path, resume: bool) -> None:
    """Refuse a root that cannot be written.

    Raises:
        ConfigError: with the reason and the cure.
    """
    if problems := root_problems(root, resume):
        raise ConfigError(problems)
