"""Policy types that this package has no network for, through an installed LeRobot (0.4 to 0.6).

LeRobot loads, processes and infers. Types that predict whole chunks from one observation are asked
for chunks; all others are asked for one action per tick, so their own queues stay in charge.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from policy_node.checkpoint.description import Description
from policy_node.checkpoint.tensors import as_floats, as_tensor
from policy_node.errors import CheckpointError, InferenceError, UnsupportedPolicyError
from policy_node.networks.device import choose_device, choose_precision
from policy_node.networks.policy import Ahead, Observation, Options, PolicyInfo

# The extra of the pip package that a type needs besides LeRobot itself.
_EXTRAS = {
    'multi_task_dit': 'multi_task_dit',
    'smolvla': 'smolvla',
    'pi0': 'pi',
    'pi05': 'pi',
    'pi0_fast': 'pi',
    'groot': 'groot',
    'xvla': 'xvla',
    'wall_x': 'wallx',
    'eo1': 'eo1',
    'evo1': 'evo1',
    'molmoact2': 'molmoact2',
    'vla_jepa': 'vla_jepa',
    'fastwam': 'fastwam',
    'lingbot_va': 'lingbot_va',
}
# One observation in, a chunk out, and no state between chunks (LeRobot 0.4.4 to 0.6.1).
_CHUNKED = ('smolvla', 'pi0', 'pi05', 'groot', 'xvla', 'wall_x', 'eo1', 'evo1')
_PROCESSORS = 'policy_preprocessor.json'


class LerobotPolicy:
    """A policy that LeRobot runs.

    Raises:
        UnsupportedPolicyError: when LeRobot is missing, or does not know or cannot load the type.
        CheckpointError: when the checkpoint is older than the LeRobot that could run it.
    """

    def __init__(self, description: Description, options: Options) -> None:
        self._device = choose_device(options.device)
        self._dtype, notice = choose_precision(options.precision, self._device)
        self._task = options.task
        factory = _factory(description.kind)
        if not (description.folder / _PROCESSORS).exists():
            raise CheckpointError(
                description.folder,
                [
                    f'has no {_PROCESSORS}: it was written by LeRobot 0.3 or older; '
                    "LeRobot's processor/migrate_policy_normalization.py makes one"
                ],
            )
        with _refusing(f'LeRobot cannot load this "{description.kind}" checkpoint'):
            config = _config(description, options, self._device)
            policy_class = factory.get_policy_class(config.type)
            if options.rtc_horizon:
                _guide(config, policy_class, options)
            self._policy = policy_class.from_pretrained(str(description.folder), config=config)
            self._policy.to(self._device).eval()
            overrides: dict[str, Any] = {'device_processor': {'device': str(self._device)}}
            if options.rename_map:
                overrides['rename_observations_processor'] = {
                    'rename_map': dict(options.rename_map)
                }
            self._before, self._after = factory.make_pre_post_processors(
                config,
                pretrained_path=str(description.folder),
                preprocessor_overrides=overrides,
            )
        self._rtc_horizon = options.rtc_horizon
        self._in_chunks = bool(options.rtc_horizon) or (
            description.kind in _CHUNKED and not description.config.get('use_relative_actions')
        )
        renames = [getattr(step, 'rename_map', None) or {} for step in self._before.steps]
        arrives_as = {new: old for rename in renames for old, new in rename.items()}
        self.info = PolicyInfo(
            kind=description.kind,
            input_features={arrives_as.get(k, k): f for k, f in description.input_features.items()},
            output_features=description.output_features,
            n_obs_steps=1,
            chunk_size=int(config.chunk_size) if self._in_chunks else 1,
            n_action_steps=int(config.n_action_steps) if self._in_chunks else 1,
            ensemble_coeff=None,
            device=str(self._device),
            precision=options.precision,
            rtc_horizon=options.rtc_horizon,
            notices=(notice,) if notice else (),
        )
        self.reset()

    def reset(self) -> None:
        """Forget the episode that was."""
        self._last: Tensor | None = None
        for part in (self._policy, self._before, self._after):
            part.reset()

    def chunk(self, history: Sequence[Observation], ahead: Ahead | None = None) -> Tensor:
        """Return the next actions; see `Policy.chunk`."""
        observation = {
            key: as_floats(as_tensor(history[-1][key]))[None]
            for key in self.info.input_features
            if key in history[-1]
        }
        try:
            # Guidance takes a gradient, which inference mode forbids.
            with torch.no_grad() if self._rtc_horizon else torch.inference_mode(), self._casting():
                batch = self._before({**observation, 'task': self._task, 'robot_type': ''})
                if self._in_chunks:
                    guidance = self._guidance(ahead) if self._rtc_horizon else {}
                    self._last = self._policy.predict_action_chunk(batch, **guidance)[0]
                    actions = self._after(self._last)
                else:
                    actions = self._after(self._policy.select_action(batch))
        except Exception as error:
            # Its code is not known here, so neither are its errors.
            raise InferenceError(f'LeRobot failed: {type(error).__name__}: {error}') from error
        actions = actions.to('cpu', torch.float32).reshape(-1, actions.shape[-1])
        if not torch.isfinite(actions).all():
            raise InferenceError('the network gave values that are not finite')
        return actions

    def _guidance(self, ahead: Ahead | None) -> dict[str, Any]:
        """Return what LeRobot's Real-Time Chunking wants to know of the last chunk."""
        if ahead is None or self._last is None:
            return {'inference_delay': 0, 'prev_chunk_left_over': None}
        left = self._last[ahead.used : ahead.used + self._rtc_horizon].detach()
        return {
            'inference_delay': ahead.delay,
            'prev_chunk_left_over': left if len(left) else None,
        }

    def _casting(self) -> contextlib.AbstractContextManager[Any]:
        if self._dtype == torch.float32:
            return contextlib.nullcontext()
        casting: contextlib.AbstractContextManager[Any]
        casting = torch.autocast(self._device.type, self._dtype)
        return casting


def load(description: Description, options: Options) -> LerobotPolicy:
    """Return the policy of a checkpoint; raises as `load_policy`."""
    return LerobotPolicy(description, options)


def _factory(kind: str) -> Any:
    """Return LeRobot's module that makes policies."""
    try:
        # Registers the types; their configurations cannot be read before.
        importlib.import_module('lerobot.policies')
        factory = importlib.import_module('lerobot.policies.factory')
    except ImportError as error:
        extra = f'[{_EXTRAS[kind]}]' if kind in _EXTRAS else ''
        missing = '' if error.name == 'lerobot' else f' ({error})'
        raise UnsupportedPolicyError(
            f'"{kind}" policies run through LeRobot 0.4 or later, which is not installed{missing}: '
            f"pip install 'lerobot{extra}'; act and diffusion run without it"
        ) from None
    if not hasattr(factory, 'make_pre_post_processors'):
        raise UnsupportedPolicyError(
            f'"{kind}" policies run through LeRobot 0.4 or later; the one installed is older'
        )
    with contextlib.suppress(ImportError, AttributeError):
        importlib.import_module('lerobot.utils.import_utils').register_third_party_plugins()
    return factory


def _config(description: Description, options: Options, device: torch.device) -> Any:
    """Return LeRobot's configuration with what was chosen here, and nothing to download."""
    configs = importlib.import_module('lerobot.configs.policies')
    config = configs.PreTrainedConfig.from_pretrained(str(description.folder))
    config.device = str(device)
    if hasattr(config, 'pretrained_backbone_weights'):
        config.pretrained_backbone_weights = None
    for name, value in options.overrides.items():
        setattr(config, name, value)
    return config


def _guide(config: Any, policy_class: Any, options: Options) -> None:
    """Switch Real-Time Chunking on.

    Raises:
        UnsupportedPolicyError: when this type does not have it.
    """
    if getattr(config, 'use_relative_actions', False):
        raise UnsupportedPolicyError(
            f'this "{config.type}" gives relative actions, which Real-Time Chunking here cannot '
            'compare with those of the last chunk; use queue:=prefetch'
        )
    if not (hasattr(config, 'rtc_config') and hasattr(policy_class, 'init_rtc_processor')):
        raise UnsupportedPolicyError(
            f'"{config.type}" has no Real-Time Chunking in the LeRobot installed here; '
            'use queue:=prefetch'
        )
    module = importlib.import_module('lerobot.policies.rtc.configuration_rtc')
    config.rtc_config = module.RTCConfig(enabled=True, execution_horizon=options.rtc_horizon)


@contextlib.contextmanager
def _refusing(words: str) -> Iterator[None]:
    try:
        yield
    except UnsupportedPolicyError:
        raise
    except Exception as error:
        raise UnsupportedPolicyError(f'{words}: {type(error).__name__}: {error}') from error
