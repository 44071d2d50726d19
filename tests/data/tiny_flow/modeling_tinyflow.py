"""A flow-matching policy that always moves to where the state is, from noise, in ten steps."""

import torch
from configuration_tinyflow import TinyflowConfig
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.policies.rtc.modeling_rtc import RTCProcessor

STEPS = 10


class TinyflowPolicy(PreTrainedPolicy):
    """Denoises as LeRobot's flow policies do: time runs from 1 to 0, guided where asked."""

    config_class = TinyflowConfig
    name = 'tinyflow'

    def __init__(self, config, **_):
        super().__init__(config)
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.init_rtc_processor()

    def init_rtc_processor(self):
        config = self.config.rtc_config
        self.rtc_processor = None if config is None else RTCProcessor(config)

    def supports_rtc(self):
        return True

    def reset(self):
        pass

    def get_optim_params(self):
        return self.parameters()

    def forward(self, batch):
        raise NotImplementedError

    def select_action(self, batch):
        return self.predict_action_chunk(batch)[:, 0]

    def predict_action_chunk(self, batch, **guidance):
        size = self.config.output_features['action'].shape[0]
        target = batch['observation.state'][:, None, :size]
        x = torch.randn(1, self.config.chunk_size, size)
        for step in range(STEPS):
            time = 1.0 - step / STEPS

            def velocity(x, time=time):
                return (x - target) / time

            guided = self.rtc_processor is not None
            x = x - (self._guided(x, time, velocity, guidance) if guided else velocity(x)) / STEPS
        return x

    def _guided(self, x, time, velocity, guidance):
        return self.rtc_processor.denoise_step(
            x_t=x,
            time=time,
            original_denoise_step_partial=velocity,
            prev_chunk_left_over=guidance['prev_chunk_left_over'],
            inference_delay=guidance['inference_delay'],
        )
