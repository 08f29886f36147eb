"""Exact resume: weights, averages, optimiser and counters of a stage, as safetensors + JSON, written atomically."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import WeightsError


def save_checkpoint(
    path: Path,
    module: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    counters: dict[str, float],
) -> None:
    """Write one stage's state to the folder `path` (replaced as a whole)."""
    temporary = path.with_name(path.name + ".part")
    temporary.mkdir(parents=True, exist_ok=True)
    tensors = {f"weights.{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    state = optimizer.state_dict()
    for index, values in state["state"].items():
        tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(v) for k, v in values.items()}
    tensors = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
    save_file(tensors, temporary / "state.safetensors")
    (temporary / "counters.json").write_text(json.dumps(counters))
    old = path.with_name(path.name + ".old")
    _remove(old)
    if path.exists():
        os.replace(path, old)
    os.replace(temporary, path)
    _remove(old)


def load_checkpoint(
    path: Path, module: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> dict[str, float] | None:
    """Restore a stage in place; its counters, or None when there is nothing to restore."""
    if not (path / "counters.json").exists():
        return None
    try:
        tensors = load_file(path / "state.safetensors")
        counters = json.loads((path / "counters.json").read_text())
    except Exception as error:
        raise WeightsError(
            f"The checkpoint {path} cannot be read ({error}): delete it to start the stage again."
        ) from error
    module.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("weights.")})
    for key, value in average.items():
        value.copy_(tensors[f"average.{key}"])
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            states.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    return counters


def _remove(folder: Path) -> None:
    if folder.exists():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
