"""Which previews a viewport asks for, with a clock and a server that are only values."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


class FakePending:
    def __init__(self, request) -> None:
        self.request, self.events, self.done, self.cancelled = request, [], False, False

    def wait(self, seconds):
        assert seconds == 0, "the main thread must not wait"
        if not self.events:
            return None
        event = self.events.pop(0)
        self.done = event.final
        return event

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def view(addon):
    """A live view with its requests, and makers of wishes and pictures."""
    api, events = addon("protocol.api"), addon("protocol.events")

    class View:
        def __init__(self) -> None:
            self.sent, self.now, self.due, self.api, self.make_wish = [], 0.0, None, api, addon("rendering.live").Wish
            self.live = addon("rendering.live").LiveView("a", self._submit)

        def _submit(self, request):
            self.sent.append(FakePending(request))
            return self.sent[-1]

        def wish(self, x: float, now: float) -> None:
            matrix = (1, 0, 0, x, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1)
            scene = api.Scene(api.Camera((1, 1, 0.5, 0.5), matrix), (), "background")
            draft, fine = api.RenderSettings(64, 64, 1), api.RenderSettings(128, 128, 8)
            self.live.want(self.make_wish(SimpleNamespace(scene=scene), draft, fine), now)

        def come(self, index: int, value: int = 0) -> None:
            image = np.full((64, 64, 3), value, np.uint8)
            empty = np.zeros((64, 64), np.int16), np.zeros((64, 64), np.float32)
            self.sent[index].events.append(events.Picture(0, image, *empty))

        def fail(self, index: int, code: str, sentence: str = "It broke.") -> None:
            self.sent[index].events.append(
                events.Failed(0, addon("protocol.errors").ErrorCode(code), sentence, "Mend.")
            )

        @property
        def steps(self) -> list[int]:
            return [pending.request.settings.steps for pending in self.sent]

    return View()


def test_a_move_is_drafted_at_once_and_refined_when_it_rests(view):
    view.wish(0, now=0)
    assert view.live.advance(0) and view.steps == [1]
    view.come(0, 7)
    assert view.live.advance(0.1) and view.live.picture[0, 0, 0] == 7
    assert view.steps == [1], "not rested yet"
    view.live.advance(0.31)
    assert view.steps == [1, 8] and view.live.busy
    view.come(1, 9)
    view.live.advance(0.5)
    assert view.live.picture[0, 0, 0] == 9 and not view.live.busy
    assert not view.live.advance(99) and len(view.sent) == 2


def test_drafts_follow_each_other_and_skip_what_is_outdated(view):
    for step in range(10):
        view.wish(step, now=step * 0.01)
        view.live.advance(step * 0.01)
    assert len(view.sent) == 1, "the first draft is finished before the next is asked for"
    view.come(0)
    view.live.advance(0.2)
    assert len(view.sent) == 2 and view.sent[1].request.scene.camera.world_to_camera[3] == 9


def test_a_move_replaces_a_fine_picture_in_the_making(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.come(0)
    view.live.advance(1)
    assert view.steps == [1, 8]
    view.wish(1, now=1.1)
    view.live.advance(1.1)
    assert view.steps == [1, 8, 1]
    view.come(1, 50)
    view.live.advance(1.2)
    assert view.live.picture[0, 0, 0] == 0, "the replaced picture is not shown"


def test_equal_wishes_ask_for_nothing(view):
    for now in range(5):
        view.wish(0, now)
        view.live.advance(now)
        view.come(0) if now == 0 else None
        view.come(1) if now == 2 else None
    assert len(view.sent) == 2


def test_a_refusal_is_said_and_not_repeated_until_something_changes(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.fail(0, "asset_missing", "The asset is not there.")
    assert view.live.advance(0.1)
    assert view.live.words == "The asset is not there. Mend."
    for now in range(1, 9):
        view.live.advance(now)
    assert len(view.sent) == 1 and not view.live.busy
    view.wish(1, now=9)
    view.live.advance(9)
    assert len(view.sent) == 2 and not view.live.problem


def test_a_new_server_is_asked_again(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.fail(0, "lost")
    view.live.advance(0.1)
    view.live.again()
    view.live.advance(0.2)
    assert len(view.sent) == 2


def test_being_replaced_is_no_failure(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.fail(0, "superseded")
    view.live.advance(0.1)
    assert not view.live.problem


def test_stopping_cancels_and_asks_no_more(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.live.stop()
    assert view.sent[0].cancelled
    view.live.advance(9)
    assert len(view.sent) == 1 and not view.live.busy


def test_a_scene_that_cannot_be_drawn_says_so_and_comes_back(view):
    view.live.refuse("There is no camera.")
    view.live.again()
    assert view.live.words == "There is no camera." and not view.live.busy
    view.wish(0, now=0)
    view.live.advance(0)
    assert len(view.sent) == 1 and view.live.words != "There is no camera."


def test_pausing_asks_for_nothing_and_going_on_asks_for_the_newest(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.live.pause()
    assert view.sent[0].cancelled and view.live.words == "Paused"
    view.come(0, 7)
    view.wish(1, now=1)
    view.live.advance(1)
    assert len(view.sent) == 1 and view.live.picture is None and not view.live.busy
    view.live.go_on()
    view.live.advance(2)
    assert len(view.sent) == 2 and view.sent[1].request.scene.camera.world_to_camera[3] == 1


@pytest.mark.parametrize("code", ["memory", "worker", "internal", "disk", "version"])
def test_a_failure_of_the_machine_stops_until_somebody_says_to_go_on(view, code):
    view.wish(0, now=0)
    view.live.advance(0)
    view.fail(0, code, "It broke.")
    view.live.advance(0.1)
    for step in range(1, 9):
        view.wish(step, now=step)
        view.live.advance(step)
    assert view.live.is_stopped and view.live.words == "It broke. Mend." and len(view.sent) == 1
    view.live.go_on()
    view.live.advance(10)
    view.come(1, 7)
    view.live.advance(10.1)
    assert view.live.picture[0, 0, 0] == 7 and not view.live.problem


def test_what_was_stopped_goes_on_with_another_server(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.live.halt("There is no connection.")
    view.live.advance(1)
    assert view.live.words == "There is no connection." and len(view.sent) == 1 and not view.live.busy
    view.live.again()
    view.live.advance(2)
    assert len(view.sent) == 2


def test_an_older_picture_never_follows_a_newer_one(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.come(0, 1)
    view.live.advance(1)
    assert view.steps == [1, 8]
    view.wish(1, now=1.1)
    view.live.advance(1.1)
    view.come(2, 3)
    view.live.advance(1.2)
    view.come(1, 2)  # the fine one that was replaced comes late
    view.live.advance(1.3)
    assert view.live.picture[0, 0, 0] == 3


def test_what_is_shown_tells_its_size_seconds_and_seed(view):
    view.wish(0, now=0)
    view.live.advance(0)
    view.come(0)
    view.live.advance(0.25)
    shown = view.live.shown
    assert (shown.settings.width, shown.seconds, shown.is_fine) == (64, 0.25, False)
    view.live.advance(0.5)
    view.come(1)
    view.live.advance(1.5)
    assert (view.live.shown.settings.width, view.live.shown.seconds) == (128, 1.0)


def _drag(view, device, seconds: float, bound: tuple[int, int, int] = (256, 256, 4)) -> list:
    """A hand moves for some seconds of a fake clock; device: settings -> seconds of a picture. The drafts' settings."""
    api = view.api
    draft, fine = api.RenderSettings(*bound), api.RenderSettings(512, 512, 8)
    now, first = view.now, len(view.sent)
    while view.now < now + seconds:
        view.now += 0.02
        matrix = (1, 0, 0, view.now, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1)
        scene = api.Scene(api.Camera((1, 1, 0.5, 0.5), matrix), (), "background")
        view.live.want(view.make_wish(SimpleNamespace(scene=scene), draft, fine), view.now)
        if view.due is not None and view.now >= view.due:
            view.come(-1)
            view.due = None
        before = len(view.sent)
        view.live.advance(view.now)
        if len(view.sent) > before:
            view.due = view.now + device(view.sent[-1].request.settings)
    return [pending.request.settings for pending in view.sent[first:]]


def _by_work(seconds: float):
    """A device that needs these seconds for one step at 256 x 256."""
    return lambda settings: seconds * settings.steps * settings.width * settings.height / 256**2


def test_a_quick_device_draws_drafts_as_fine_as_the_settings_allow(view):
    drafts = _drag(view, _by_work(0.03), 3)
    assert set(drafts) == {view.api.RenderSettings(256, 256, 4)} and len(drafts) / 3 > 5


@pytest.mark.parametrize("seconds", [0.08, 0.15, 0.3, 0.6])
def test_a_slow_device_draws_rougher_drafts_and_follows_the_hand(view, seconds):
    _drag(view, _by_work(seconds), 6)
    drafts = _drag(view, _by_work(seconds), 4)
    assert len(drafts) / 4 >= 4.5 and all(s.steps <= 4 and s.width <= 256 for s in drafts)
    assert max(s.steps for s in drafts) == (2 if seconds == 0.08 else 1)


def test_pixels_that_cost_nothing_are_kept(view):
    """A model that works at one size whatever is asked for: smaller pictures would only be worse."""
    device = lambda settings: 0.1 + 0.3 * settings.steps  # noqa: E731
    _drag(view, device, 8)
    assert set(_drag(view, device, 4)) == {view.api.RenderSettings(256, 256, 1)}


def test_a_device_that_is_free_again_draws_finer_drafts_again(view):
    assert min(s.steps for s in _drag(view, _by_work(0.15), 6)) == 1
    drafts = _drag(view, _by_work(0.02), 30)
    assert drafts[-1] == view.api.RenderSettings(256, 256, 4)
