"""Checkpoints from the Hugging Face Hub, by name; the client library is imported only then."""

from __future__ import annotations

import re
from pathlib import Path

from policy_node.errors import PolicyError
from recorder_node.hub.failures import without_secrets

# A checkpoint's own files; never pickles, training state or other formats of the same weights.
FILES = ('config.json', 'model.safetensors', 'adapter_*', 'policy_*processor*')
_NAME = re.compile(r'[\w][\w.-]*/[\w][\w.-]*')


def is_hub_name(name: str) -> bool:
    """Tell whether a path may be a repository's name (`owner/name`)."""
    return _NAME.fullmatch(name) is not None


def fetch(name: str, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint from the Hub; what the cache holds is not fetched again.

    Args:
        name: `owner/name`.
        revision: branch, tag or commit; default the main branch.

    Raises:
        PolicyError: when it cannot be had.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise PolicyError(
            f'"{name}" is no folder here, and to fetch it from the Hub one more package is '
            'needed: pip install huggingface_hub'
        ) from None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES)))
    except GatedRepoError:
        words = 'its owner must grant access first; then run `hf auth login`'
    except RepositoryNotFoundError:
        words = 'no such folder here and no such repository on the Hub (private? `hf auth login`)'
    except RevisionNotFoundError:
        words = f'the repository has no revision "{revision}"'
    except LocalEntryNotFoundError:
        words = 'the Hub cannot be reached and the cache does not hold it'
    except (HfHubHTTPError, OSError, ValueError) as error:
        words = f'could not be fetched from the Hub: {without_secrets(str(error)):.300}'
    raise PolicyError(f'{name}: {words}')
