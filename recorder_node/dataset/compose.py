"""Makes a dataset of episodes of others: copy, verify, and only then switch.

Videos are linked or cut without encoding again, numbers are copied, indices and statistics made
anew. The sources are never changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pyarrow import feather

from recorder_node.dataset import files, layout, schema, sidecars, splice
from recorder_node.dataset.belongings import other_meta_files, own_files
from recorder_node.dataset.check import Checker
from recorder_node.dataset.episode import EpisodeData
from recorder_node.dataset.likeness import check_alike, check_codecs
from recorder_node.dataset.measure import measure
from recorder_node.dataset.publish import link_or_copy
from recorder_node.dataset.reader import Dataset
from recorder_node.dataset.recode import codec_of, recode
from recorder_node.dataset.records import Episode
from recorder_node.dataset.writer import DatasetWriter, Description
from recorder_node.encoding.codecs import Codec
from recorder_node.encoding.stats import QUANTILES, Stats
from recorder_node.errors import DatasetError, EncodeError


@dataclasses.dataclass(frozen=True)
class Options:
    """What a copy changes besides the choice and order of episodes.

    Args:
        restamp: give rows and frames new times, n / fps; else theirs must be that already.
        codec: encode again, by this codec, videos that have another.
    """

    restamp: bool = False
    codec: Codec | None = None


DEFAULTS = Options()


class Part(NamedTuple):
    """One episode of a dataset that is to be taken over."""

    dataset: Dataset
    episode: Episode


def parts_of(dataset: Dataset, indices: Sequence[int]) -> list[Part]:
    """Return episodes by their index, in the order given.

    Raises:
        DatasetError: naming those that do not exist.
    """
    if missing := [str(index) for index in indices if not 0 <= index < len(dataset.episodes)]:
        raise DatasetError(
            f'{dataset.root} has episodes 0..{len(dataset.episodes) - 1}, not {", ".join(missing)}'
        )
    return [Part(dataset, dataset.episodes[index]) for index in indices]


def compose(
    target: Path,
    parts: Sequence[Part],
    version: str = 'auto',
    progress: Callable[[int, int], None] = lambda done, total: None,
    options: Options = DEFAULTS,
) -> None:
    """Write a new dataset of these episodes and check it whole.

    Args:
        target: a folder that does not exist yet.
        parts: the episodes, in their new order; of datasets that agree in rate, robot type and
            features.
        version: format; `auto` is that of the first episode's dataset.
        progress: called with the episodes done and wanted.
        options: what else is changed on the way.

    Raises:
        DatasetError: when the sources differ, one is damaged, or the result does not verify;
            nothing is left behind.
        ConfigError: when the target exists or cannot be written.
        OSError: when the disk refuses; nothing is left behind.
    """
    if not parts:
        raise DatasetError('a dataset cannot be without episodes')
    sources = list({part.dataset.root: part.dataset for part in parts}.values())
    description = _description(sources[0], version)
    check_alike(sources, description)
    if not options.codec:
        check_codecs(sources)
    others = _other_meta(sources)
    writer = DatasetWriter(target, description, resume=False)
    work = layout.recording_folder(target) / 'videos'
    try:
        for number, part in enumerate(parts):
            work.mkdir(parents=True, exist_ok=True)
            try:
                _take_over(writer, part, work, options)
            except (DatasetError, EncodeError) as error:
                where = f'{part.dataset.root} episode {part.episode.index}'
                raise DatasetError(f'{where}: {error}') from error
            progress(number + 1, len(parts))
        for name, path in others.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
        if problems := Checker(target).run():
            sources_named = ', '.join(str(source.root) for source in sources)
            raise DatasetError(
                f'the copy of {sources_named} does not verify:\n  - ' + '\n  - '.join(problems)
            )
        _compare(Dataset(target), parts, options)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.parent.rmdir()


def _other_meta(sources: Sequence[Dataset]) -> dict[str, Path]:
    """Return what others put into meta/, such as subtasks that rows refer to by number.

    Raises:
        DatasetError: when two sources hold different files under one name.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for name in other_meta_files(source.root, own_files(source)):
            path = source.root / name
            if name in found and found[name].read_bytes() != path.read_bytes():
                raise DatasetError(
                    f'{found[name]} and {path} differ, and the result can hold only one; make '
                    'them equal, or move one away'
                )
            found[name] = path
    return found


def _description(dataset: Dataset, version: str) -> Description:
    features = {
        name: {key: value for key, value in feature.items() if key != 'fps'}
        for name, feature in dataset.features.items()
        if name not in layout.INDEX_FEATURES
    }
    return Description(
        dataset.info.get('robot_type'),
        dataset.fps,
        features,
        dataset.version if version == 'auto' else version,
        {key: value for key, value in dataset.info.items() if key not in layout.INFO_KEYS},
    )


def _take_over(writer: DatasetWriter, part: Part, work: Path, options: Options) -> None:
    dataset, episode = part
    rows = dataset.rows(episode)
    columns = {
        name: dataset.values(rows, name)
        for name in schema.columns_of(dataset.features)
        if name not in layout.INDEX_FEATURES
    }
    numbers = [dataset.tasks[index] for index in rows.column('task_index').to_pylist()]
    tasks = list(dict.fromkeys(numbers))
    videos = {}
    for number, key in enumerate(dataset.video_keys):
        videos[key] = work / f'{number}.mp4'
        _video(dataset, episode, key, videos[key], options)
    stamps = dataset.root / layout.STAMPS_PATH.format(episode_index=episode.index)
    writer.append(
        EpisodeData(
            length=episode.length,
            columns=columns,
            tasks=tasks,
            task_of_row=np.array([tasks.index(task) for task in numbers], np.int32),
            videos=videos,
            picture_stats=_picture_stats(dataset, episode, columns, videos),
            extra=episode.extra,
        ),
        sidecars.reports(dataset.root).get(episode.index),
        feather.read_table(stamps) if stamps.is_file() else None,
    )


def _video(dataset: Dataset, episode: Episode, key: str, target: Path, options: Options) -> None:
    """Link an episode's video when it has a file of its own, else cut it out of the file."""
    span = episode.videos[key]
    # Files may be links into a cache, and a link to a relative link leads nowhere.
    source = (dataset.root / span.path).resolve()
    target.unlink(missing_ok=True)
    alone = span.begin_s == 0 and files.count_frames(source) == episode.length
    if alone and not options.restamp:
        link_or_copy(source, target)
    else:
        begin = round(span.begin_s * dataset.fps)
        splice.cut(source, target, dataset.fps, begin, episode.length, options.restamp)
    if options.codec is not None and codec_of(target) != options.codec.name:
        recode(target, key, dataset.features[key], dataset.fps, options.codec)


def _picture_stats(
    dataset: Dataset,
    episode: Episode,
    columns: dict[str, schema.Column],
    videos: dict[str, Path],
) -> dict[str, Stats]:
    """Return what the source knows, or measure anew what it lacks or got wrong."""
    known = dataset.stats(episode)
    result = {}
    for name, feature in dataset.features.items():
        if not schema.is_picture(feature):
            continue
        stats = known.get(name, {})
        # lerobot 0.4.0 to 0.5.1 wrote a standard deviation of zero, v2.1 has no quantiles.
        sound = {'min', 'max', 'mean', 'std', 'count', *QUANTILES} <= set(stats) and not (
            (stats['std'] == 0) & (stats['min'] < stats['max'])
        ).any()
        if not sound:
            source: Any = videos[name] if name in videos else columns[name]
            stats = measure(source, name, feature)
        result[name] = stats
    return result


def _compare(result: Dataset, parts: Sequence[Part], options: Options) -> None:
    """Compare every value with its source; the indices differ by intention."""
    changed = {'episode_index', 'index', 'task_index', *(['timestamp'] * options.restamp)}
    for episode, part in zip(result.episodes, parts, strict=True):
        here, there = result.rows(episode), part.dataset.rows(part.episode)
        for name in schema.columns_of(result.features):
            if name in changed:
                continue
            a, b = result.values(here, name), part.dataset.values(there, name)
            same = np.array_equal(a, b) if isinstance(a, np.ndarray) else list(a) == list(b)
            if not same:
                raise DatasetError(f'episode {episode.index}: {name} is not as in the source')
        tasks = [
            [dataset.tasks[index] for index in rows.column('task_index').to_pylist()]
            for dataset, rows in ((result, here), (part.dataset, there))
        ]
        if tasks[0] != tasks[1]:
            raise DatasetError(f'episode {episode.index}: its tasks are not as in the source')
