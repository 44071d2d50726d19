"""Parts of the networks against plain formulas; what a policy refuses to look at."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench.random_act import write_random_act
from policy_node.errors import InferenceError
from policy_node.networks.act.network import position_table
from policy_node.networks.linear import product
from policy_node.networks.policy import warm_up, zero_observation
from policy_node.networks.resnet import LAYOUTS, FrozenNorm, ResNet
from tests.unit.policy.conftest import SMALL, configure, edit, load, observation


def random_backbone(name: str, dilate: bool = False) -> ResNet:
    torch.manual_seed(3)
    network = ResNet(name, FrozenNorm, dilate)
    for module in network.modules():
        if isinstance(module, FrozenNorm):
            module.weight.uniform_(0.5, 1.0)
            module.bias.uniform_(-0.2, 0.2)
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return network.requires_grad_(False).eval()


def unfolded(network: ResNet) -> nn.Module:
    """The same network with torch's own batch norm."""

    def replace(parent: nn.Module) -> None:
        for name, child in parent.named_children():
            if isinstance(child, FrozenNorm):
                norm = nn.BatchNorm2d(len(child.weight)).eval()
                norm.load_state_dict(child.state_dict(), strict=False)
                setattr(parent, name, norm)
            else:
                replace(child)

    replace(network)
    return network.requires_grad_(False)


@pytest.mark.parametrize(
    ('name', 'dilate'), [('resnet18', False), ('resnet34', False), ('resnet50', True)]
)
def test_folded_norms_change_nothing(name: str, dilate: bool) -> None:
    images = torch.rand(1, 3, 70, 101)
    folded = random_backbone(name, dilate)
    folded.fold_norms()
    assert not any(isinstance(module, FrozenNorm) for module in folded.modules())
    wanted = unfolded(random_backbone(name, dilate))(images)
    found = folded(images)
    assert tuple(found.shape[2:]) == folded.feature_size(70, 101)
    assert found.shape[1] == folded.channels == (2048 if LAYOUTS[name][1] else 512)
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max()


def test_positions_are_row_first() -> None:
    height, width, channels = 3, 4, 16
    table = position_table(height, width, channels)
    half = channels // 2
    for row in range(height):
        for column in range(width):
            for channel in range(channels):
                place, count = (row, height) if channel < half else (column, width)
                j = channel % half
                angle = 2 * math.pi * (place + 1) / (count + 1e-6)
                angle /= 10000 ** (2 * (j // 2) / half)
                wanted = math.cos(angle) if j % 2 else math.sin(angle)
                assert table[row * width + column, channel] == pytest.approx(wanted, abs=1e-5)


def test_products_are_products() -> None:
    x, weight, bias = torch.randn(37, 24), torch.randn(56, 24), torch.randn(56)
    wanted = x.double() @ weight.double().t() + bias.double()
    found = product(x, weight, bias)
    assert found.is_contiguous()
    assert (found - wanted).abs().max() < 1e-4
    assert (product(x, weight) - (wanted - bias)).abs().max() < 1e-4


def test_pictures_come_as_bytes_or_floats(new: Path) -> None:
    policy = load(new)
    values = observation(policy)
    floats = {
        key: torch.from_numpy(value).permute(2, 0, 1) / 255 if value.ndim == 3 else value
        for key, value in values.items()
    }
    torch.testing.assert_close(policy.chunk([values]), policy.chunk([floats]), rtol=0, atol=1e-3)


def test_pictures_that_cannot_be_written_to(new: Path, recwarn: pytest.WarningsRecorder) -> None:
    policy = load(new)
    values = observation(policy)
    for value in values.values():
        value.flags.writeable = False
    policy.chunk([values])
    assert not recwarn.list


def test_every_camera_and_joint_matters(new: Path) -> None:
    policy = load(new)
    values = observation(policy)
    before = policy.chunk([values])
    for key in values:
        changed = {**values, key: values[key] // 2 if values[key].ndim == 3 else values[key] + 1}
        assert (policy.chunk([changed]) - before).abs().max() > 1e-3, key


def test_observations_that_do_not_fit(new: Path) -> None:
    policy = load(new)
    values: dict[str, Any] = observation(policy)
    values['observation.images.a'] = np.zeros((8, 8, 3), np.uint8)
    values['observation.state'] = np.zeros(5, np.int64)
    del values['observation.images.b']
    with pytest.raises(InferenceError) as error:
        policy.chunk([values])
    for words in ('images.a" is torch.uint8 [8, 8, 3]', 'images.b" is missing', 'torch.int64 [5]'):
        assert words in str(error.value)
    with pytest.raises(InferenceError, match='2 observations given, 1 needed'):
        policy.chunk([values, values])


def test_results_that_are_not_finite(new: Path) -> None:
    policy = load(new)
    values = observation(policy)
    values['observation.state'][0] = np.nan
    with pytest.raises(InferenceError, match='not finite'):
        policy.chunk([values])


def test_networks_that_raise(new: Path) -> None:
    policy: Any = load(new)

    def fail(*arguments: Any) -> None:
        raise RuntimeError('out of memory')

    policy.network.forward = fail
    with pytest.raises(InferenceError, match='the network failed: out of memory'):
        policy.chunk([observation(policy)])


def test_warming_up(new: Path) -> None:
    policy = load(new)
    assert {k: v.shape for k, v in zero_observation(policy.info).items()} == {
        'observation.images.a': (40, 56, 3),
        'observation.images.b': (48, 40, 3),
        'observation.state': (5,),
    }
    assert 0 < warm_up(policy) < 60


def test_pre_norm_and_gelu_differ(tmp_path: Path) -> None:
    cameras = {'observation.image': (40, 40)}
    folder = write_random_act(tmp_path / 'a', cameras, 5, **SMALL, n_decoder_layers=2)
    chunks = [load(folder).chunk([observation(load(folder))])]
    configure(folder, feedforward_activation='gelu')
    chunks.append(load(folder).chunk([observation(load(folder))]))
    assert (chunks[0] - chunks[1]).abs().max() > 1e-3
    other = write_random_act(tmp_path / 'b', cameras, 5, **SMALL, pre_norm=True)
    assert load(other).chunk([observation(load(other))]).isfinite().all()


def test_compiling(
    new: Path, whole: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(nn.Module, 'compile', lambda self: compiled.append(type(self).__name__))
    load(new)
    assert compiled == []
    load(new, compile=True)
    load(whole('diffusion_v04_resize_bn'), compile=True)
    assert compiled == ['ActNetwork', 'UNet']


def test_config_edits_are_seen(old: Path) -> None:
    edit(old / 'config.json', lambda config: config.update(n_action_steps=5))
    assert load(old).info.n_action_steps == 5
