"""The Hub's client library, huggingface_hub, imported only when something is uploaded."""

from __future__ import annotations

import logging
from typing import Any

from recorder_node.errors import HubError
from recorder_node.hub.failures import without_secrets


def connect(endpoint: str | None, answer_s: float) -> Any:
    """Return an `HfApi`; the library is set up to be quiet and to give up on a silent server.

    Args:
        endpoint: the Hub's address; default HF_ENDPOINT, else the public one.
        answer_s: longest wait for an answer; by itself the library waits for ever, and before
            version 1.0 it has no setting for it.

    Raises:
        HubError: when the library is not installed.
    """
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise HubError('uploading needs one more package: pip install huggingface_hub') from None

    disable_progress_bars()
    for handler in logging.getLogger('huggingface_hub').handlers:
        handler.addFilter(_blank_secrets)
    if hasattr(huggingface_hub, 'set_client_factory'):
        session = huggingface_hub.get_session()
        kind, hooks = type(session), session.event_hooks

        def client() -> Any:
            return kind(event_hooks=hooks, follow_redirects=True, timeout=answer_s)

        huggingface_hub.set_client_factory(client)
    return huggingface_hub.HfApi(endpoint=endpoint, library_name='recorder')


def _blank_secrets(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_secrets(record.getMessage()), ()
    return True
