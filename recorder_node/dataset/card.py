"""The dataset card: the README.md that a dataset has on the Hub.

Keys and headings are those of lerobot 0.4 to 0.6, so that the Hub's filters, its dataset viewer
and LeRobot's visualizer treat the dataset as one of LeRobot's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import yaml

LICENSE = 'apache-2.0'
TAG = 'LeRobot'
_SITE = 'https://huggingface.co'
_BADGE = f'{_SITE}/datasets/huggingface/badges/resolve/main/visualize-this-dataset-xl.svg'
_UNKNOWN = '[More Information Needed]'


def card(
    info: Mapping[str, Any], repo_id: str, tags: Iterable[str] = (), license_id: str = LICENSE
) -> str:
    """Return the card's text.

    Args:
        info: the content of meta/info.json.
        repo_id: the dataset's name on the Hub, for the link to the visualizer.
        tags: the user's tags, besides LeRobot's own.
        license_id: the Hub's word for the licence.
    """
    # A line of its own could end the head.
    words = [' '.join(tag.split()) for tag in tags]
    head = {
        'license': license_id,
        'task_categories': ['robotics'],
        'tags': list(dict.fromkeys([TAG, *filter(None, words)])),
        'configs': [{'config_name': 'default', 'data_files': 'data/*/*.parquet'}],
    }
    visualizer = f'{_SITE}/spaces/lerobot/visualize_dataset?path={quote(repo_id, safe="/")}'
    return f"""---
{yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=1000).strip()}
---

Made with [LeRobot](https://github.com/huggingface/lerobot)'s dataset format.

[![Visualize this dataset]({_BADGE})]({visualizer})

## Dataset Description

- **Homepage:** {_UNKNOWN}
- **Paper:** {_UNKNOWN}
- **License:** {license_id}

## Dataset Structure

[meta/info.json](meta/info.json):

```json
{json.dumps(info, indent=4, ensure_ascii=False)}
```

## Citation

**BibTeX:**

```bibtex
{_UNKNOWN}
```
"""
