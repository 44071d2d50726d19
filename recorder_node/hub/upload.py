"""Uploads a dataset of format v3.0 or v2.1 to the Hugging Face Hub, as LeRobot loads it.

Order: repository, then the contents of large files (the Hub keeps them unnamed until a commit
names them, so an upload that was cut goes on where it stopped), then one commit that adds what is
new and removes what is no longer there, then the tag. LeRobot loads the revision with the tag of
the format's version, so its users see the old dataset or the new one. Only a commit of more than
`COMMIT_FILES` files is divided; the last part then holds meta/info.json and the removals.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from recorder_node.dataset import layout
from recorder_node.dataset.card import card
from recorder_node.dataset.check import Checker
from recorder_node.errors import HubError
from recorder_node.hub.failures import Patience, persist
from recorder_node.hub.files import LocalFile, groups, top
from recorder_node.hub.library import connect
from recorder_node.hub.snapshot import CARD, Snapshot

T = TypeVar('T')

# Folders in which the repository shall hold nothing but the dataset's files; loaders glob data/.
OWNED = ('data', 'meta', 'videos', 'recorder')
COMMIT_FILES = 2000
_ORDER = ('recorder', 'videos', 'data')


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far an upload is; the counts never go back. `note` says what a wait is for."""

    phase: str
    files: int = 0
    files_total: int = 0
    bytes: int = 0
    bytes_total: int = 0
    note: str = ''

    @property
    def percent(self) -> float:
        """Share of the bytes that the Hub has."""
        return 100.0 * self.bytes / self.bytes_total if self.bytes_total else 0.0


def push(
    root: Path,
    repo_id: str,
    *,
    private: bool = False,
    tags: Sequence[str] = (),
    check: bool = True,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancel: threading.Event | None = None,
    patience: Patience | None = None,
    endpoint: str | None = None,
) -> str:
    """Upload a dataset and return its address; a session may go on writing it meanwhile.

    Args:
        root: the dataset's folder.
        repo_id: user/name.
        private: make a new repository private; a public one that exists is refused.
        tags: the user's tags for the card.
        check: look at every row and frame first, as `validate` does.
        on_progress: called from this thread.
        cancel: stops the upload between two groups of files.
        patience: for failures that may pass.
        endpoint: the Hub's address; default HF_ENDPOINT, else the public one.

    Raises:
        HubError: with the reason and the cure. The dataset on disk is never touched.
    """
    if problems := layout.repo_id_problems(repo_id):
        raise HubError('; '.join(problems))
    patience = patience or Patience()
    api = connect(endpoint, patience.answer_s)
    on_progress(Progress('reading'))
    with Snapshot(root) as snapshot:
        if check:
            on_progress(Progress('checking'))
            if problems := Checker(snapshot.folder).run():
                raise HubError(f'{root} is damaged:\n  - ' + '\n  - '.join(problems))
        upload = _Upload(
            api, repo_id, snapshot, tags, on_progress, cancel or threading.Event(), patience
        )
        return upload.run(private)


class _Upload:
    """One upload, in steps each of which may be repeated."""

    def __init__(
        self,
        api: Any,
        repo_id: str,
        snapshot: Snapshot,
        tags: Sequence[str],
        on_progress: Callable[[Progress], None],
        cancel: threading.Event,
        patience: Patience,
    ) -> None:
        self._api = api
        self._repo: dict[str, str] = {'repo_id': repo_id, 'repo_type': 'dataset'}
        self._snapshot = snapshot
        self._tags = tags
        self._on_progress = on_progress
        self._cancel = cancel
        self._patience = patience
        self._files: list[LocalFile] = []
        self._additions: dict[str, Any] = {}
        self._progress = Progress('connecting')

    def run(self, private: bool) -> str:
        """Do it all; return the dataset's address."""
        self._tell()
        url = self._persist('create the repository', lambda: self._create(private))
        text = card(self._snapshot.info, self._repo['repo_id'], self._tags)
        self._files = [LocalFile(name, path) for name, path in self._snapshot.files.items()]
        self._files.append(LocalFile(CARD, text.encode()))
        self._tell(
            phase='comparing',
            files_total=len(self._files),
            bytes_total=sum(file.size for file in self._files),
        )
        remote = self._persist('list the repository', self._remote)
        new = []
        for file in self._files:
            self._stop_if_cancelled()
            if file.is_at(remote.get(file.name)):
                self._count([file])
            else:
                new.append(file)
        self._tell(phase='uploading')
        for group in groups(new):
            self._persist(f'upload {group[0].name}', functools.partial(self._send, group))
            self._count(group)
        self._tell(phase='committing')
        revision = self._persist('commit', self._commit)
        self._persist('tag the revision', lambda: self._tag(revision))
        self._tell(phase='done')
        return url

    def _create(self, private: bool) -> str:
        # Without a wish the organisation's own default holds.
        url = self._api.create_repo(**self._repo, private=private or None, exist_ok=True)
        self._repo['repo_id'] = url.repo_id
        if private:
            found = self._api.dataset_info(url.repo_id, timeout=self._patience.answer_s)
            if not found.private:
                raise HubError(
                    f'{url.repo_id} exists and is public; make it private in its settings, '
                    'or choose another repo_id'
                )
        return str(url)

    def _remote(self) -> dict[str, Any]:
        from huggingface_hub.hf_api import RepoFile

        tree = self._api.list_repo_tree(**self._repo, recursive=True)
        return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}

    def _send(self, group: Sequence[LocalFile]) -> None:
        """Send what the Hub does not have yet of the large files; small ones go by the commit."""
        additions = [self._addition(file) for file in group]
        self._api.preupload_lfs_files(**self._repo, additions=additions, free_memory=False)

    def _addition(self, file: LocalFile) -> Any:
        from huggingface_hub import CommitOperationAdd

        if file.name not in self._additions:
            self._additions[file.name] = CommitOperationAdd(file.name, file.content)
        return self._additions[file.name]

    def _commit(self) -> str:
        """Make the repository hold exactly the dataset; return the revision.

        Compares again, so that a commit whose answer was lost is not made twice.
        """
        from huggingface_hub import CommitOperationDelete

        remote = self._remote()
        names = {file.name for file in self._files}
        new = sorted(
            (file for file in self._files if not file.is_at(remote.get(file.name))),
            key=lambda file: _rank(file.name),
        )
        operations = [self._addition(file) for file in new]
        gone = sorted(name for name in remote if top(name) in OWNED and name not in names)
        info = self._snapshot.info
        message = f'Upload {info["total_episodes"]} episodes, {info["total_frames"]} frames'
        while len(operations) > COMMIT_FILES:
            part, operations = operations[:COMMIT_FILES], operations[COMMIT_FILES:]
            self._api.create_commit(**self._repo, operations=part, commit_message=message)
        operations += [CommitOperationDelete(name) for name in gone]
        if operations:
            made = self._api.create_commit(
                **self._repo, operations=operations, commit_message=message
            )
            return str(made.oid)
        branches = self._api.list_repo_refs(**self._repo).branches
        return str(next(branch.target_commit for branch in branches if branch.name == 'main'))

    def _tag(self, revision: str) -> None:
        """Move the version's tag to the revision; LeRobot asks for the tag."""
        version = str(self._snapshot.info['codebase_version'])
        tags = {tag.name: tag.target_commit for tag in self._api.list_repo_refs(**self._repo).tags}
        if tags.get(version) == revision:
            return
        if version in tags:
            self._api.delete_tag(**self._repo, tag=version)
        self._api.create_tag(**self._repo, tag=version, revision=revision)

    def _persist(self, what: str, step: Callable[[], T]) -> T:
        return persist(
            step,
            what,
            self._api.endpoint,
            self._patience,
            self._cancel,
            lambda note: self._on_progress(dataclasses.replace(self._progress, note=note)),
        )

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set():
            raise HubError('stopped')

    def _count(self, files: Sequence[LocalFile]) -> None:
        self._tell(
            files=self._progress.files + len(files),
            bytes=self._progress.bytes + sum(file.size for file in files),
        )

    def _tell(self, **changes: Any) -> None:
        self._progress = dataclasses.replace(self._progress, **changes)
        self._on_progress(self._progress)


def _rank(name: str) -> tuple[bool, int, str]:
    """Sort as a publication does: what names other files after them, the counters last."""
    folder = top(name)
    rank = _ORDER.index(folder) if folder in _ORDER else len(_ORDER)
    return name == layout.INFO, rank, name
