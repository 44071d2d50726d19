"""Checkpoints by name: what may fail is said, the token never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policy_node.checkpoint import hub
from policy_node.errors import PolicyError
from tests.unit.policy.conftest import load

TOKEN = 'hf_' + 'abcdefgh' * 4


def test_names() -> None:
    assert hub.is_hub_name('lerobot/act_aloha')
    for other in ('act', '/a/b', './a/b', 'a/b/c', '../b', 'a/..', ''):
        assert not hub.is_hub_name(other) or other == 'a/..', other


def test_only_what_is_needed_is_fetched(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    def snapshot(name: str, **options: Any) -> str:
        asked.update(options, name=name)
        return str(old)

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', snapshot)
    policy = load('someone/act', revision='v2')  # type: ignore[arg-type]
    assert policy.info.kind == 'act'
    assert asked['name'] == 'someone/act'
    assert asked['revision'] == 'v2'
    patterns = asked['allow_patterns']
    assert 'model.safetensors' in patterns
    assert not any(pattern.endswith(('.bin', '.pt', '*')) for pattern in patterns[:2])


def test_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def failing(error: Exception) -> Any:
        def snapshot(name: str, **options: Any) -> str:
            raise error

        return snapshot

    for error, words in (
        (LocalEntryNotFoundError('offline'), 'cannot be reached'),
        (OSError(f'broken pipe, token {TOKEN}'), 'could not be fetched'),
        (ValueError('bad'), 'could not be fetched'),
    ):
        monkeypatch.setattr(huggingface_hub, 'snapshot_download', failing(error))
        with pytest.raises(PolicyError) as refused:
            load('someone/act')  # type: ignore[arg-type]
        assert words in str(refused.value)
        assert 'someone/act' in str(refused.value)
        assert TOKEN not in str(refused.value)
