"""Checkpoints that cannot be run: each refused by name, every problem at once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policy_node.errors import CheckpointError, PolicyError, UnsupportedPolicyError
from recorder_node.errors import RecorderError
from tests.unit.policy.conftest import change_tensors, configure, edit, load, observation

PRE, POST = 'policy_preprocessor.json', 'policy_postprocessor.json'
PRE_STATISTICS = 'policy_preprocessor_step_3_normalizer_processor.safetensors'


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(PolicyError) as error:
        load(folder, **options)
    assert isinstance(error.value, RecorderError)
    return str(error.value)


def test_both_layouts_load(old: Path, new: Path) -> None:
    for folder in (old, new):
        policy = load(folder)
        chunk = policy.chunk([observation(policy)])
        size = policy.info.output_features['action'].shape
        assert tuple(chunk.shape) == (policy.info.chunk_size, *size)
        assert policy.info.fps is None
        assert policy.info.notices == ()


def test_cameras_keep_the_order_of_the_file(new: Path) -> None:
    assert list(load(new).info.input_features)[:2] == [
        'observation.images.a',
        'observation.images.b',
    ]


def test_there_is_nothing(tmp_path: Path) -> None:
    assert 'no such folder' in refusal(tmp_path / 'a' / 'b')
    assert 'holds no config.json' in refusal(tmp_path)


def test_the_folder_around_it_will_do(old: Path, tmp_path: Path) -> None:
    (tmp_path / 'last').mkdir()
    old.rename(tmp_path / 'last' / 'pretrained_model')
    assert load(tmp_path / 'last').info.kind == 'act'


def test_pickles_are_never_opened(old: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / 'exploded',))

    import pickle

    (old / 'model.safetensors').unlink()
    (old / 'pytorch_model.bin').write_bytes(pickle.dumps(Bomb()))
    assert 'pytorch_model.bin is a pickle' in refusal(old)
    assert 'is a pickle' in refusal(old / 'pytorch_model.bin')
    (old / 'config.json').unlink()
    assert 'is a pickle' in refusal(old)
    shutil.copy(old / 'pytorch_model.bin', old / 'model.safetensors')
    configurable = tmp_path / 'disguised'
    shutil.copytree(old, configurable)
    (configurable / 'config.json').write_text(
        '{"type": "act", "input_features": {"observation.environment_state": '
        '{"type": "ENV", "shape": [2]}}, '
        '"output_features": {"action": {"type": "ACTION", "shape": [2]}}}'
    )
    assert 'no safetensors file' in refusal(configurable)
    assert not (tmp_path / 'exploded').exists()


def test_config_that_is_none(old: Path) -> None:
    path = old / 'config.json'
    for text, words in (
        ('{', 'no sound JSON'),
        ('[' * 100_000, 'no sound JSON'),
        ('[]', 'no JSON object'),
        (' ' * 2**21, 'larger than 1 MB'),
        ('{"input_shapes": {}}', 'older than LeRobot 0.2'),
        ('{"type": 3}', '"type" must name the policy'),
    ):
        path.write_text(text)
        assert words in refusal(old)


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('n_obs_steps', 2, 'must be 1'),
        ('chunk_size', 0, 'must be 1 to 100000'),
        ('chunk_size', '20', 'must be a whole number'),
        ('n_action_steps', 21, 'more than "chunk_size": 20'),
        ('temporal_ensemble_coeff', 0.01, 'needs "n_action_steps": 1'),
        ('vision_backbone', 'vit', "'vit' is not supported; resnet18"),
        ('feedforward_activation', 'glu', "'glu' is not supported"),
        ('n_heads', 5, 'no multiple of "n_heads": 5'),
        ('dim_model', float('nan'), 'must be a whole number'),
        ('n_encoder_layers', 10**9, 'must be 0 to 64'),
        ('pre_norm', 'yes', 'must be true or false'),
        ('replace_final_stride_with_dilation', True, 'does not exist for resnet18'),
        ('normalization_mapping', {'STATE': 'QUANTILES'}, 'does not exist in a checkpoint'),
        ('normalization_mapping', {'STATE': 'ZSCORE'}, "'ZSCORE' is not one of"),
        ('normalization_mapping', None, 'must be an object'),
        ('input_features', {'observation.state': {'type': 'STATE', 'shape': [6]}}, 'neither'),
        ('input_features', {'x': {'type': 'STATE', 'shape': [0]}}, 'not a list of sizes'),
        ('input_features', {'x': {'type': 'SOUND', 'shape': [3]}}, 'not one of STATE'),
        ('input_features', {'x': {'type': 'VISUAL', 'shape': [1, 8, 8]}}, '[3, height, width]'),
        ('output_features', {}, 'no "action" vector'),
        ('use_peft', True, 'adapters (PEFT)'),
    ],
)
def test_config_values(old: Path, field: str, value: Any, words: str) -> None:
    configure(old, **{field: value})
    assert words in refusal(old)


def test_all_problems_of_a_config_at_once(old: Path) -> None:
    configure(old, chunk_size=0, n_heads='four', vision_backbone='vgg')
    with pytest.raises(CheckpointError) as error:
        load(old)
    assert len(error.value.problems) >= 3
    for name in ('chunk_size', 'n_heads', 'vision_backbone'):
        assert name in str(error.value)


def test_unknown_fields_and_backbone_downloads_are_ignored(old: Path) -> None:
    configure(
        old,
        invented_later=[1, 2],
        pretrained_backbone_weights='ResNet18_Weights.IMAGENET1K_V1',
        device='cuda',
    )
    assert load(old).info.device == 'cpu'


def test_weights_that_do_not_fit(old: Path) -> None:
    def change(tensors: dict[str, Any]) -> None:
        del tensors['model.action_head.bias']
        tensors['model.encoder.norm9.weight'] = np.zeros(3, np.float32)
        layer = 'model.encoder.layers.{}.norm1.weight'
        tensors[layer.format(7)] = tensors[layer.format(0)]
        tensors['model.decoder.norm.weight'] = np.zeros(3, np.float32)
        tensors['model.decoder.norm.bias'] = np.zeros(64, np.int64)

    change_tensors(old / 'model.safetensors', change)
    words = refusal(old)
    assert 'model.action_head.bias is missing' in words
    assert 'model.encoder.layers.7.norm1.weight has no place' in words
    assert 'model.decoder.norm.weight is [3]; config.json asks for [64]' in words
    assert 'model.decoder.norm.bias holds torch.int64' in words
    assert 'norm9' not in words


def test_tensors_nobody_asked_for_are_mentioned(old: Path) -> None:
    change_tensors(
        old / 'model.safetensors', lambda t: t.update({'model.extra': np.zeros(1, np.float32)})
    )
    assert load(old).info.notices == ('not used: model.extra',)


def test_weights_of_a_compiled_model(old: Path) -> None:
    def change(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            if name.startswith('model.encoder.'):
                tensors[name.replace('model.encoder.', 'model.encoder._orig_mod.')] = tensors.pop(
                    name
                )

    before = load(old)
    wanted = before.chunk([observation(before)])
    change_tensors(old / 'model.safetensors', change)
    after = load(old)
    assert after.chunk([observation(after)]).equal(wanted)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_weights_that_are_not_finite(old: Path, bad: float) -> None:
    def change(tensors: dict[str, Any]) -> None:
        tensors['model.action_head.weight'][1, 2] = bad

    change_tensors(old / 'model.safetensors', change)
    assert 'model.action_head.weight holds values that are not finite' in refusal(old)


def test_huge_networks_cost_nothing_before_they_are_refused(old: Path) -> None:
    configure(old, dim_model=99_000, n_heads=1, dim_feedforward=100_000, n_encoder_layers=64)
    words = refusal(old)
    assert 'is missing' in words
    assert 'more' in words.splitlines()[-1]


def test_old_statistics(old: Path) -> None:
    name = 'normalize_inputs.buffer_observation_state.max'
    change_tensors(old / 'model.safetensors', lambda t: t[name].fill(np.inf))
    assert 'never filled' in refusal(old)
    change_tensors(old / 'model.safetensors', lambda t: t.pop(name))
    assert f'statistics are missing: {name}' in refusal(old)


def test_no_statistics_at_all(old: Path) -> None:
    def change(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if 'normalize' in name]:
            del tensors[name]

    change_tensors(old / 'model.safetensors', change)
    assert 'has no statistics' in refusal(old)
    configure(old, normalization_mapping=dict.fromkeys(('STATE', 'ENV', 'ACTION'), 'IDENTITY'))
    load(old)


def test_pipelines_with_steps_of_their_own(new: Path) -> None:
    step = {'registry_name': 'blur_processor', 'config': {}}
    edit(new / PRE, lambda pipeline: pipeline['steps'].insert(1, step))
    assert 'step "blur_processor" is not one of LeRobot\'s' in refusal(new)
    edit(new / PRE, lambda pipeline: pipeline['steps'].pop(1))
    edit(new / PRE, lambda pipeline: pipeline['steps'].insert(0, {'class': 'my.Step'}))
    assert 'step "my.Step"' in refusal(new)
    edit(new / PRE, lambda pipeline: pipeline['steps'].pop(0))
    edit(new / PRE, lambda pipeline: pipeline['steps'].reverse())
    assert 'another order' in refusal(new)


def test_pipelines_with_wrong_values(new: Path) -> None:
    def change(pipeline: dict[str, Any]) -> None:
        device, normalizer = pipeline['steps'][2:]
        device['config']['float_dtype'] = 'float16'
        normalizer['config']['norm_map'] = {'STATE': 'LOG'}
        normalizer['config']['eps'] = 'small'
        normalizer['state_file'] = '../../etc/passwd'
        pipeline['steps'][0]['config']['rename_map'] = {'a': 3}

    edit(new / PRE, change)
    words = refusal(new)
    for part in ('float_dtype', "'LOG'", 'eps', 'no plain file name', 'rename_map'):
        assert part in words


def test_a_pipeline_without_its_files(new: Path) -> None:
    (new / PRE_STATISTICS).unlink()
    assert 'cannot be read' in refusal(new)
    (new / POST).unlink()
    assert POST in refusal(new)


def test_statistics_of_another_size(new: Path) -> None:
    change_tensors(
        new / PRE_STATISTICS, lambda t: t.update({'observation.state.mean': np.zeros(9, 'f')})
    )
    assert 'observation.state.mean: shape [9] instead of [5]' in refusal(new)


def test_flat_image_statistics_are_taken(new: Path) -> None:
    """As main's checkpoints have them."""
    wanted = load(new)
    change_tensors(
        new / PRE_STATISTICS,
        lambda t: t.update({k: v.reshape(-1) for k, v in t.items() if 'images' in k}),
    )
    policy = load(new)
    values = observation(policy)
    assert policy.chunk([values]).equal(wanted.chunk([values]))


def test_features_without_statistics_stay_as_they_are(new: Path) -> None:
    change_tensors(new / PRE_STATISTICS, lambda t: t.pop('observation.state.mean'))
    assert load(new).info.notices == ('no mean/std of "observation.state": it is not scaled',)


def test_renamed_cameras(new: Path) -> None:
    before = load(new)
    values = observation(before)
    edit(
        new / PRE,
        lambda p: p['steps'][0]['config'].update(
            rename_map={'observation.images.top': 'observation.images.a'}
        ),
    )
    policy = load(new, rename_map={'observation.images.side': 'observation.images.b'})
    assert list(policy.info.input_features)[:2] == [
        'observation.images.top',
        'observation.images.side',
    ]
    renamed = {
        key.replace('images.a', 'images.top').replace('images.b', 'images.side'): value
        for key, value in values.items()
    }
    assert policy.chunk([renamed]).equal(before.chunk([values]))


def test_sharded_weights(old: Path) -> None:
    (old / 'model.safetensors').unlink()
    (old / 'pytorch_model_fsdp_0').mkdir()
    assert 'lerobot-convert-dcp' in refusal(old)


def test_overrides(old: Path) -> None:
    assert load(old, overrides={'n_action_steps': 3}).info.n_action_steps == 3
    assert 'dim_model cannot be overridden' in refusal(old, overrides={'dim_model': 8})
    assert 'more than' in refusal(old, overrides={'n_action_steps': 300})


def test_devices_and_precisions(old: Path) -> None:
    from policy_node.networks.policies import load_policy
    from policy_node.networks.policy import Options

    for options, words in (
        (Options(device='tpu'), '"tpu" is not one of'),
        (Options(device='mps'), 'is not there'),
        (Options(device='cpu', precision='fp16'), 'for GPUs'),
        (Options(device='cpu', precision='int8'), '"int8" is not one of'),
    ):
        with pytest.raises(UnsupportedPolicyError, match=words):
            load_policy(old, options)


def test_torch_is_missing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, 'torch', None)
    monkeypatch.delitem(sys.modules, 'policy_node.networks.act.policy', raising=False)
    for name in [name for name in sys.modules if name.startswith('policy_node.networks.act')]:
        monkeypatch.delitem(sys.modules, name)
    assert 'policies need torch' in refusal(old)
