"""Which objects a scene may draw: splits, families, licences, and how often each kind appears."""

from __future__ import annotations

import hashlib

import numpy as np

from ...errors import SceneError
from .library import MeshLibrary
from .reading import SCANS, ObjectRecord

UNSEEN_FAMILIES = ("Office", "Lights", "City-Builder-Bits")  # never trained on
NO_FRONT = ("ycb", "gso", "Dungeon-Remastered", "Prototype-Bits", "Miscellaneous", "objects")
GROUPS = ("scan", "furnishing", "stylised")
GROUP_SHARES = (0.34, 0.48, 0.18)
UNTEXTURED_WEIGHT = 0.3


def group_of(record: ObjectRecord) -> int:
    """Index into GROUPS: scenes keep mostly to one kind of objects."""
    if record.source in SCANS:
        return 0
    return 2 if record.source.startswith("kaykit") else 1


def held_out(record: ObjectRecord, share: float) -> bool:
    """Whether the instance is kept from training: by a hash of its id, so that it never changes."""
    digest = hashlib.sha1(record.id.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < share


def split_members(records: tuple[ObjectRecord, ...], split: str, share: float) -> list[int]:
    """Indices of the objects of a split. Folders with few objects hold out at least one (of two or more);
    folders without a family of `UNSEEN_FAMILIES` have no unseen families."""
    seen = [i for i, record in enumerate(records) if record.family not in UNSEEN_FAMILIES or record.source == "user"]
    unseen = [i for i in seen if held_out(records[i], share)]
    if not unseen and len(seen) > 1 and share > 0:
        unseen = [min(seen, key=lambda i: hashlib.sha1(records[i].id.encode()).digest())]
    if split == "train":
        return [i for i in seen if i not in set(unseen)]
    if split == "unseen_instances":
        return unseen
    if split == "unseen_families":
        return [i for i in range(len(records)) if i not in set(seen)]
    raise SceneError(f"There is no split named {split!r}: use train, unseen_instances or unseen_families.")


class Catalogue:
    """The objects of one split with their drawing weights."""

    def __init__(self, library: MeshLibrary, members: list[int], split: str) -> None:
        if not members:
            raise SceneError(f"No objects are left for the split {split!r}: add objects or ask for another split.")
        self.size = library.size.cpu().double().numpy()
        self.flat_top = library.flat_top.cpu().numpy()
        records = library.records
        self.may_lie = np.array([record.source in SCANS for record in records], float)
        self.groups: list[tuple[np.ndarray, np.ndarray]] = []
        shares = []
        for group, share in enumerate(GROUP_SHARES):
            inside = np.array([i for i in members if group_of(records[i]) == group], int)
            if len(inside):
                weight = np.array([1.0 if records[i].textured else UNTEXTURED_WEIGHT for i in inside])
                self.groups.append((inside, weight / weight.sum()))
                shares.append(share)
        self.shares = np.array(shares) / sum(shares)

    def draw(self, rng: np.random.Generator, count: int) -> list[int]:
        """`count` objects, mostly of one group, of like sizes: of three candidates the nearest in size."""
        main = int(rng.choice(len(self.shares), p=self.shares))
        chosen: list[int] = []
        for _ in range(count):
            group = main if rng.random() < 0.8 else int(rng.choice(len(self.shares), p=self.shares))
            members, weight = self.groups[group]
            candidates = rng.choice(members, 4 if chosen else 1, p=weight)
            if chosen:
                longest = np.log(self.size[candidates].max(1))
                candidates = candidates[np.argsort(np.abs(longest - np.log(self.size[chosen[0]].max())))]
                fresh = [int(c) for c in candidates if int(c) not in chosen]
                chosen.append(fresh[0] if fresh else int(candidates[0]))
            else:
                chosen.append(int(candidates[0]))
        return chosen
