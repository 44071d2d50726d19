"""`ros2 run recorder push ROOT`: upload a dataset to the Hugging Face Hub.

An upload that was cut, by the network or by Ctrl-C, goes on where it stopped when it is started
again. The token is the one of `hf auth login` or HF_TOKEN.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorder_node.dataset import layout
from recorder_node.errors import HubError
from recorder_node.hub.command_line import command, default_repo_id, split_tags
from recorder_node.hub.snapshot import discard
from recorder_node.hub.upload import Progress, push

STOPPED = 130
_LINE_EVERY_S = 10.0
_STOP_S = 0.5
_TURN_S = 0.2
_MB = 1e6


def main(args: list[str] | None = None) -> int:
    """Upload; return 0 when the dataset is at the Hub, 1 when not; end with 130 when stopped."""
    options = _parse(args)
    tags = split_tags(options.tags)
    line = _Line(sys.stderr.isatty())
    show = _show_json if options.json else line
    later = f'push it later with: {command(options.root, options.repo_id, options.private, tags)}'

    def fail(words: str) -> None:
        if options.json:
            _print_json(phase='failed', note=f'{words}\n{later}')
        else:
            line.end()
            print(f'not uploaded: {words}\n{later}', file=sys.stderr)

    try:
        with _terminate_as_interrupt():
            url = _upload(options, tags, show)
    except HubError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        fail('stopped; what the Hub has is not sent again')
        sys.stderr.flush()
        # A normal end would wait for the client library's threads.
        os._exit(STOPPED)
    if options.json:
        _print_json(phase='done', note=url)
    else:
        line.end()
        print(f'{options.root} is at {url}')
    return 0


def _upload(
    options: argparse.Namespace, tags: Sequence[str], show: Callable[[Progress], None]
) -> str:
    """Upload in a thread: in the main one, the library's threads would hold up Ctrl-C."""
    cancel = threading.Event()
    outcome: Future[str] = Future()

    def work() -> None:
        try:
            url = push(
                options.root,
                options.repo_id,
                private=options.private,
                tags=tags,
                check=not options.skip_check,
                on_progress=show,
                cancel=cancel,
            )
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(url)

    threading.Thread(target=work, daemon=True).start()
    try:
        # In turns: a signal that one of the library's threads takes does not end a wait.
        while not wait([outcome], _TURN_S).done:
            pass
        return outcome.result()
    except KeyboardInterrupt:
        cancel.set()
        if not wait([outcome], _STOP_S).done:
            discard(options.root)
        raise


def _parse(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='push',
        description='Upload a dataset to the Hugging Face Hub, as LeRobot loads it: files, card '
        'and version tag. Files that were removed here are removed there. Log in once with '
        '`hf auth login`, or set HF_TOKEN. May be stopped and started again at any time.',
    )
    parser.add_argument('root', type=Path, help='folder of the dataset')
    parser.add_argument(
        '--repo-id',
        default='',
        metavar='USER/NAME',
        help='name on the Hub; default: the last two parts of ROOT if it lies in $HF_LEROBOT_HOME',
    )
    parser.add_argument('--private', action='store_true', help='make a new repository private')
    parser.add_argument('--tags', default='', metavar='A,B', help='tags for the dataset card')
    parser.add_argument(
        '--skip-check', action='store_true', help='do not look at every row and frame first'
    )
    parser.add_argument('--json', action='store_true', help='print one JSON object per event')
    options = parser.parse_args(args)
    options.root = options.root.expanduser().absolute()
    options.repo_id = options.repo_id or default_repo_id(options.root)
    if not options.repo_id:
        parser.error(
            f'{options.root} does not lie in {layout.default_root("")}, so its name on the Hub '
            'is not known: give --repo-id user/name'
        )
    options.root = layout.resolved(options.root)
    return options


class _Line:
    """Shows progress: one line that changes on a terminal, now and then a line elsewhere."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._phase = ''
        self._next = 0.0

    def __call__(self, progress: Progress) -> None:
        text = progress.phase
        if progress.files_total:
            text += (
                f'  {progress.files}/{progress.files_total} files  '
                f'{progress.bytes / _MB:.1f}/{progress.bytes_total / _MB:.1f} MB  '
                f'{progress.percent:.0f} %'
            )
        if progress.note:
            text += f'  ({progress.note})'
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f'\r\x1b[K{text[:width]}', end='', file=sys.stderr, flush=True)
            return
        now = time.monotonic()
        if progress.note or progress.phase != self._phase or now >= self._next:
            self._phase, self._next = progress.phase, now + _LINE_EVERY_S
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line that changes."""
        if self._terminal:
            print(file=sys.stderr)


def _show_json(progress: Progress) -> None:
    if progress.phase != 'done':
        _print_json(**dataclasses.asdict(progress), percent=round(progress.percent, 1))


def _print_json(**event: Any) -> None:
    print(json.dumps(event), flush=True)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the upload as Ctrl-C does, so that it cleans up behind itself."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == '__main__':
    sys.exit(main())
