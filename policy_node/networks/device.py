"""Where a network runs and how precisely."""

from __future__ import annotations

import torch

from policy_node.errors import UnsupportedPolicyError

DEVICES = ('auto', 'cpu', 'cuda', 'mps')
PRECISIONS = {'float32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def choose_device(name: str) -> torch.device:
    """Return the device; `auto` takes a GPU where torch sees one.

    Raises:
        UnsupportedPolicyError: when torch cannot use it.
    """
    available = {'cpu': True, 'cuda': torch.cuda.is_available(), 'mps': _has_mps()}
    if name == 'auto':
        name = next(device for device in ('cuda', 'mps', 'cpu') if available[device])
    if name not in available:
        raise UnsupportedPolicyError(f'device "{name}" is not one of {", ".join(DEVICES)}')
    if not available[name]:
        raise UnsupportedPolicyError(
            f'device "{name}" is not there, or this torch ({torch.__version__}) is built without '
            'it; use device:=auto'
        )
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> tuple[torch.dtype, str]:
    """Return the dtype of weights and activations, and a notice where it will disappoint.

    Raises:
        UnsupportedPolicyError: when it makes no sense on the device.
    """
    if name not in PRECISIONS:
        raise UnsupportedPolicyError(f'precision "{name}" is not one of {", ".join(PRECISIONS)}')
    dtype = PRECISIONS[name]
    if device.type != 'cpu' or dtype == torch.float32:
        return dtype, ''
    if dtype == torch.float16:
        raise UnsupportedPolicyError('precision "fp16" is for GPUs; on a CPU use bf16 or float32')
    if not has_fast_bf16():
        return dtype, 'this CPU has no bf16 instructions: precision bf16 is slower than float32'
    return dtype, ''


def has_fast_bf16() -> bool:
    """Tell whether the CPU multiplies bf16 matrices in hardware."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, 'get_capabilities') else {}
    return any(capabilities.get(name) for name in ('avx512_bf16', 'amx_bf16', 'bf16'))


def _has_mps() -> bool:
    return bool(torch.backends.mps.is_available())
