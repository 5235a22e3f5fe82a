import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from osrmac.cli import main
from osrmac.descriptor.recipes import RECIPES
from osrmac.errors import StorageError
from osrmac.evaluation.protocols import BENCHMARKS


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 60), "teal").save(tmp_path / "photos" / "a.png")
    return tmp_path / "photos"


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command that must fail, and gives the one line that it says. Ray does not start for that."""
    monkeypatch.setattr("osrmac.distributed.startup.connect", lambda _: None)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code not in {0, None}
        captured = capsys.readouterr()
        assert captured.out == ""
        *notes, line = captured.err.splitlines()
        assert all(note.startswith("Downloading: ") for note in notes)
        assert line.startswith("osrmac: ")
        return line

    return run


def test_weights_that_cannot_be_had(
    photo: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("torch.hub.download_url_to_file", _no_network)
    line = refused("extract", str(photo), "--run", str(tmp_path / "run"))
    assert "cannot download resnet50" in line
    assert "--weights PATH" in line
    assert "--backbone efficientnet_lite0" in line


def _no_network(*_: object, **__: object) -> None:
    raise OSError("network is unreachable")


def test_a_wrong_path(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "no folder nowhere" in refused("extract", "nowhere", "--run", str(tmp_path / "run"))


def test_a_folder_without_images(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "no images in" in refused("extract", str(tmp_path), "--run", str(tmp_path / "run"))


def test_weights_at_a_wrong_path(photo: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    line = refused("extract", str(photo), "--run", str(tmp_path / "run"), "--weights", "gone.pt")
    assert "no weights at gone.pt" in line


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--backbone", "vgg", "unknown backbone 'vgg'"),
        ("--recipes", "best", "unknown recipe 'best'"),
        ("--layers", "layer9", "layer9"),
        ("--image-sizes", "0", "scales must be"),
    ],
)
def test_settings_that_cannot_work(
    photo: Path, refused: Callable[..., str], tmp_path: Path, option: str, value: str, message: str
) -> None:
    settings = {"--backbone": "resnet18", "--weights": "random:0", option: value}
    given = [text for pair in settings.items() for text in pair]
    assert message in refused("extract", str(photo), "--run", str(tmp_path / "run"), *given)


def test_an_unknown_benchmark_and_a_missing_ground_truth(refused: Callable[..., str], tmp_path: Path) -> None:
    rankings = tmp_path / "rankings"
    rankings.mkdir()
    (rankings / "q1.txt").write_text("a\nb\n")
    (rankings / "q2.txt").write_text("b\na\n")
    given = ("evaluate", "--rankings", str(rankings), "--benchmark")
    assert "unknown benchmark 'imagenet'" in refused(*given, "imagenet")
    assert "--ground-truth" in refused(*given, "oxford5k")
    assert "does not exist" in refused(*given, "oxford5k", "--ground-truth", str(tmp_path / "gone"))


def test_nothing_to_score_and_no_run(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "--run, or --rankings" in refused("evaluate", "--benchmark", "ukbench")
    assert "no run at" in refused("evaluate", "--run", str(tmp_path), "--benchmark", "ukbench")
    assert "no run at" in refused("fit", "--run", str(tmp_path))


def test_an_image_is_explained(
    photo: Path, tmp_path: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "explained.png"
    settings = ("--output", str(output), "--backbone", "resnet18", "--weights", "random:0", "--image-sizes", "96")
    main(["explain", str(photo / "a.png"), *settings])
    assert capsys.readouterr() == ("", f"photo, heatmap and mask in {output}\n")
    with Image.open(output) as sheet:
        assert sheet.height == 400
        assert sheet.width > 3 * 400
    assert "needs a classifier" in refused("explain", str(photo / "a.png"), *settings, "--layers", "layer3", "layer2")
    assert "cannot read" in refused("explain", str(photo / "gone.png"), *settings)


def test_debug_shows_the_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["info", str(tmp_path)]
    with pytest.raises(SystemExit) as quiet:
        main(command)
    assert quiet.value.code == 1
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(StorageError, match="no run"):  # which Python itself shows
        main([*command, "--debug"])


def test_an_option_that_does_not_exist_and_a_missing_one(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["extract"], ["extract", "a", "--run", "b", "--speed", "1"], ["polish"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["extract", "fit", "evaluate", "run", "sweep", "weigh", "demo", "search", "duplicates", "export", "info"]
)
def test_every_option_of_the_configuration_is_an_option_of_the_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    expected = {
        "extract": ("--backbone", "--image-sizes", "--workers"),
        "fit": ("--features", "--retained-variance", "--samples", "--fit-on"),
        "evaluate": ("--benchmark", "--ground-truth", "--rankings", "--queries"),
        "sweep": ("--sizes", "--seeds", "--benchmark"),
        "weigh": ("--recipe", "--layer-weights", "--fit-on", "--benchmark"),
        "run": ("--backbone", "--features", "--benchmark", "--threads"),
        "demo": ("--run", "--backbone", "--features"),
        "search": ("--run", "--top", "--box", "--distance", "--query-expansion", "--html", "--json"),
        "duplicates": ("--threshold", "--distance", "--html", "--json"),
        "export": ("--run", "--to", "--method"),
        "info": ("RUN", "--json"),
    }
    assert all(option in shown for option in expected[command])


COMMANDS = (
    *("extract", "fit", "evaluate", "run", "demo", "search", "duplicates", "info"),
    *("weigh", "sweep", "tables", "verify", "export", "explain", "report"),
)


def helped(capsys: pytest.CaptureFixture[str], *command: str) -> list[str]:
    """The lines of a command's help."""
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    return capsys.readouterr().out.splitlines()


def test_help_fits_a_terminal_and_its_groups_have_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = helped(capsys)
    assert len(shown) <= 30
    assert all(any(f" {command} " in line for line in shown) for command in COMMANDS)
    for command in COMMANDS:
        shown = helped(capsys, command)
        assert max(map(len, shown[1:])) <= 80  # the first line, how it is used, is tyro's
        assert "options options" not in "\n".join(shown)


def test_the_help_of_the_long_commands_is_in_groups_of_one_configuration_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = ["positional arguments", "options", "descriptor options", "compute options", "failures options"]
    for command, more in (("extract", []), ("run", ["selection options", "evaluation options"])):
        shown = helped(capsys, command)
        headings = (re.fullmatch(r" (positional arguments|options|\w+ options) *", line) for line in shown)
        assert [found[1] for found in headings if found] == [*groups, *more]
        texts = [line.strip() for line in shown if line.startswith(" " * 20) and line.strip()]
        # A line that ends too early was broken in the source.
        assert not [text for text in texts if len(text) < 12 and not text.endswith((".", ")"))]


def test_every_command_that_has_results_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert any("--json" in line for line in helped(capsys, command)) == (command != "explain")


def in_a_terminal(*arguments: str, **environment: str) -> bytes:
    """What a command writes when its output is a terminal."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "osrmac", *arguments]
    plain = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "PYTHON_TYRO_ANSI_CODES"}}
    with subprocess.Popen(command, stdout=writer, stdin=writer, env=plain | {"TERM": "xterm"} | environment):
        os.close(writer)
        shown = b""
        with suppress(OSError):  # what Linux raises when the other end is closed
            while some := os.read(reader, 4096):
                shown += some
    os.close(reader)
    return shown


def test_colours_are_for_terminals_that_want_them() -> None:
    colour = re.compile(rb"\x1b\[[0-9;]*3[0-7]")
    assert colour.search(in_a_terminal("search", "--help"))
    assert not colour.search(in_a_terminal("search", "--help", NO_COLOR="1"))


def test_the_shell_completes_commands_and_options() -> None:
    command = [sys.executable, "-m", "osrmac", "--tyro-print-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {"duplicates", "--query-expansion"} <= set(re.findall(r"[\w-]+", done.stdout))
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


def test_help_names_every_recipe_and_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    shown = capsys.readouterr().out
    assert all(f" {recipe}" in shown for recipe in RECIPES)
    assert all(benchmark in shown for benchmark in BENCHMARKS)


@pytest.mark.parametrize("workflow", ["extract", "fit", "evaluate", "run", "demo"])
def test_workflows_take_the_options_of_their_command(workflow: str) -> None:
    script = Path(__file__).parents[2] / "workflows" / f"{workflow}.py"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert f"osrmac {workflow}" in done.stdout
