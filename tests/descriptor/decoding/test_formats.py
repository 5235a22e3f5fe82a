"""The accepted formats: by the source of their plugins, and by what decoding them does."""

import ast
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from PIL import Image, ImageFile

from osrmac.descriptor.decoding.formats import FORMATS, available_formats, refused_format
from osrmac.descriptor.images import DecodeError, decode
from tests.containers import CONTAINERS, EPS, blp, icns, icon, iptc
from tests.fuzz.mutants import mutant, seeds
from tests.pictures import encoded, png, smooth
from tests.processes import ProcessStartedError, no_process_started
from tests.zoo import LIMIT, zoo

REFUSED = {
    "BLP": "opens JPEGs inside",
    "BUFR": "needs a handler; none is in Pillow",
    "CUR": "holds cursors",
    "EPS": "starts Ghostscript",
    "FITS": "is decompressed before its size is known",
    "FLI": "holds animations",
    "FPX": "opens JPEGs inside of an OLE container",
    "FTEX": "holds textures",
    "GBR": "holds brushes",
    "GRIB": "needs a handler; none is in Pillow",
    "HDF5": "needs a handler; none is in Pillow",
    "ICNS": "opens PNGs and JPEG 2000s inside",
    "ICO": "opens PNGs inside",
    "IM": "is deprecated by Pillow",
    "IMT": "has no signature, and takes other files for its own",
    "IPTC": "opens files of any format inside",
    "MCIDAS": "holds measurements",
    "MIC": "opens TIFFs inside of an OLE container",
    "MPEG": "is not decoded by Pillow",
    "PIXAR": "holds rendered textures",
    "SPIDER": "holds floating-point pixels",
    "WMF": "needs a handler; on Windows it is drawn by the system",
    "XVTHUMB": "holds thumbnails",
}

HARMLESS = {
    "DcxImagePlugin: imports PcxImagePlugin": "the base class: pages are read as PCX, not opened",
    "GifImagePlugin._save_netpbm: subprocess": "saves",
    "ImageFile.Parser.close: Image.open": "for callers that have a file in parts",
    "ImageFile.Parser.feed: Image.open": "for callers that have a file in parts",
    "ImageFile.ImageFile.get_child_images: Image.open": "never called by Pillow",
    "ImageFile.ImageFile.get_child_images: imports TiffImagePlugin": "never called by Pillow",
    "JpegImagePlugin.JpegImageFile.load_djpeg: Image.open": "never called by Pillow",
    "JpegImagePlugin.JpegImageFile.load_djpeg: subprocess": "never called by Pillow",
    "JpegImagePlugin: imports MpoImagePlugin": "for type checkers",
    "JpegImagePlugin._getmp: imports TiffImagePlugin": "for the reader of tags",
    "JpegImagePlugin.jpeg_factory: imports MpoImagePlugin": "another class for the same file",
    "MpoImagePlugin: imports JpegImagePlugin": "the base class: the first image is read as JPEG, not opened",
    "MpoImagePlugin: imports TiffImagePlugin": "for the writer of tags",
}
"""What the check finds in plugins of accepted formats, and why that is harmless."""


def test_every_format_of_pillow_is_accepted_or_refused_for_a_reason() -> None:
    Image.init()

    assert set(Image.OPEN) <= {*FORMATS, *REFUSED}
    assert not set(FORMATS) & set(REFUSED)
    assert set(available_formats()) == set(Image.OPEN) & set(FORMATS)


def plugins() -> Iterator[ModuleType]:
    """The modules of the accepted formats, and what they are all based on."""
    yield ImageFile
    for name in available_formats():
        opener, _ = Image.OPEN[name]
        yield sys.modules[opener.__module__]
    yield sys.modules["PIL.MpoImagePlugin"]  # JPEGs are opened by it, too
    yield from (sys.modules[name] for name in ("pillow_heif.heif", "pillow_heif.misc") if name in sys.modules)


def findings(module: ModuleType) -> Iterator[str]:
    """Uses of anything that opens a file inside of another, starts a process or decompresses without limit."""

    def visit(node: ast.AST, scope: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}"
            elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                whole = f"{child.value.id}.{child.attr}"
                if whole in {"Image.open", "Image.OPEN", "zlib.decompress", "os.system", "os.popen"}:
                    yield f"{scope}: {whole}"
                elif child.value.id in {"subprocess", "gzip", "bz2", "lzma", "importlib", "multiprocessing", "pty"}:
                    yield f"{scope}: {child.value.id}"
                elif child.value.id == "os" and child.attr.startswith(("exec", "fork", "posix_spawn", "spawn")):
                    yield f"{scope}: {whole}"
            elif isinstance(child, ast.Import | ast.ImportFrom):
                source = getattr(child, "module", None) or ""
                for name in (source.rpartition(".")[2], *(alias.name for alias in child.names)):
                    if name.endswith("ImagePlugin"):
                        yield f"{scope}: imports {name}"
            yield from visit(child, inner)

    name = module.__name__.removeprefix("PIL.")
    yield from visit(ast.parse(inspect.getsource(module)), name)


def test_plugins_of_accepted_formats_open_nothing_inside_and_start_nothing() -> None:
    found = {finding for module in plugins() for finding in findings(module)}

    assert found - set(HARMLESS) == set()


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("Eps", "EpsImagePlugin.Ghostscript: subprocess"),
        ("Iptc", "IptcImagePlugin.IptcImageFile.load: Image.open"),
        ("Ico", "IcoImagePlugin: imports PngImagePlugin"),
        ("Icns", "IcnsImagePlugin: imports PngImagePlugin"),
        ("Blp", "BlpImagePlugin.BLP1Decoder._decode_jpeg_stream: imports JpegImagePlugin"),
        ("Fits", "FitsImagePlugin.FitsGzipDecoder.decode: gzip"),
    ],
)
def test_the_check_finds_what_others_do(name: str, finding: str) -> None:
    Image.init()

    assert finding in set(findings(sys.modules[f"PIL.{name}ImagePlugin"]))


# Behaviour


def outcome(file: bytes) -> str:
    try:
        return str(decode(file, max_pixels=LIMIT).size)
    except DecodeError as error:
        return str(error)


@pytest.mark.parametrize("file", [EPS, iptc(EPS), iptc(iptc(EPS))], ids=["EPS", "in IPTC", "in IPTC in IPTC"])
def test_no_postscript_is_interpreted(file: bytes) -> None:
    with no_process_started():
        assert outcome(file) in {"EPS is not decoded", "not an image of a known format"}


def test_decoding_the_zoo_and_mutants_starts_no_process() -> None:
    with no_process_started():
        for file, _ in zoo().values():
            outcome(file)
        for number in range(500):
            outcome(mutant(number))


def test_containers_are_refused_whatever_they_hold() -> None:
    with no_process_started():
        for content in (EPS, *seeds()):
            for outer in CONTAINERS:
                assert outcome(outer(content)).endswith(("is not decoded", "of a known format"))
                for inner in CONTAINERS:
                    assert outcome(outer(inner(content))).endswith(("is not decoded", "of a known format"))


@pytest.mark.parametrize(
    ("container", "kind", "side"), [(iptc, "JPEG", 9), (icon, "PNG", 16), (icns, "PNG", 128), (blp, "JPEG", 9)]
)
def test_pillow_opens_what_the_containers_hold(container: Callable[[bytes], bytes], kind: str, side: int) -> None:
    """Otherwise the tests above would prove nothing."""
    content = encoded(smooth(side, side), kind)

    with Image.open(io.BytesIO(container(content))) as image:
        assert image.load() is not None


def test_an_attempt_to_start_a_process_is_noticed_although_it_is_caught() -> None:
    def attempt() -> None:
        with Image.open(io.BytesIO(iptc(EPS))) as image, pytest.raises(Exception, match=r"."):
            image.load()

    with pytest.raises(ProcessStartedError, match=r"^subprocess\.Popen$"), no_process_started():
        attempt()


def test_a_refused_format_is_named() -> None:
    assert refused_format(EPS) == "EPS"
    assert refused_format(icon(b"")) == "ICO"
    assert refused_format(png(1, 1, 8, 0, b"\0\0")) is None
    assert refused_format(b"some text") is None
