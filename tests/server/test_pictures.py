"""Pictures leave the server as pixels alone, and only those of the collection do."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from osrmac.server.pictures import PictureError, Pictures
from osrmac.storage.run import Run
from tests.bombs import bombs
from tests.server.conftest import PLAIN, SIZE, write_picture

SECRET = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture
def pictures(own: Run) -> Pictures:
    return Pictures(own)


@pytest.fixture
def photos(own: Run, tmp_path: Path) -> Path:
    return tmp_path / "photos"


def encoded(size: tuple[int, int], kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(("size", "longest"), [("small", 400), ("large", 1800)])
def test_pictures_have_two_sizes(size: str, longest: int, pictures: Pictures) -> None:
    for given, expected in [((4000, 2000), (longest, longest // 2)), ((30, 60), (30, 60))]:
        content = pictures.of_content(encoded(given), size)  # type: ignore[arg-type]
        with Image.open(io.BytesIO(content)) as shown:
            assert (shown.format, shown.size) == ("JPEG", expected)


def test_nothing_but_pixels_leaves_the_server(pictures: Pictures) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif[0x0112] = 6  # to be turned by 90 degrees
    content = encoded((80, 40), exif=exif.tobytes(), comment=b"secret") + b"<script>secret</script>"
    shown = pictures.of_content(content, "small")
    assert b"secret" not in shown
    with Image.open(io.BytesIO(shown)) as image:
        assert image.size == (40, 80)
        assert not image.getexif()
    assert pictures.size_of(content) == (40, 80)


@pytest.mark.parametrize(
    "content", [b"", SECRET, b"<html><script>alert(1)</script></html>", b"GIF89a<script>", *bombs().values()]
)
def test_what_is_no_picture_is_refused_in_one_line(content: bytes, pictures: Pictures) -> None:
    for use in (pictures.size_of, lambda content: pictures.of_content(content, "small")):
        with pytest.raises(PictureError, match="the picture cannot be decoded") as caught:
            use(content)
        assert "\n" not in str(caught.value)


def test_a_cut_picture_is_shown_as_far_as_it_goes_but_not_searched_with(pictures: Pictures) -> None:
    whole = encoded((300, 300), quality=95)
    content = whole[: len(whole) - len(whole) // 4]
    assert pictures.of_content(content, "small")
    with pytest.raises(PictureError):
        pictures.size_of(content)


def test_a_version_of_the_run_has_its_own_pictures(pictures: Pictures, photos: Path) -> None:
    uri = str(photos / PLAIN[0])
    first = pictures.of_image(uri, "small", "1")
    write_picture(photos / PLAIN[0], 255)
    assert pictures.of_image(uri, "small", "1") == first
    assert pictures.of_image(uri, "small", "2") != first


def test_links_within_the_collection_are_followed(pictures: Pictures, photos: Path) -> None:
    (photos / "link.jpg").symlink_to(photos / PLAIN[0])
    (photos / "folder").symlink_to(photos)
    for name in ("link.jpg", f"folder/{PLAIN[0]}"):
        assert pictures.size_of(pictures.read(str(photos / name))) == SIZE


@pytest.mark.parametrize("kind", ["file", "folder", "relative", "chain", "dots"])
def test_links_out_of_the_collection_are_refused(kind: str, pictures: Pictures, photos: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "private" / PLAIN[0])
    (photos / PLAIN[0]).unlink()
    name = PLAIN[0]
    if kind == "file":
        (photos / name).symlink_to(tmp_path / "private" / PLAIN[0])
    elif kind == "relative":
        (photos / name).symlink_to(f"../private/{PLAIN[0]}")
    elif kind == "chain":
        (photos / "hop").symlink_to(tmp_path / "private")
        (photos / name).symlink_to(photos / "hop" / PLAIN[0])
    elif kind == "folder":
        (photos / "sub").symlink_to(tmp_path / "private")
        name = f"sub/{PLAIN[0]}"
    else:
        name = f"../private/{PLAIN[0]}"
    with pytest.raises(PictureError, match="a symbolic link out of the collection"):
        pictures.read(str(photos / name))
    with pytest.raises(PictureError, match="a symbolic link out of the collection"):
        pictures.read(f"file://{photos / name}")


def test_an_entry_of_a_list_that_is_a_link_out_of_its_folder_is_refused(own: Run, tmp_path: Path) -> None:
    write_picture(tmp_path / "private" / "a.jpg")
    (tmp_path / "photos" / "link.jpg").symlink_to(tmp_path / "private" / "a.jpg")
    (own.location / "run.json").write_json(own.record() | {"images": str(tmp_path / "list.txt")})
    pictures = Pictures(own)
    assert pictures.read(str(tmp_path / "photos" / PLAIN[0]))
    with pytest.raises(PictureError, match="a symbolic link out of the collection"):
        pictures.read(str(tmp_path / "photos" / "link.jpg"))


def test_a_file_that_is_gone_is_named(pictures: Pictures, photos: Path) -> None:
    with pytest.raises(PictureError, match="the file cannot be read: FileNotFoundError"):
        pictures.read(str(photos / "gone.jpg"))


@pytest.fixture
def image_server() -> Iterator[str]:
    """A server with a picture at /a.jpg, and redirects to it at another host, another port, and its own host."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            port = int(self.headers["Host"].partition(":")[2])
            targets = {
                "/elsewhere.jpg": f"http://localhost:{port}/a.jpg",
                "/port.jpg": f"http://127.0.0.1:{port + 1}/a.jpg",
                "/hop.jpg": "/elsewhere.jpg",
                "/here.jpg": "/a.jpg",
            }
            content = encoded(SIZE)
            self.send_response(302 if self.path in targets else 200)
            if self.path in targets:
                self.send_header("Location", targets[self.path])
                content = b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_image_server_cannot_redirect_to_another_one(pictures: Pictures, image_server: str) -> None:
    for name in ("a.jpg", "here.jpg"):
        assert pictures.size_of(pictures.read(f"{image_server}/{name}")) == SIZE
    for name, host in [("elsewhere.jpg", "localhost"), ("port.jpg", "127.0.0.1"), ("hop.jpg", "localhost")]:
        with pytest.raises(PictureError, match=f"status 302: the server redirects to another host, {host}"):
            pictures.read(f"{image_server}/{name}")
