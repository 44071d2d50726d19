"""Failures that pass, failures that do not, and what is said about them."""

from __future__ import annotations

import logging
import threading
import traceback
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.utils import logging as hub_logging

from recorder_node.dataset import layout
from recorder_node.errors import HubError
from recorder_node.hub.failures import Patience, without_secrets
from recorder_node.hub.upload import Progress
from tests.hub_server import TOKEN, Fault, HubServer
from tests.hub_uploads import QUICK, assert_same, local_files, repository, send


@pytest.mark.parametrize(
    'fault',
    [
        Fault('POST /api/repos/create', status=503),
        Fault('POST /api/repos/create', times=2, status=500),
        Fault('GET .*/tree/', status=429, headers={'Retry-After': '1'}),
        Fault('GET .*/tree/'),
        Fault('PUT /lfs/', times=2),
        Fault('PUT /lfs/', status=500),
        Fault('POST .*/commit/', status=502),
        Fault('POST .*/commit/', status=429, headers={'RateLimit': '"api";r=0;t=1'}),
        Fault('POST .*/commit/'),
        Fault('POST .*/commit/', status=412),
        Fault('POST .*/tag/', status=500),
        Fault('POST /api/validate-yaml', status=502),
    ],
    ids=lambda fault: f'{fault.match.split("/")[-1] or fault.match}-{fault.status or "cut"}',
)
def test_what_passes_is_tried_again(hub: HubServer, root: Path, fault: Fault) -> None:
    hub.faults.append(fault)
    send(hub, root)
    assert fault.times == 0
    assert_same(hub, root)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = huggingface_hub.HfApi.create_commit
    lost = []

    def lose_once(*args: object, **options: object) -> object:
        made = real(*args, **options)  # type: ignore[arg-type]
        if not lost:
            lost.append(made)
            raise ConnectionResetError('the answer was lost')
        return made

    monkeypatch.setattr(huggingface_hub.HfApi, 'create_commit', lose_once)
    send(hub, root)
    assert len(lost) == 1
    assert len(repository(hub).messages) == 2
    assert_same(hub, root)


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        (Fault('repos/create', 99, 401), 'hf auth login.*HF_TOKEN'),
        (
            Fault('repos/create', 99, 403, error='You cannot write there'),
            '403: You cannot write there.*write access',
        ),
        (Fault('PUT /lfs/', 99, 403, error='storage quota exceeded'), 'quota exceeded'),
        (Fault('POST .*/commit/', 99, 404), 'check repo_id'),
        (Fault('POST .*/commit/', 99, 413, error='too large'), 'HTTP 413: too large'),
    ],
    ids=lambda value: str(getattr(value, 'status', '')),
)
def test_what_does_not_pass_is_told_at_once_with_the_cure(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, words: str
) -> None:
    monkeypatch.setattr('recorder_node.hub.files.GROUP_FILES', 1)
    hub.faults.append(fault)
    before = local_files(root)
    with pytest.raises(HubError, match=words):
        send(hub, root)
    # Creating a repository asks once more whether it exists already.
    assert fault.times >= 97
    assert local_files(root) == before
    assert not layout.recording_folder(root).exists()


def test_an_address_of_the_storage_that_expired_is_asked_for_anew(
    hub: HubServer, root: Path
) -> None:
    hub.storage = hub.url.replace('127.0.0.1', 'localhost')
    hub.faults.append(Fault('PUT /lfs/', status=403, error='Request has expired'))
    send(hub, root)
    assert_same(hub, root)


def test_trying_again_has_an_end(hub: HubServer, root: Path) -> None:
    hub.faults.append(Fault('POST .*/commit/', 99, 503))
    notes: list[str] = []
    with pytest.raises(HubError, match='commit: HTTP 503'):
        send(hub, root, on_progress=lambda p: notes.append(p.note))
    assert hub.faults[0].times == 99 - QUICK.tries
    assert sum('trying again' in note for note in notes) == QUICK.tries - 1
    assert list(repository(hub).tags) == []


def test_a_wait_that_is_too_long_is_not_begun(hub: HubServer, root: Path) -> None:
    hub.faults.append(Fault('repos/create', 99, 429, {'Retry-After': '3600'}))
    with pytest.raises(HubError, match='429'):
        send(hub, root)
    assert hub.faults[0].times == 98


@pytest.mark.skipif(
    not hasattr(huggingface_hub, 'set_client_factory'), reason='this library waits for ever'
)
def test_a_silent_server_is_given_up(hub: HubServer, root: Path) -> None:
    hub.faults.append(Fault('POST .*/commit/', hang=True))
    send(hub, root, Patience(tries=2, first_wait_s=0.01, answer_s=1.0))
    assert_same(hub, root)


def test_an_upload_that_was_cut_goes_on_where_it_stopped(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('recorder_node.hub.files.GROUP_FILES', 1)
    hub.faults.append(Fault('POST .*/commit/', 99, 503))
    with pytest.raises(HubError):
        send(hub, root)
    assert repository(hub).files() == {}
    sent = list(hub.stored)
    hub.faults.clear()
    send(hub, root)
    assert hub.stored == sent
    assert len(set(sent)) == len(sent) > 3
    assert_same(hub, root)


def test_stopped_between_files_it_leaves_the_repository_as_it_was(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('recorder_node.hub.files.GROUP_FILES', 1)
    cancel = threading.Event()

    def stop_soon(progress: Progress) -> None:
        if progress.phase == 'uploading' and progress.files > 1:
            cancel.set()

    with pytest.raises(HubError, match='stopped'):
        send(hub, root, on_progress=stop_soon, cancel=cancel)
    assert repository(hub).files() == {}
    assert not layout.recording_folder(root).exists()


@pytest.mark.parametrize('propagates', [True, False])
def test_the_token_is_seen_nowhere(
    hub: HubServer,
    root: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    propagates: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ('huggingface_hub', 'httpx', 'httpx2', 'httpcore', 'httpcore2', 'urllib3'):
        logging.getLogger(name).setLevel(logging.DEBUG)
    hub_logging.enable_propagation()
    if not propagates:
        # ROS 2's launch makes every logger so that is made after its own import; sourced, it is a
        # plugin of pytest and comes first.
        for name in [n for n in logging.Logger.manager.loggerDict if 'huggingface_hub.' in n]:
            monkeypatch.setattr(logging.getLogger(name), 'propagate', False)
    said: list[str] = []
    try:
        hub.faults += [
            Fault('PUT /lfs/', status=500),
            Fault('repos/create', status=503, error=f'no room for Bearer {TOKEN}'),
            Fault('POST .*/commit/', 9, 400, error=f'bad token {TOKEN}'),
        ]
        with pytest.raises(HubError) as caught:
            send(hub, root, on_progress=lambda p: said.append(p.note))
    finally:
        hub_logging.disable_propagation()
        hub_logging.set_verbosity_warning()
    out, err = capfd.readouterr()
    told = ''.join(traceback.format_exception(caught.value)) + ''.join(said) + out + err
    assert 'bad token ***' in told
    assert 'no room for' in told
    assert caught.value.__context__ is None
    assert TOKEN not in told + caplog.text
    assert 'X-Signature' not in err


def test_secrets_are_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HF_TOKEN', 'an-odd-token')
    text = 'an-odd-token hf_abcdefghijk b"Bearer xyz" https://s3/a?X-Amz-Signature=1 end'
    assert without_secrets(text) == '*** hf_*** b"Bearer ***" https://s3/a?*** end'
