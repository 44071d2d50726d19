"""A Hub on loopback, and a dataset to upload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from recorder_node.dataset import layout
from tests.hub_server import TOKEN, HubServer
from tests.hub_uploads import dataset


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A Hub; this process and its children know its address and the token."""
    with HubServer() as server:
        for name, value in (
            ('HF_ENDPOINT', server.url),
            ('HF_TOKEN', TOKEN),
            ('HF_HOME', str(tmp_path / 'hf')),
            ('HF_HUB_DISABLE_XET', '1'),
            ('NO_PROXY', '127.0.0.1,localhost'),
        ):
            monkeypatch.setenv(name, value)
        # What the library read when it was imported.
        monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
        monkeypatch.setattr(constants, 'ENDPOINT', server.url)
        yield server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of format v3.0."""
    return dataset(tmp_path, layout.V30)
