"""A flow-matching policy with nothing to learn, as a LeRobot plugin: its configuration."""

from dataclasses import dataclass

from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import NormalizationMode
from lerobot.optim.optimizers import AdamConfig
from lerobot.policies.rtc.configuration_rtc import RTCConfig


@PreTrainedConfig.register_subclass('tinyflow')
@dataclass
class TinyflowConfig(PreTrainedConfig):
    """Counts of the chunk; statistics scale actions by ten."""

    chunk_size: int = 20
    n_action_steps: int = 20
    rtc_config: RTCConfig | None = None

    def __post_init__(self):
        super().__post_init__()
        self.normalization_mapping = {
            'STATE': NormalizationMode.IDENTITY,
            'ACTION': NormalizationMode.MEAN_STD,
        }

    observation_delta_indices = None
    action_delta_indices = None
    reward_delta_indices = None

    def get_optimizer_preset(self):
        return AdamConfig()

    def get_scheduler_preset(self):
        return None

    def validate_features(self):
        pass
