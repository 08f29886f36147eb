"""The windowed Blenders, each with one session that does all chosen steps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from . import blenders
from .show import Report, play

STEPS = Path(__file__).resolve().parent / "steps"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--blender",
        action="append",
        help="a Debian suite (sid, trixie), suites by preference (sid,trixie), or a Blender program; repeatable",
    )


def step_names() -> list[str]:
    """ "module.function" of every public function in steps/, in the order of files and lines."""
    names = []
    for file in sorted(STEPS.glob("*.py")):
        functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
        first = [(function.name, [argument.arg for argument in function.args.args[:1]]) for function in functions]
        names += [f"{file.stem}.{name}" for name, argument in first if argument == ["artist"] and name[0] != "_"]
    return names


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "step" in metafunc.fixturenames:
        wanted = metafunc.config.getoption("--blender") or ["sid", "trixie"]
        metafunc.parametrize("wanted", wanted, scope="session")
        metafunc.parametrize("step", step_names())


@pytest.fixture(scope="session")
def sessions() -> dict[str, Report | str]:
    """The reports of the sessions that were played, by what was wanted; a sentence where there is no Blender."""
    return {}


@pytest.fixture
def session(request: pytest.FixtureRequest, sessions: dict[str, Report | str], wanted: str) -> Report:
    """The report of the wanted Blender's session, which is played once, with the steps that were chosen."""
    if wanted not in sessions:
        items = [item for item in request.session.items if isinstance(item, pytest.Function)]
        calls = [item.callspec.params for item in items if hasattr(item, "callspec")]
        steps = [call["step"] for call in calls if call.get("wanted") == wanted]
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            sessions[wanted] = _played(wanted, steps)
    report = sessions[wanted]
    if isinstance(report, str):
        pytest.skip(report)
    return report


def _played(wanted: str, steps: list[str]) -> Report | str:
    try:
        blender = blenders.find(wanted)
    except blenders.NoBlender as error:
        return str(error)
    report = play(blender, steps)
    print(f"\nBlender {report.version} ({blender.name}) did {len(report.steps)} steps: {report.folder}", flush=True)
    return report
