"""What comes after the last take: the videos are joined, then the dataset is uploaded if asked.

Nothing of it runs on the path of a save or of a signal; a close gives it up.
"""

from __future__ import annotations

from concurrent.futures import Future

from recorder_node.hub.command_line import split_tags
from recorder_node.hub.pusher import DONE, RUNNING, Pusher
from recorder_node.log import Log
from recorder_node.session.config import RecorderConfig
from recorder_node.session.engine import Engine
from recorder_node.streams.messages import NS

EXIT_NOT_PUSHED = 4
_TELL_EVERY_NS = 10 * NS


class Finishing:
    """Joins the videos and uploads, one step at a time; `step` is called until it is through.

    Args:
        engine: joins the videos in its writer's thread.
        config: says whether and how to upload.
        pusher: uploads in a process of its own.
        log: for people.
    """

    def __init__(self, engine: Engine, config: RecorderConfig, pusher: Pusher, log: Log) -> None:
        self._engine = engine
        self._config = config
        self._pusher = pusher
        self._log = log
        self._joined: Future[tuple[int, int]] | None = None
        self._pushing = False
        self._told_ns = 0

    def push(self, root_has_episodes: bool) -> tuple[bool, str]:
        """Begin an upload of what is durable; return whether, and the words for the reply."""
        if not root_has_episodes:
            return False, 'push_to_hub is refused: the dataset has no episode yet'
        config = self._config
        tags = split_tags(config.tags)
        begun = self._pusher.start(config.dataset_root, config.repo_id, config.private, tags)
        if not begun:
            return False, 'push_to_hub is refused: an upload is under way'
        return True, f'uploading {config.repo_id}; its progress is in the status'

    def step(self, now_ns: int, has_episodes: bool) -> int | None:
        """Go on; return the exit code once everything is done, None before.

        Args:
            now_ns: steady time.
            has_episodes: whether there is anything to finish.
        """
        if self._joined is None:
            self._joined = self._engine.consolidate()
        if not self._joined.done():
            return None
        if self._config.push_to_hub and has_episodes and not self._pushing:
            self._tell_joined()
            # One that the service began may be under way; it lacks what was joined just now.
            self._pushing = self.push(has_episodes)[0]
            return None
        state = self._pusher.state
        if state.state == RUNNING:
            if now_ns - self._told_ns > _TELL_EVERY_NS:
                self._told_ns = now_ns
                self._log.info(f'upload: {state.describe()}')
            return None
        if not self._pushing:
            self._tell_joined()
            return 0
        return 0 if state.state == DONE else EXIT_NOT_PUSHED

    def _tell_joined(self) -> None:
        assert self._joined is not None
        if error := self._joined.exception():
            self._log.warning(f'the videos stay in many files, which is no harm: {error}')
        else:
            before, after = self._joined.result()
            if after < before:
                self._log.info(f'{before} video files joined into {after}')
