"""Everything an artist does, in a real windowed Blender: one test for each step of the session, see steps/."""

from __future__ import annotations

from .show import Report


def test_step(session: Report, step: str) -> None:
    problem = session.problem_of(step)
    assert not problem, problem
