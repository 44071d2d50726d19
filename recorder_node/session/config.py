"""The recorder's parameters; LeRobot's words and defaults where LeRobot has them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from recorder_node.dataset import layout
from recorder_node.encoding.codecs import CODECS
from recorder_node.session.fault_rule import RULES
from so101_driver.common.parameters import param


@dataclasses.dataclass(frozen=True)
class RecorderConfig:
    """Everything that can be set on the recorder node."""

    contract: str = param('', 'contract file: which topic fills which feature', required=True)
    repo_id: str = param('', 'dataset name, user/name as on the Hugging Face Hub', required=True)
    policy: str = param(
        '', 'policy whose evaluation is recorded; the dataset is then called eval_...'
    )
    single_task: str = param('', 'what the robot does, in words', required=True)
    root: str = param('', 'folder of the dataset; default $HF_LEROBOT_HOME/<repo_id>')
    fps: int = param(30, 'rows and video frames per second', unit='Hz', minimum=1, maximum=240)
    episode_time_s: float = param(
        60.0, 'length of an episode', unit='s', minimum=0.1, maximum=layout.MAX_EPISODE_S
    )
    reset_time_s: float = param(
        60.0, 'time to reset the scene between episodes', unit='s', minimum=0.0, maximum=86400.0
    )
    num_episodes: int = param(50, 'episodes to record in this session', minimum=1)
    start: str = param(
        'auto',
        'begin episodes by themselves, or wait for start_episode',
        choices=('auto', 'manual'),
    )
    resume: bool = param(False, 'add to the dataset that is at root')
    codebase_version: str = param(
        'auto',
        "format of the dataset; auto is v3.0, or a resumed dataset's own; lerobot 0.3 reads v2.1",
        choices=('auto', *layout.VERSIONS),
    )
    on_unfinished: str = param(
        'keep',
        'what becomes of takes that an earlier session left unfinished: they stay where they '
        'are, are saved as the next episodes, or are deleted',
        choices=('keep', 'recover', 'discard'),
    )
    vcodec: str = param(
        'auto',
        'video encoder; auto is a hardware encoder that has proved itself by encoding, else h264',
        choices=('auto', *CODECS),
    )
    cameras: str = param(
        'all', 'cameras of the contract to record: names separated by commas, all or none'
    )
    units: str = param(
        'degrees',
        "arm joints' unit for contract entries with units: lerobot; lerobot 0.3, which reads "
        'v2.1, had range_m100_100 by default',
        choices=('degrees', 'range_m100_100'),
    )
    calibration: str = param('', "the follower's LeRobot calibration file, for range_m100_100")
    row_delay_s: float = param(
        0.0,
        'a row is built this long after its time, from what has arrived; 0 = two periods',
        unit='s',
        minimum=0.0,
        maximum=2.0,
    )
    max_gap_s: float = param(
        1.0,
        'a stream may be stale (repeated, counted) this long before the episode faults',
        unit='s',
        minimum=0.0,
        maximum=60.0,
    )
    on_fault: str = param(
        'wait',
        'what becomes of a take that a fault has ended: it waits for the operator, its rows are '
        'saved, it is discarded, or the session finishes and keeps it as unfinished',
        choices=RULES,
    )
    max_faults: int = param(
        3, 'with on_fault save or discard: so many in a row finish the session', minimum=1
    )
    start_when: str = param(
        '', 'topic that must have a publisher before an episode starts; empty: none'
    )
    start_timeout_s: float = param(
        60.0,
        'with start auto: give up when the streams are not there by then',
        unit='s',
        minimum=1.0,
        maximum=86400.0,
    )
    min_free_mb: int = param(
        500,
        'below this free disk space no episode starts and a running one is ended',
        unit='MiB',
        minimum=0,
    )

    video: bool = param(True, 'store pictures as video; false: as image files within the rows')
    push_to_hub: bool = param(
        False, 'upload when the session is over; LeRobot uploads by default, this does not'
    )
    private: bool = param(False, 'upload as a private repository')
    tags: str = param('', 'tags of the uploaded dataset, separated by commas')
    play_sounds: bool = param(False, 'speak what happens, with spd-say, espeak or say')
    display_data: bool = param(False, "LeRobot's viewer; no effect here, see the topics in rviz2")

    def problems(self) -> list[str]:
        """Rules that span several parameters."""
        found = layout.repo_id_problems(self.repo_id)
        evaluation = self.repo_id.split('/')[-1].startswith('eval_')
        if evaluation and not self.policy:
            found.append(
                f'repo_id "{self.repo_id}": names that start with eval_ are for '
                'evaluations of a policy, as in LeRobot; choose another'
            )
        if self.policy and not evaluation:
            found.append(
                f'repo_id "{self.repo_id}": the evaluation of a policy needs a name that starts '
                'with eval_, as in LeRobot: user/eval_name'
            )
        return found

    def warnings(self) -> list[str]:
        """Options that are accepted and have no effect, or perhaps not the one expected."""
        found = []
        if self.display_data:
            found.append(
                'display_data has no effect: look at the topics with rviz2 or rqt_image_view'
            )
        if self.codebase_version == layout.V21 and self.units == 'degrees':
            found.append(
                'units is degrees, but the default of lerobot 0.3, which reads v2.1, was '
                'range_m100_100: a policy trained there on its own recordings wants that'
            )
        return found

    @property
    def dataset_root(self) -> Path:
        """The dataset's folder."""
        return layout.resolve_root(self.root, self.repo_id)

    @property
    def effective_row_delay_s(self) -> float:
        """How long after its time a row is built (s)."""
        return self.row_delay_s or 2.0 / self.fps

    @property
    def camera_names(self) -> tuple[str, ...] | None:
        """The cameras to record; None means all of the contract."""
        if self.cameras == 'all':
            return None
        names = self.cameras.replace('none', '').split(',')
        return tuple(name.strip() for name in names if name.strip())
