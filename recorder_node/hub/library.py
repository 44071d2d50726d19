"""The Hub's client library, huggingface_hub, imported only when something is uploaded."""

from __future__ import annotations

import logging
from typing import Any

from recorder_node.errors import HubError
from recorder_node.hub.failures import without_secrets

# The library, and what it uses to talk; versions differ in that.
_TALKATIVE = (
    'huggingface_hub', 'httpx', 'httpx2', 'httpcore', 'httpcore2', 'urllib3', 'requests', 'hf_xet',
)  # fmt: skip
_MARK = 'blanks_secrets'


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
    _blank_secrets()
    if hasattr(huggingface_hub, 'set_client_factory'):
        session = huggingface_hub.get_session()
        kind, hooks = type(session), session.event_hooks

        def client() -> Any:
            return kind(event_hooks=hooks, follow_redirects=True, timeout=answer_s)

        huggingface_hub.set_client_factory(client)
    return huggingface_hub.HfApi(endpoint=endpoint, library_name='recorder')


def _blank_secrets() -> None:
    """Let no record of the library or what is below it hold a secret, whoever handles it.

    Handlers of the library are not enough: its loggers may have been cut off from them.
    """
    factory = logging.getLogRecordFactory()
    if getattr(factory, _MARK, False):
        return

    def blanked(name: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(name, *args, **kwargs)
        if name.partition('.')[0] in _TALKATIVE:
            try:
                text = record.getMessage()
            except (TypeError, ValueError):  # arguments that do not fit their text
                text = f'{record.msg} {record.args}'
            record.msg, record.args = without_secrets(text), ()
        return record

    setattr(blanked, _MARK, True)
    logging.setLogRecordFactory(blanked)
