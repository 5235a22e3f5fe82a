"""Each way to use the web application, in a real browser against the real server."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from PIL import Image

from tests.browser.screens import SCREENS
from tests.browser.served import ORIGINAL, TOKEN, OpenPage, proxied, search_for, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PHONE = SCREENS[2]
PASTE = """async ([address]) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    const file = await canvas.convertToBlob({type: "image/png"});
    await navigator.clipboard.write([new ClipboardItem({"image/png": file})]);
}"""
"""Puts a picture of the server on the clipboard."""


def found(page: Page) -> list[str]:
    """The names of the results, once the page is complete."""
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.images].every(image => !image.complete || image.naturalWidth)")
    return page.locator(".pictures .name").all_inner_texts()


def box(page: Page) -> list[float]:
    """The box in the address of a page."""
    values = parse_qs(urlsplit(page.url).query)
    return [float(values[edge][0]) for edge in ("box-left", "box-top", "box-right", "box-bottom")]


def frame(page: Page) -> list[float]:
    """The box that is drawn on the query."""
    values = page.locator(".drawing rect").evaluate(
        "rect => ['x', 'y', 'width', 'height'].map(name => Number(rect.getAttribute(name)))"
    )
    left, top, width, height = values
    return [left, top, left + width, top + height]


def test_a_dropped_file_is_searched_for(open_page: OpenPage, photo: Path) -> None:
    page = open_page("")
    target = page.locator("h1").bounding_box()
    assert target is not None
    devices = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(photo)], "dragOperationsMask": 1}
    for event in ("dragEnter", "dragOver", "drop"):  # anywhere on the page
        place = {"x": target["x"] + 5, "y": target["y"] + 5}
        devices.send("Input.dispatchDragEvent", {"type": event, **place, "data": data})
        if event == "dragOver":
            assert page.locator("body.dropping").count() == 1
    page.wait_for_url("**/search?upload=*")
    assert found(page)[0] == ORIGINAL
    assert page.get_by_role("heading", level=1).inner_text() == "Nearest to my photo.jpg"


def test_a_pasted_picture_is_searched_for(open_page: OpenPage) -> None:
    page = open_page("", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(PASTE, [f"picture?id={quote(ORIGINAL)}&size=large"])
    page.keyboard.press("Control+V")
    page.wait_for_url("**/search?upload=*")
    assert found(page)[0] == ORIGINAL


def test_pasted_text_is_left_alone(open_page: OpenPage) -> None:
    page = open_page("images", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('pagoda')")
    page.get_by_label("Name contains").focus()
    page.keyboard.press("Control+V")
    assert page.get_by_label("Name contains").input_value() == "pagoda"


def test_a_chosen_file_is_searched_for_from_every_page(open_page: OpenPage, photo: Path) -> None:
    page = open_page("")
    page.get_by_label("choose a file").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    assert found(page)[0] == ORIGINAL
    first = page.url
    page.get_by_text("Search with another photo").click()
    page.get_by_label("choose a file").set_input_files(photo)
    page.wait_for_url(lambda address: address != first)
    assert found(page)[0] == ORIGINAL


def test_a_box_is_drawn_by_mouse(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    whole = found(page)
    picture = page.locator(".drawing").bounding_box()
    assert picture is not None
    left, top, width, height = (picture[name] for name in ("x", "y", "width", "height"))
    page.mouse.move(left + 0.8 * width, top + 0.9 * height)  # from the lower right corner to the upper left
    page.mouse.down()
    page.mouse.move(left + 0.2 * width, top + 0.3 * height, steps=5)
    page.mouse.up()
    page.wait_for_url("**box-left=*")
    size = [float(page.locator(".drawing").get_attribute(f"data-{side}") or 0) for side in ("width", "height")]
    expected = [0.2 * size[0], 0.3 * size[1], 0.8 * size[0], 0.9 * size[1]]
    assert box(page) == pytest.approx(expected, abs=0.02 * max(size))
    assert frame(page) == box(page)
    assert found(page) != whole
    page.get_by_role("link", name="Search with the whole picture").click()
    page.wait_for_url("**/search?id=*")
    assert found(page) == whole


def test_a_click_on_the_query_draws_no_box(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    page.locator(".drawing").click()
    page.wait_for_timeout(200)
    assert "left" not in page.url
    assert frame(page) == [0, 0, 0, 0]


def test_a_box_is_drawn_by_keyboard(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    drawing = page.get_by_role("group", name="Query picture")
    drawing.focus()
    assert "Enter begins a box" in (drawing.evaluate("element => element.ariaDescribedByElements[0].innerText"))
    page.keyboard.press("Enter")
    begun = frame(page)
    for keys in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowUp"):
        page.keyboard.press(keys)
    step = frame(page)[0] - begun[0]
    assert step > 0
    assert frame(page) == [begun[0] + step, begun[1] + step, begun[2], begun[3]]
    drawn = frame(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**box-left=*")
    assert box(page) == drawn


def test_a_box_is_given_by_numbers(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    page.get_by_text("Part of the picture").press("Enter")
    for edge, value in (("left", 20), ("top", 30), ("right", 180), ("bottom", 170)):
        page.get_by_label(edge).fill(str(value))
    assert frame(page) == [20, 30, 180, 170]
    page.get_by_role("button", name="Search this part").click()
    page.wait_for_url("**box-left=*")
    assert box(page) == frame(page) == [20, 30, 180, 170]
    assert found(page)


def test_results_lead_to_further_searches_and_back(open_page: OpenPage) -> None:
    page = open_page("")
    chosen = found(page)[0]
    page.get_by_role("link", name=chosen).click()
    page.wait_for_url("**/search?id=*")
    results = found(page)
    assert len(results) == 24
    assert chosen not in results
    page.get_by_role("link", name=f"Search with {results[3]}", exact=True).press("Enter")
    page.wait_for_url(lambda address: results[3] in address.replace("%2F", "/"))
    assert page.get_by_role("heading", level=1).inner_text() == f"Nearest to {results[3]}"
    assert found(page) != results
    page.go_back()
    assert found(page) == results
    page.go_back()
    assert page.get_by_role("heading", level=1).inner_text() == "Search with a photo"


def test_back_from_a_box_shows_the_whole_picture_and_forward_the_box(open_page: OpenPage, photo: Path) -> None:
    page = open_page("")
    page.get_by_label("choose a file").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    whole = found(page)
    page.locator(".drawing").focus()
    page.keyboard.press("Enter")
    drawn = frame(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**box-left=*")
    part = found(page)
    page.go_back()
    assert found(page) == whole
    assert frame(page) == [0, 0, 0, 0]
    page.go_forward()
    assert found(page) == part
    assert frame(page) == drawn


def test_results_are_filtered_by_own_columns(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    page.get_by_label("subject").select_option("pagoda")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**where.subject=pagoda*")
    assert {image.split("/")[0] for image in found(page)} == {"pagoda"}
    own = page.locator(".pictures .own").first
    assert own.get_by_role("term").all_inner_texts() == ["subject", "inventory number"]
    assert own.get_by_role("definition").first.inner_text() == "pagoda"
    page.get_by_label("inventory number").fill("nothing")
    page.keyboard.press("Enter")
    page.wait_for_url("**nothing*")
    assert page.get_by_role("status").inner_text() == "No image of the collection meets these conditions."


def test_a_box_keeps_the_filter_and_a_filter_the_box(open_page: OpenPage) -> None:
    page = open_page(f"{search_for(ORIGINAL)}&where.subject=pagoda")
    page.locator(".drawing").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**box-left=*")
    drawn = frame(page)
    assert {image.split("/")[0] for image in found(page)} == {"pagoda"}
    page.get_by_label("subject").select_option("any")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(lambda address: "pagoda" not in address)
    assert len(found(page)) == 24
    assert frame(page) == drawn


def test_results_are_paged(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    seen = found(page)
    assert page.get_by_role("link", name="Previous", exact=True).count() == 0
    while page.get_by_role("link", name="Next", exact=True).count():
        number = len(seen) // 24 + 1
        page.get_by_role("link", name="Next", exact=True).click()
        page.wait_for_url(f"**page={number}")
        assert page.locator(".pictures .note").first.inner_text().startswith(f"{len(seen) + 1} ·")
        seen += found(page)
    total = len(seen)
    assert len(set(seen)) == total == sum(1 for _ in _all_ids(page)) - 1
    page.get_by_role("link", name="Previous", exact=True).click()
    page.wait_for_url(f"**page={number - 1}")


def _all_ids(page: Page) -> list[str]:
    answer = page.request.get(f"{page.url.split('/search')[0]}/api/images?size=1000")
    return [each["id"] for each in answer.json()["images"]]


def test_images_are_browsed_by_name(open_page: OpenPage) -> None:
    page = open_page("")
    page.get_by_role("navigation").get_by_role("link", name="Images").click()
    page.wait_for_url("**/images")
    assert len(found(page)) == 60
    page.get_by_label("Name contains").fill("PAGODA")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**name=PAGODA*")
    results = found(page)
    assert results
    assert all("pagoda" in image for image in results)
    assert page.get_by_role("status").inner_text() == f"{len(results)} images"
    page.get_by_label("inventory number").fill("1926")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**1926*")
    assert found(page) == results


def test_results_are_compared_with_the_query_one_after_the_other(open_page: OpenPage) -> None:
    page = open_page(search_for(ORIGINAL))
    results = found(page)
    page.get_by_role("link", name="Compare result 2 with the query").click()
    page.wait_for_url("**/compare?*")
    assert page.get_by_role("img").evaluate_all("images => images.map(image => image.alt)") == [ORIGINAL, results[1]]
    page.get_by_role("link", name="Previous result").click()
    page.wait_for_url("**rank=1")
    assert page.get_by_role("img", name=results[0]).is_visible()
    assert page.get_by_role("link", name="Previous result").count() == 0
    for rank in range(2, 26):
        page.get_by_role("link", name="Next result").click()
        page.wait_for_url(f"**rank={rank}")
    page.get_by_role("link", name="All results").click()
    page.wait_for_url("**page=2")


def test_a_phone_uploads_draws_and_pages(open_page: OpenPage, photo: Path) -> None:
    page = open_page("", PHONE)
    page.get_by_label("Take or choose a photo").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    assert found(page)[0] == ORIGINAL
    swipe(page)  # scrolls
    assert frame(page) == [0, 0, 0, 0]
    page.get_by_text("Part of the picture").tap()
    swipe(page)
    page.wait_for_url("**box-left=*")
    left, top, right, bottom = frame(page)
    assert right - left == pytest.approx(2 * (bottom - top), rel=0.1)
    page.get_by_role("link", name="Next", exact=True).tap()
    page.wait_for_url("**page=2")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE.width


def swipe(page: Page) -> None:
    """Swipe over the query with a finger, 100 pixels to the right and 50 down."""
    place = page.locator(".drawing").bounding_box()
    assert place is not None
    devices = page.context.new_cdp_session(page)
    for event, steps in (("touchStart", 0), ("touchMove", 1), ("touchMove", 2), ("touchEnd", None)):
        points = [] if steps is None else [{"x": place["x"] + 20 + 50 * steps, "y": place["y"] + 20 + 25 * steps}]
        devices.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": points})


def test_an_expired_upload_says_so_and_takes_another(open_page: OpenPage, photo: Path, server: str) -> None:
    page = open_page("", failing=410)
    page.get_by_label("choose a file").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    found(page)
    for _ in range(200):  # further uploads take the place of this one
        page.request.post(f"{server}search", multipart={"picture": small_picture()}, max_redirects=0)
    page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "This upload has expired"
    page.get_by_label("choose a file").set_input_files(photo)
    page.wait_for_url("**/search?upload=*")
    assert found(page)[0] == ORIGINAL


def small_picture() -> Any:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    return {"name": "small.png", "mimeType": "image/png", "buffer": file.getvalue()}


def test_the_token_is_asked_for_once(open_page: OpenPage, run: Path, token_file: Path) -> None:
    with serving(run, "--token-file", str(token_file)) as closed:
        page = open_page("images", at=closed, failing=401)
        assert urlsplit(page.url).path == "/token"
        page.get_by_label("Token").fill("a guess")
        page.get_by_role("button", name="Open").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Search with a photo").wait_for()
        found(page)
        page.goto(f"{closed}images")
        assert len(found(page)) == 60
        linked = open_page(f"images?token={TOKEN}&name=cat", at=closed)
        assert linked.url == f"{closed}images?name=cat"
        assert found(linked)


def test_all_forms_work_without_scripts(open_page: OpenPage, photo: Path) -> None:
    page = open_page("", java_script_enabled=False)
    page.get_by_label("choose a file").set_input_files(photo)
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/search?upload=*")
    names = page.locator(".pictures .name")
    assert names.first.inner_text() == ORIGINAL
    page.get_by_text("Part of the picture").click()
    for edge, value in (("left", 20), ("top", 30), ("right", 180), ("bottom", 170)):
        page.get_by_label(edge).fill(str(value))
    page.get_by_role("button", name="Search this part").click()
    page.wait_for_url("**box-left=20*")
    assert float(page.locator(".drawing rect").get_attribute("width") or 0) == 160
    page.get_by_role("link", name="Next", exact=True).click()
    page.wait_for_url("**page=2")
    assert names.count() == 24
    page.get_by_label("subject").select_option("pagoda")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**where.subject=pagoda*")
    assert names.first.inner_text().startswith("pagoda/")


def test_a_reverse_proxy_offers_the_pages_below_a_path(
    open_page: OpenPage, run: Path, token_file: Path, photo: Path
) -> None:
    host, prefix = "photos.localhost", "/search-by-photo"
    options = ["--root-path", prefix, "--allowed-host", host, "--token-file", str(token_file)]
    with serving(run, *options) as inside, proxied(inside, host, prefix) as outside:
        page = open_page(f"?token={TOKEN}", at=outside)
        assert page.url == outside
        page.get_by_label("choose a file").set_input_files(photo)
        page.wait_for_url(f"{outside}search?upload=*")
        assert found(page)[0] == ORIGINAL
        page.get_by_role("link", name="Compare result 1 with the query").click()
        page.wait_for_url(f"{outside}compare?*")
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Images").click()
        page.wait_for_url(f"{outside}images")
        assert len(found(page)) == 60
        other = urllib.request.Request(inside, headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(other)
