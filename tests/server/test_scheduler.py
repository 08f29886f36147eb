"""Latest wins, jobs keep their order, and nobody waits for ever."""

from __future__ import annotations

from server.protocol.messages import Preview, Render
from server.scheduler import PREVIEWS_IN_A_ROW, Job, Scheduler

from .scenes import scene


def preview(request: int, view: str = "view", client: bytes = b"a") -> Job:
    return Job(client, Preview(request, scene(), view=view), [])


def render(request: int, client: bytes = b"a", run: object = None) -> Job:
    return Job(client, Render(request, scene()), [], run)


def numbers(scheduler: Scheduler) -> list[int]:
    found = []
    while (job := scheduler.next()) is not None:
        found.append(job.request.request)
        scheduler.finish(job)
    return found


def test_the_newest_preview_of_a_view_replaces_the_one_that_waits():
    scheduler = Scheduler()
    first, second = preview(1), preview(2)
    assert scheduler.add(first) is None
    assert scheduler.add(second) is first
    assert scheduler.add(preview(3, "other")) is None
    assert scheduler.add(preview(4, client=b"b")) is None
    assert numbers(scheduler) == [2, 3, 4]


def test_a_running_preview_is_stale_when_a_newer_one_waits():
    scheduler = Scheduler()
    scheduler.add(preview(1))
    running = scheduler.next()
    assert scheduler.next() is None and not scheduler.stale()
    scheduler.add(preview(2, "other"))
    assert not scheduler.stale()
    scheduler.add(preview(3))
    assert scheduler.stale() == [running]


def test_previews_go_first_jobs_in_order_frames_last():
    scheduler = Scheduler()
    scheduler.add(render(1, run="sequence"))
    scheduler.add(render(2))
    scheduler.add(render(3))
    scheduler.add(preview(4))
    assert numbers(scheduler) == [4, 2, 3, 1]


def test_a_moving_viewport_does_not_keep_a_job_waiting_for_ever():
    scheduler = Scheduler()
    scheduler.add(render(100))
    done = []
    for number in range(10):
        scheduler.add(preview(number))
        job = scheduler.next()
        assert job is not None
        done.append(job.request.request)
        scheduler.finish(job)
    assert done.index(100) == PREVIEWS_IN_A_ROW


def test_a_preview_is_the_guest_of_a_job():
    scheduler = Scheduler()
    scheduler.add(render(1))
    job = scheduler.next()
    assert job is not None and scheduler.next_guest() is None
    scheduler.add(preview(2))
    scheduler.add(preview(3, "other"))
    scheduler.add(render(4))
    assert scheduler.next() is None
    guest = scheduler.next_guest()
    assert guest is not None and guest.request.request == 2 and scheduler.at_work == [job, guest]
    assert scheduler.next_guest() is None, "one at a time"
    assert scheduler.find(b"a", 2) is guest and not scheduler.stale()
    scheduler.add(preview(5))
    assert scheduler.stale() == [guest]
    scheduler.finish(guest)
    other = scheduler.next_guest()
    assert other is not None and other.request.request == 3
    scheduler.finish(job)
    assert scheduler.at_work == [other] and scheduler.next() is None, "it runs by itself now"
    assert scheduler.next_guest() is None, "previews have no guests"
    scheduler.finish(other)
    assert numbers(scheduler) == [5, 4]


def test_what_a_client_asked_for_can_be_found_counted_and_removed():
    scheduler = Scheduler()
    jobs = [render(1), render(2, b"b"), preview(3), preview(4, client=b"b")]
    for job in jobs:
        scheduler.add(job)
    assert scheduler.find(b"b", 2) is jobs[1] and scheduler.find(b"b", 1) is None
    assert scheduler.count(b"a") == 1 and scheduler.position(jobs[1]) == 1
    scheduler.remove(scheduler.of_client(b"a"))
    assert numbers(scheduler) == [4, 2]


def test_two_workers_share_what_waits_and_a_view_has_one_preview_at_work():
    scheduler = Scheduler(2)
    for job in (render(1), render(2), render(3), preview(4)):
        scheduler.add(job)
    first, second = scheduler.next(0), scheduler.next(1)
    assert first is not None and second is not None
    assert [first.request.request, second.request.request] == [4, 1] and scheduler.is_full
    scheduler.add(preview(5))
    assert scheduler.stale() == [first] and scheduler.next_guest(1) is None, "its view's pictures come in order"
    scheduler.add(preview(6, "other"))
    guest = scheduler.next_guest(1)
    assert guest is not None and guest.request.request == 6 and scheduler.at_work == [first, second, guest]
    scheduler.finish(second)
    assert scheduler.at_work == [first, guest] and scheduler.is_full, "the guest runs by itself"
    scheduler.finish(first)
    assert not scheduler.is_full
    following = scheduler.next(0)
    assert following is not None and following.request.request == 5
    scheduler.finish(guest)
    assert [job.request.request for job in (scheduler.next(1),) if job] == [2] and scheduler.next(0) is None
