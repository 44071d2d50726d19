"""What goes wrong between here and the Hub: worth another try, or for the user to cure.

Works with huggingface_hub 0.34 to 2, whose HTTP libraries differ.
"""

from __future__ import annotations

import dataclasses
import email.utils
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from recorder_node.errors import HubError

T = TypeVar('T')

# 409 and 412: somebody else committed at the same moment.
_PASSING = {408, 409, 412, 425, 429, 500, 502, 503, 504}
_LOGIN = 'run `hf auth login`, or set HF_TOKEN to a token with write access'
_CURES = {
    401: f'the Hub does not accept the login, or there is none: {_LOGIN}',
    402: 'the account has no room or right for this; free some, or choose another repo_id',
    403: 'the token may not write there, or the quota is used up: choose another repo_id, or '
    + _LOGIN,
    404: 'there is no such repository for this login: check repo_id and the token',
}
_SECRETS = (
    (re.compile(r'\bhf_\w{8,}'), 'hf_***'),
    (re.compile(r'(bearer\s+)[^\s\'"]+', re.IGNORECASE), r'\1***'),
    # Signed addresses let anybody write for a while.
    (re.compile(r'(https?://[^\s?\'"]+)\?[^\s\'"]+'), r'\1?***'),
)
_LONGEST_WORDS = 400


class Failure(NamedTuple):
    """A judged error: `wait_s` is what the server asks for, 0 when it asks for nothing."""

    passing: bool
    words: str
    wait_s: float = 0.0


@dataclasses.dataclass(frozen=True)
class Patience:
    """How often and how long to try again; the client library tries as well, in between.

    `answer_s` bounds the wait for any single answer.
    """

    tries: int = 5
    first_wait_s: float = 2.0
    longest_wait_s: float = 300.0
    answer_s: float = 60.0


def judge(error: BaseException, endpoint: str) -> Failure:
    """Tell whether an error of the client library may pass, and put it in words.

    Args:
        error: what was raised; its causes are looked at.
        endpoint: the Hub's address; other addresses are its storage's.
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return Failure(False, 'HF_HUB_OFFLINE is set; unset it to reach the Hub')
        if isinstance(cause, HfHubHTTPError):
            return _answered(cause, endpoint)
        if isinstance(cause, (FileNotFoundError, PermissionError)):
            return Failure(False, _words(cause))
    # The HTTP library's root error; RuntimeError is what the storage client raises.
    network = (*HfHubHTTPError.__bases__, OSError, RuntimeError, json.JSONDecodeError)
    return Failure(isinstance(error, network), _words(error))


def without_secrets(text: str) -> str:
    """Blank tokens and signed addresses."""
    from huggingface_hub import get_token

    if token := get_token():
        text = text.replace(token, '***')
    for pattern, blank in _SECRETS:
        text = pattern.sub(blank, text)
    return text


def persist(
    step: Callable[[], T],
    what: str,
    endpoint: str,
    patience: Patience,
    cancel: threading.Event,
    tell: Callable[[str], None],
) -> T:
    """Carry out a step, again and again while its failure may pass.

    Args:
        step: may be repeated at any time.
        what: the step in words.
        endpoint: see `judge`.
        patience: bounds it.
        cancel: ends it between two tries.
        tell: gets a sentence before each wait.

    Raises:
        HubError: with the reason; without the original error, which may hold the token.
    """
    for attempt in range(1, patience.tries + 1):
        if cancel.is_set():
            break
        try:
            return step()
        except HubError:
            raise
        except Exception as error:
            failure = judge(error, endpoint)
        wait_s = max(failure.wait_s, patience.first_wait_s * 2 ** (attempt - 1))
        if not failure.passing or attempt == patience.tries or wait_s > patience.longest_wait_s:
            raise HubError(f'{what}: {failure.words}')
        tell(f'{what}: {failure.words}; trying again in {wait_s:.0f} s')
        cancel.wait(wait_s)
    raise HubError(f'{what}: stopped')


def _answered(error: Any, endpoint: str) -> Failure:
    response = error.response
    status = int(response.status_code)
    said = ' '.join(str(getattr(error, 'server_message', None) or '').split())[:_LONGEST_WORDS]
    cure = _CURES.get(status, '')
    words = without_secrets(': '.join(text for text in (f'HTTP {status}', said, cure) if text))
    # Signed addresses of the storage expire during a slow upload; another try gets new ones.
    expired = status in (400, 403) and not str(response.url).startswith(endpoint)
    return Failure(expired or status in _PASSING, words, _wait_asked_for(response.headers))


def _wait_asked_for(headers: Any) -> float:
    """Read Retry-After, or the RateLimit header that the Hub sends (`"api";r=0;t=55`)."""
    after = str(headers.get('retry-after') or '').strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
        except ValueError:
            return 0.0
    spent = re.search(r';\s*r=0\s*;\s*t=(\d+)', str(headers.get('ratelimit') or ''))
    return float(spent[1]) if spent else 0.0


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    text = ' '.join(str(error).split())[:_LONGEST_WORDS]
    return without_secrets(f'{type(error).__name__}: {text}')
