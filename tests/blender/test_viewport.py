"""The viewport's half of the engine, with a context that is only values: what it asks for and where it draws."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from server.fake import Die, Say, flat_picture
from server.protocol.errors import ErrorCode
from server.protocol.events import Failed

from .conftest import until


class Engine:
    """What a viewport needs of Blender's engine."""

    redraws, words = 0, ""

    def tag_redraw(self) -> None:
        self.redraws += 1

    def update_stats(self, _: str, words: str) -> None:
        self.words = words


def _a_3d_view(camera: bpy.types.Object) -> bpy.types.SpaceView3D:
    """One of the file's screens: it is there without a window."""
    areas = (area for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    space = next(areas).spaces.active
    space.use_local_camera, space.camera = True, camera
    return space


@pytest.fixture
def view(addon, scene):
    """A viewport looking through the camera; `context` may be changed, `update()` is a change of the scene."""
    engine = Engine()
    viewport = addon("rendering.viewport").Viewport(engine)
    region_data = SimpleNamespace(
        view_perspective="CAMERA", view_matrix=Matrix.Identity(4), window_matrix=Matrix.Identity(4)
    )
    context = SimpleNamespace(
        region_data=region_data,
        region=SimpleNamespace(width=300, height=200),
        space_data=_a_3d_view(scene.camera),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
    )

    def update() -> None:
        bpy.context.view_layer.update()
        viewport.update(context, bpy.context.evaluated_depsgraph_get())

    yield SimpleNamespace(engine=engine, viewport=viewport, context=context, update=update)
    viewport.stop()


def test_a_change_is_drafted_shown_and_refined(scene, server, box, view):
    box()
    scene.neural_assets.view_side, scene.neural_assets.draft_side = 192, 96
    view.update()
    until(lambda: view.viewport.live.picture is not None and view.viewport.words == "Done")
    draft, fine = server.wait_for("preview", 2)
    assert (draft.settings.width, draft.settings.height, draft.settings.steps) == (96, 64, 2)
    assert (fine.settings.width, fine.settings.height, fine.settings.steps) == (96, 64, 4)
    assert view.engine.redraws >= 2


def test_the_redraw_of_a_change_has_its_words_and_needs_no_other_before_the_picture(addon, server, box, view):
    """A second redraw would hold the picture up, by as long as it takes."""
    until(lambda: addon("connection.session").bridge.is_ready)
    view.viewport.live._submit = lambda request: SimpleNamespace(wait=lambda seconds: None, cancel=lambda: None)
    box()
    view.update()
    assert view.engine.words == "Draft ..."
    view.viewport.tick(0.0)
    assert view.engine.redraws == 0


def test_pictures_keep_the_shape_of_the_frame(addon):
    fitted, frame = addon("scene.reader").fitted, addon("scene.camera").Frame
    assert fitted(frame(1920, 1080), 256) == frame(256, 144)
    assert fitted(frame(1080, 1920), 256) == frame(144, 256)
    assert fitted(frame(100, 100, 2.0), 100) == frame(64, 100), "pixels twice as high, and no side below 64"
    assert fitted(frame(100, 80), 512) == frame(100, 80), "never larger than the render"


def test_the_camera_moves_with_the_view_only_where_it_is_free(scene, server, box, view):
    box()
    view.update()
    server.wait_for("preview")
    view.context.region_data.view_perspective = "PERSP"
    view.context.region_data.window_matrix = Matrix(((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    view.context.region_data.view_matrix = Matrix.Translation((0, 0, -4))
    view.update()
    until(lambda: len(server.wait_for("preview")) >= 2)
    until(lambda: any(r.scene.camera.intrinsics == (1, 1.5, 0.5, 0.5) for r in server.requests if r.kind == "preview"))
    request = [r for r in server.requests if r.kind == "preview"][-1]
    assert np.reshape(request.scene.camera.world_to_camera, (4, 4))[:3, 3] == pytest.approx((0, 0, 4))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda scene, view: setattr(scene.camera.data, "type", "ORTHO"), "orthographic, and only perspective"),
        (lambda scene, view: setattr(view.context.space_data, "camera", None), "The scene has no camera"),
        (lambda scene, view: setattr(view.context.region_data, "view_perspective", "ORTHO"), "view is orthographic"),
        (lambda scene, view: setattr(bpy.data.objects["Box"], "scale", (1, 1, -1)), "'Box' is mirrored"),
        (lambda scene, view: setattr(bpy.data.objects["Box"].neural_assets, "asset", ""), "neither boxes nor a backgr"),
    ],
)
def test_what_cannot_be_shown_is_said_in_the_corner_and_comes_back(scene, server, box, view, spoil, words):
    thing = box()
    spoil(scene, view)
    view.update()
    until(lambda: words in view.viewport.words)
    assert not any(request.kind == "preview" for request in server.requests)
    scene.camera.data.type, thing.scale, thing.neural_assets.asset = "PERSP", (1, 1, 1), "asset-1"
    view.context.space_data.camera, view.context.region_data.view_perspective = scene.camera, "CAMERA"
    view.update()
    until(lambda: view.viewport.words == "Done")


def test_a_missing_asset_is_said_in_the_corner(scene, server, box, view):
    box()
    server.answer("preview", Say(Failed(0, ErrorCode.ASSET_MISSING, "Box 'Box': its asset is missing.", "Encode it.")))
    view.update()
    until(lambda: view.viewport.words == "Box 'Box': its asset is missing. Encode it.")


def test_a_dead_server_is_said_and_the_picture_comes_when_it_is_back(scene, server, box, view):
    box()
    server.answer("preview", Die())
    view.update()
    until(lambda: "is gone" in view.viewport.words)
    server.start()
    until(lambda: view.viewport.words == "Done")
    assert view.viewport.live.picture is not None


def test_no_server_is_said_in_the_corner(addon, scene, box, view):
    box()
    view.update()
    until(lambda: view.viewport.words == "Looking for the server")


def test_a_viewport_without_engine_stops_by_itself(addon, scene, server, box, view):
    box()
    view.update()
    viewport, view.engine = view.viewport, None
    until(lambda: viewport not in addon("connection.session").views or viewport._engine() is not None)


def test_the_picture_lies_in_the_cameras_frame(addon, scene, view):
    depsgraph, viewport = bpy.context.evaluated_depsgraph_get(), addon("rendering.viewport")
    projection = scene.camera.calc_matrix_camera(depsgraph, x=96, y=64)
    view.context.region_data.window_matrix = Matrix.Diagonal((0.5, 0.5, 1, 1)) @ projection
    frame = addon("scene.camera").frame_of(scene.render)
    camera = addon("scene.reader").read_camera(depsgraph, scene.camera, frame)
    assert viewport._rectangle(view.context, camera) == pytest.approx((75, 50, 225, 150), abs=0.01)


def test_the_picture_of_a_free_view_fills_it_and_keeps_its_place_while_the_region_is_resized(addon, view):
    viewport, api = addon("rendering.viewport"), addon("protocol.api")
    where = Matrix.Identity(4)
    view.context.region_data.window_matrix = Matrix(((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    camera = api.Camera((1, 1.5, 0.5, 0.5), where)
    assert viewport._rectangle(view.context, camera) == pytest.approx((0, 0, 300, 200), abs=1e-3)
    view.context.region.width = 150  # half as wide, and Blender keeps the scale of what is seen
    view.context.region_data.window_matrix[0][0] = 4
    assert viewport._rectangle(view.context, camera) == pytest.approx((-75, 0, 225, 200), abs=1e-3)


def test_a_moving_hand_is_followed_to_its_last_place(scene, server, box, view):
    thing = box()
    for step in range(30):
        thing.location.x = step / 10
        view.update()
    until(lambda: view.viewport.words == "Done")
    previews = [request for request in server.requests if request.kind == "preview"]
    assert previews[-1].scene.placements[0].box.pose[3] == pytest.approx(2.9)
    assert flat_picture(1, 1).image[0, 0].tolist() == view.viewport.live.picture[0, 0].tolist()


def test_quick_redraws_do_not_put_the_look_for_answers_off(addon, monkeypatch):
    """Blender's timer is played: nothing runs it here."""
    session = addon("connection.session")
    timers = SimpleNamespace(is_registered=lambda f: True, unregister=lambda f: None)
    timers.register = lambda *_, **options: made.append(options)
    made = []
    monkeypatch.setattr(session, "bpy", SimpleNamespace(app=SimpleNamespace(timers=timers), context=bpy.context))
    session.tick()
    for _ in range(5):
        session.hurry()
    assert len(made) == 1


@pytest.mark.parametrize(("width", "height"), [(40, 30), (1, 1), (63, 2000), (5000, 3000)])
def test_regions_of_any_size_ask_for_pictures_that_the_contract_takes(scene, server, box, view, width, height):
    box()
    view.context.region_data.view_perspective = "PERSP"
    view.context.region_data.window_matrix = Matrix(((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    view.context.region.width, view.context.region.height = width, height
    view.update()
    until(lambda: view.viewport.words == "Done")
    for request in server.wait_for("preview", 2):
        assert 64 <= min(request.settings.width, request.settings.height)
        assert max(request.settings.width, request.settings.height) <= 512


def test_the_corner_tells_state_size_seconds_and_seed(scene, server, box, view):
    box()
    scene.neural_assets.seed = 7
    view.update()
    until(lambda: view.viewport.words == "Done")
    state, size, seconds, seed = view.engine.words.split(" | ")
    assert (state, size, seed) == ("Done", "96 x 64", "Seed 7") and seconds.endswith(" s")


def test_disconnecting_stops_the_view_until_it_is_told_to_go_on(addon, scene, server, box, view):
    thing = box()
    view.update()
    until(lambda: view.viewport.words == "Done")
    bpy.ops.neural_assets.disconnect()
    addon("connection.session").tick()
    count = len(server.requests)
    thing.location.x += 1
    view.update()
    addon("connection.session").tick()
    assert "Live stopped" in view.viewport.words and len(server.requests) == count
    assert not addon("connection.session").bridge.is_wanted, "the view must not connect again by itself"
    view.viewport.live.go_on()
    addon("connection.session").bridge.connect(server.address)
    until(lambda: view.viewport.words == "Done")


def test_what_this_3d_view_hides_leaves_its_picture(scene, server, box, view):
    box("Shown")
    collection = bpy.data.collections.new("Away")
    scene.collection.children.link(collection)
    hidden = box("Hidden")
    collection.objects.link(hidden)
    scene.collection.objects.unlink(hidden)
    bpy.context.view_layer.layer_collection.children["Away"].hide_viewport = True  # the eye
    view.update()
    until(lambda: view.viewport.words == "Done")
    assert [p.name for p in server.wait_for("preview")[-1].scene.placements] == ["Shown"]
    view.context.space_data.show_object_viewport_mesh = False
    bpy.data.objects["Shown"].location.x = 1
    view.update()
    assert "neither boxes nor a background" in view.viewport.words


def test_two_views_ask_for_pictures_of_their_own(addon, scene, server, box, view):
    box()
    engine = Engine()
    other = addon("rendering.viewport").Viewport(engine)
    context = SimpleNamespace(**vars(view.context))
    context.region_data = SimpleNamespace(
        view_perspective="PERSP",
        view_matrix=Matrix.Translation((0, 0, -4)),
        window_matrix=Matrix(((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0))),
    )
    view.update()
    other.update(context, bpy.context.evaluated_depsgraph_get())
    until(lambda: view.viewport.words == other.words == "Done")
    previews = [request for request in server.requests if request.kind == "preview"]
    assert len({request.view for request in previews}) == 2
    assert view.viewport.live.shown.scene.camera != other.live.shown.scene.camera
    other.stop()


def test_a_long_sentence_in_the_corner_is_wrapped(addon, scene, server, box, view):
    box()
    view.context.region_data.view_perspective = "ORTHO"
    view.update()
    view.viewport.draw(view.context, bpy.context.evaluated_depsgraph_get())
    addon("connection.session").tick()
    lines = view.engine.words.split("\n")
    assert " ".join(lines) == view.viewport.words and len(lines) > 1 and max(map(len, lines)) <= 30
