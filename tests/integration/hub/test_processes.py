"""The command, and the pusher that runs it beside a session."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recorder_node.cli.push import main
from recorder_node.dataset import layout
from recorder_node.hub.command_line import command
from recorder_node.hub.pusher import DONE, FAILED, IDLE, RUNNING, Pusher, PushState
from tests.conftest import REPOSITORY, wait_until
from tests.hub_server import Fault, HubServer
from tests.hub_uploads import NAME, assert_same, local_files, repository


def start_command(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-m', 'recorder_node.cli.push', str(root), '--repo-id', NAME],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_offline_is_told(hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    ended = start_command(root).communicate(timeout=60)
    assert 'HF_HUB_OFFLINE is set' in ended[1]
    assert hub.requests == []


def test_the_command_uploads_from_lerobots_folder(
    hub: HubServer,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv('HF_LEROBOT_HOME', str(tmp_path / 'home'))
    home = tmp_path / 'home' / NAME
    shutil.copytree(root, home)
    assert main([str(home), '--private', '--tags', 'a, b']) == 0
    told = capsys.readouterr()
    assert f'{home} is at ' in told.out
    assert 'uploading' in told.err
    assert '100 %' in told.err
    assert repository(hub).private
    assert_same(hub, home)


def test_a_root_elsewhere_needs_a_repo_id(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(root)])
    assert caught.value.code == 2
    assert '--repo-id user/name' in capsys.readouterr().err


def test_a_failed_upload_tells_the_command_for_later(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('HF_TOKEN', 'hf_WrongWrongWrong')
    assert main([str(root), '--repo-id', NAME, '--private', '--tags', 'a b']) == 1
    err = capsys.readouterr().err
    assert 'hf auth login' in err
    assert err.endswith(f"ros2 run recorder push {root} --repo-id {NAME} --private --tags 'a b'\n")
    assert 'WrongWrong' not in err


def test_a_killed_upload_goes_on_in_the_next_process(hub: HubServer, root: Path) -> None:
    fault = Fault('POST .*/commit/', hang=True)
    hub.faults.append(fault)
    process = start_command(root)
    wait_until(lambda: fault.times == 0, what='the commit')
    process.kill()
    process.communicate()
    sent = list(hub.stored)
    assert sent
    again = start_command(root)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert hub.stored == sent
    assert repository(hub).files('v3.0').keys() - {'README.md'} == local_files(root).keys()


def test_interrupted_the_command_cleans_up(hub: HubServer, root: Path) -> None:
    fault = Fault('POST .*/commit/', hang=True)
    hub.faults.append(fault)
    process = start_command(root)
    wait_until(lambda: fault.times == 0, what='the commit')
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert 'not uploaded: stopped' in err
    assert command(root, NAME, False, []) in err
    assert 'Traceback' not in err
    assert not layout.recording_folder(root).exists()


def test_the_pusher_uploads_beside_a_session(hub: HubServer, root: Path) -> None:
    states: list[PushState] = []
    pusher = Pusher(states.append)
    assert pusher.state.describe() == IDLE
    assert pusher.start(root, NAME, private=True, tags=['a'])
    assert not pusher.start(root, NAME)
    wait_until(lambda: pusher.state.state != RUNNING, what='the upload')
    assert pusher.state == PushState(DONE, f'{hub.url}/datasets/{NAME}', 100.0)
    assert states[-1] == pusher.state
    percents = [state.percent for state in states]
    assert percents == sorted(percents)
    assert repository(hub).private
    assert_same(hub, root)
    assert pusher.start(root, NAME, private=True, tags=['a'])
    wait_until(lambda: pusher.state.state == DONE, what='the second upload')
    pusher.close()
    assert not pusher.start(root, NAME)


def test_the_pusher_tells_why_it_failed(hub: HubServer, root: Path) -> None:
    hub.faults.append(Fault('repos/create', 99, 401))
    pusher = Pusher()
    pusher.start(root, NAME)
    wait_until(lambda: pusher.state.state == FAILED, what='the refusal')
    assert 'hf auth login' in pusher.state.words
    assert 'ros2 run recorder push' in pusher.state.words
    pusher.close()


def test_the_pusher_tells_of_a_crash(
    hub: HubServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    pusher = Pusher()
    pusher.start(root, NAME)
    wait_until(lambda: pusher.state.state == FAILED, what='the end')
    assert 'ended with code 1' in pusher.state.words
    pusher.close()


@pytest.mark.parametrize('heeds', [True, False])
def test_closing_the_pusher_ends_the_upload(
    hub: HubServer, root: Path, heeds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not heeds:
        monkeypatch.setattr(subprocess.Popen, 'terminate', lambda process: None)
        monkeypatch.setattr('recorder_node.hub.pusher._END_S', 1.0)
    fault = Fault('PUT /lfs/', hang=True)
    hub.faults.append(fault)
    pusher = Pusher()
    pusher.start(root, NAME)
    wait_until(lambda: fault.times == 0, what='the first file')
    pusher.close()
    assert pusher.state.state == FAILED
    assert 'stopped' in pusher.state.words
    assert repository(hub).files() == {}
    assert not layout.recording_folder(root).exists()
