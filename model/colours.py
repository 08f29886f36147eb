"""Masks that follow the colours of their picture: what an object is painted with is the object's.

The surface network knows shapes; a picture's own colours, those of the object and those of what is around it, are known
only when it is there. Where the network doubts, histograms of both decide, made of what it is sure of and made again
of their own answer: Boykov & Jolly 2001 ("Interactive Graph Cuts", section 2.6), Rother et al. 2004 ("GrabCut",
section 3.2), with the network in place of a person's strokes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool3d, pad

_BINS = 24  # to each colour channel
_ROUNDS = 2
_MOST = 3.0  # log ratio: how much a colour may say
_DOUBT = 0.02  # the network is taken to be no surer than this
_RARE = 2e-4  # of a histogram: colours that both hardly show say nothing


def follow_colours(share: Tensor, image: Tensor) -> Tensor:
    """Probabilities share [h, w] that a pixel is the object's, with what its colour in image [3, h, w] 0..1 says."""
    bins = (image * _BINS).long().clamp(0, _BINS - 1)
    colour = ((bins[0] * _BINS + bins[1]) * _BINS + bins[2]).flatten()
    network = torch.logit(share.clamp(_DOUBT, 1 - _DOUBT))
    made = share
    for _ in range(_ROUNDS):
        ours, others = _histogram(colour, made.square()), _histogram(colour, (1 - made).square())
        evidence = ((ours + _RARE) / (others + _RARE)).log().clamp(-_MOST, _MOST)
        made = torch.sigmoid(network + evidence[colour].view_as(share)) * (share > 0)  # 0: outside its box
    return made


def _histogram(colour: Tensor, weight: Tensor) -> Tensor:
    """Shares [_BINS^3] of the colours, index [P], by weight [h, w]; neighbouring bins lend each other theirs."""
    counts = torch.zeros(_BINS**3, device=colour.device).index_add(0, colour, weight.flatten())
    smooth = avg_pool3d(pad(counts.view(1, 1, _BINS, _BINS, _BINS), (1,) * 6, mode="replicate"), 3, 1).flatten()
    return smooth / smooth.sum().clamp_min(1e-6)
