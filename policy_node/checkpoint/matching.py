"""Does a checkpoint fit the robot? Every difference in words, before anything moves."""

from __future__ import annotations

from collections.abc import Mapping

from policy_node.checkpoint.features import ACTION_KEY, VISUAL, Feature
from recorder_node.contract.contract import Contract
from recorder_node.contract.contract import Feature as ContractFeature


def mismatches(
    inputs: Mapping[str, Feature],
    outputs: Mapping[str, Feature],
    contract: Contract,
    resize: bool,
) -> list[str]:
    """Return what keeps a policy from running on a contract's features.

    Args:
        inputs: what the policy needs, under the names that the contract may have.
        outputs: what it gives.
        contract: what the robot delivers and takes.
        resize: pictures of another size are scaled.
    """
    have = {f.name: f for f in contract.observations().features}
    found = []
    for name, feature in inputs.items():
        if name not in have:
            others = ', '.join(n for n in have if n not in inputs) or 'nothing else'
            found.append(
                f'the policy needs "{name}", the contract has {others}; rename it with '
                'rename_map:=name_here=name_there'
            )
        elif feature.kind == VISUAL:
            found += _picture(name, feature, have[name], resize)
        elif feature.shape != have[name].shape:
            found.append(
                f'"{name}" has {_size(feature.shape)} numbers in the policy and '
                f'{_size(have[name].shape)} in the contract'
            )
    action = next((f for f in contract.features if f.name == ACTION_KEY), None)
    if ACTION_KEY not in outputs:
        return [*found, 'the policy has no output "action", so nothing can be commanded']
    wanted = outputs[ACTION_KEY].shape
    if action is None or len(action.sources) != 1 or not action.sources[0].joints:
        found.append('the contract has no action made of joints, so nothing can be commanded')
    elif action.shape != wanted:
        found.append(
            f'the policy commands {_size(wanted)} numbers, the action of the contract has '
            f'{_size(action.shape)}: {", ".join(action.names or ())}'
        )
    return found


def _picture(name: str, feature: Feature, have: ContractFeature, resize: bool) -> list[str]:
    if not have.is_picture or have.depth is not None:
        return [f'"{name}" is a colour picture in the policy and none in the contract']
    height, width = feature.shape[1:]
    if have.shape[:2] == (height, width) or resize:
        return []
    return [
        f'"{name}" is {width}x{height} in the policy and {have.shape[1]}x{have.shape[0]} in the '
        'contract; set the camera to the size of the training data, or scale with resize:=true'
    ]


def _size(shape: tuple[int, ...]) -> str:
    return 'x'.join(map(str, shape))
