import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import osrmac
from osrmac.cli import main
from osrmac.cli.commands import COMMANDS
from osrmac.commands.checks import BUILTIN_RECIPES
from osrmac.errors import NotFoundError
from osrmac.evaluation.protocols import BENCHMARKS
from osrmac.storage.run import Run
from tests.cli.scripted import scripted

Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Runs a command that must fail, without starting Ray, and returns its exit status and its message."""
    monkeypatch.setattr("osrmac.distributed.cluster.startup.connect", lambda *_, **__: None)

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        assert isinstance(stopped.value.code, int)
        captured = capsys.readouterr()
        assert captured.out == ""
        *notes, line = captured.err.splitlines()
        assert all(note.startswith("Downloading: ") for note in notes)
        assert line.startswith("osrmac: ")
        return stopped.value.code, line.removeprefix("osrmac: ")

    return run


def help_lines(capsys: pytest.CaptureFixture[str], *command: str) -> list[str]:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out.splitlines()


def test_unavailable_weights_are_named_with_what_to_do(
    photos_folder: Path, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    status, message = refused("extract", photos_folder, tmp_path / "run")
    assert status == 1
    assert "cannot download resnet50" in message
    assert "--weights PATH" in message
    assert "--backbone efficientnet_lite0" in message


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("extract nowhere RUN", "no folder .*nowhere"),
        ("extract . RUN", "no images in"),
        ("extract photos photos/a.png/run", "cannot write to .*a.png/run, a file is at .*a.png"),
        ("extract photos RUN --image-sizes 0", "--image-sizes must be"),
        ("extract photos RUN --backbone vgg", "unknown backbone 'vgg'"),
        ("extract photos RUN --recipes best", "unknown recipe 'best'"),
        ("extract photos RUN --weights random:0 --backbone resnet18 --layers layer9", "layer9"),
        ("run photos RUN --benchmark oxford5k", "oxford5k needs its ground truth: give it with --ground-truth"),
        ("run photos RUN --benchmark groups --ground-truth gone.csv", "gone.csv does not exist"),
        ("run photos RUN --benchmark groups --ground-truth photos/a.png", "a.png is not UTF-8 text"),
        ("run photos RUN --benchmark ukbench --queries best", "ukbench has no query mode 'best'"),
        ("run photos RUN --weights random:0 --backbone resnet18 --features 4096", "osrmac has only 768 features"),
        ("run photos RUN --weights random:0 --backbone resnet18 --recipe rmac", "no recipe 'rmac'"),
        ("demo photos/a.png", "cannot write to"),
        ("estimate nowhere", "no folder .*nowhere"),
        ("estimate photos --sample 0", "--sample must be at least 1"),
        ("estimate photos --address 10.0.0.1:6379", "with --scratch"),
        ("demo RUN --recipes best", "unknown recipe 'best'"),
        ("fit .", "no run at"),
        ("info .", "no run at"),
        ("verify .", "no run at"),
        ("search . a.jpg", "no run at"),
        ("duplicates .", "no run at"),
        ("overview .", "no run at"),
        ("report .", "no run at"),
        ("evaluate . --benchmark ukbench", "no run at"),
        ("sweep . --benchmark ukbench", "no run at"),
        ("compare .", "no run at"),
        ("compare", "no run given: name one RUN or several"),
        ("evaluate --rankings photos --benchmark ukbench --distractors .", "leave out --distractors and --scores"),
        ("run photos RUN --benchmark ukbench --backbone resnet18 --weights random:0 --distractors gone", "no run at"),
        ("evaluate --benchmark ukbench", "give a RUN, or --rankings"),
        ("evaluate --rankings gone --benchmark ukbench", "gone does not exist"),
        ("evaluate --rankings photos", "name one with --benchmark"),
        ("export . photos --to npy", "photos exists: name a folder that does not"),
        ("cam gone.jpg", "cannot read gone.jpg"),
        ("extract photos RUN --max-bytes 0", "--max-bytes must be at least 1"),
        ("extract photos memory://run", "memory://run would be lost at the end of this process: name a folder or"),
        ("demo memory://run", "memory://run would be lost"),
        (
            "extract photos photos",
            "photos is the folder of the images: name another folder for the run, such as .*-run",
        ),
        ("info photos/a.png", "photos/a.png is a file, not the folder of a run"),
        ("search photos/a.png x", "a file, not the folder of a run"),
        *(
            (command, "a path is empty: name a folder, a file or a URL")
            for command in (
                *(
                    "estimate ''",
                    "extract '' RUN",
                    "extract photos ''",
                    "run '' RUN",
                    "run photos ''",
                    "demo ''",
                    "search '' a",
                ),
                *(
                    "duplicates ''",
                    "export '' OUT --to npy",
                    "export . '' --to npy",
                    "info ''",
                    "verify ''",
                    "compare ''",
                ),
                *("report ''", "fit ''", "paper ''", "cam ''", "evaluate '' --benchmark ukbench"),
                *("sweep '' --benchmark ukbench", "fit-weights '' --benchmark ukbench", "compare ''"),
                "evaluate --rankings '' --benchmark ukbench",
            )
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_described(
    command: str,
    message: str,
    photos_folder: Path,
    refused: Refused,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "photos" not in command:
        (tmp_path / "empty").mkdir()
        monkeypatch.chdir(tmp_path / "empty")
    status, shown = refused(*shlex.split(command))
    assert re.search(message, shown)
    assert status == 2
    assert not (tmp_path / "RUN" / "run.json").exists()


def test_a_failure_during_the_work_has_status_1(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[1, 2]")
    status, message = refused("info", tmp_path)
    assert status == 1
    assert message.startswith(f"{tmp_path}/run.json is damaged (it is not a JSON object): restore it from a copy, or")


def test_a_class_activation_map_is_drawn(
    photos_folder: Path, tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "map.png"
    options = ("--output", str(output), "--backbone", "resnet18", "--weights", "random:0", "--image-sizes", "96")
    main(["cam", str(photos_folder / "a.png"), *options])
    assert capsys.readouterr() == (f"image, class activation map and mask in {output}\n", "")
    with Image.open(output) as sheet:
        assert sheet.height == 400
        assert sheet.width > 3 * 400
    _, message = refused("cam", photos_folder / "a.png", *options, "--layers", "layer3", "layer2")
    assert "needs a classifier" in message


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no run"):  # Python itself prints its traceback
        main(["info", str(tmp_path), "--debug"])


@pytest.mark.parametrize(
    "arguments", [["extract"], ["extract", "a", "b", "--speed", "1"], ["polish"], ["run", "a", "b", "--benchmark", "x"]]
)
def test_malformed_commands_have_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: osrmac COMMAND")


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"osrmac {osrmac.__version__}\n"


def test_help_lists_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_lines(capsys)
    assert len(shown) <= 35
    listed = [line.split()[0] for line in shown if line.startswith("  ")]
    assert sorted(listed) == sorted(COMMANDS)


OPTIONS = {
    "extract": "--backbone --image-sizes --workers --retry-failed --profile --address --shard-rows",
    "fit": "--features --retained-variance --samples --fit-on --address",
    "evaluate": "--benchmark --ground-truth --rankings --query-expansion --rerank --distractors --scores --table",
    "compare": "--benchmark --queries --methods --baseline --resamples --figure --table",
    "run": "--backbone --features --benchmark --threads",
    "demo": "--backbone --features",
    "estimate": "--backbone --workers --max-bytes --image-column --sample --gpus --cpu-price --scratch",
    "search": "--top --box --distance --query-expansion --rerank --html --table --query-run --address --exact "
    "--candidates",
    "serve": "--host --port --root-path --allowed-host --token-file --columns --max-upload --method --rerank",
    "duplicates": "--threshold --same --min-precision --exact --against --groups --keep --html --table --csv --address",
    "overview": "--sample --device",
    "export": "--to --method",
    "index": "--method --distance --rebuild --address",
    "verify": "--address",
    "sweep": "--sizes --seeds --benchmark --rerank",
    "fit-weights": "--recipe --layer-weights --fit-on --benchmark",
    "cam": "--backbone --output",
}
"""Options that a command must have."""

UNUSED = {
    "fit": "--threads --shard-rows --device --workers",
    "verify": "--workers --device --shard-rows",
    "search": "--workers --threads",
    "index": "--workers --device --threads",
    "duplicates": "--workers --threads",
    "fit-weights": "--query-expansion --alpha --rerank --distractors",
    "estimate": "--retry-failed --moved --restore-removed --max-failure-rate --profile",
    "run": "--scores --per-query --table",
    "compare": "--ground-truth --distance --workers",
    "cam": "--recipes --workers",
    "info": "--address",
}
"""Options that a command must not have, as it would not use them."""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_80_columns_and_has_the_options_that_it_uses(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = help_lines(capsys, command)
    assert max(map(len, shown)) <= 80
    text = "\n".join(shown)
    assert "None" not in text
    options = set(re.findall(r"--[a-z][\w-]*", text))
    assert {
        "--format",
        "--log-format",
        "--quiet",
        "--debug",
        "--on-finish",
        *OPTIONS.get(command, "").split(),
    } <= options
    assert not options & set(UNUSED.get(command, "").split())
    assert shown[0].split()[-1] in {"RUN", "[RUN]", "RUN...", "QUERY...", "OUT", "IMAGE", "IMAGES"} or command in {
        "info",
        "report",
        "paper",
    }


def test_the_options_of_a_command_are_grouped_by_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    heading = re.compile(r"[╭─ ]*((?:positional arguments)|(?:\w+ )?options)[╮─ ]*")  # with borders or without
    headings = [found[1] for line in help_lines(capsys, "run") if (found := heading.fullmatch(line))]
    groups = ["descriptor", "compute", "failure", "reduction", "evaluation", "collection", "output"]
    assert headings == ["positional arguments", "options", *(f"{group} options" for group in groups)]


def test_help_names_every_recipe_and_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    words = set(re.findall(r"\w+", "\n".join(help_lines(capsys, "run"))))
    assert {*BUILTIN_RECIPES, *BENCHMARKS} <= words


def terminal_output(*arguments: str, **environment: str) -> bytes:
    """Return the output of a command whose standard output is a terminal."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "osrmac", *arguments]
    plain = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "PYTHON_TYRO_ANSI_CODES"}}
    with subprocess.Popen(command, stdout=writer, stdin=writer, env=plain | {"TERM": "xterm"} | environment):
        os.close(writer)
        shown = b""
        with suppress(OSError):  # Linux raises it once the other end is closed
            while some := os.read(reader, 4096):
                shown += some
    os.close(reader)
    return shown


def test_colours_are_for_terminals_without_no_color() -> None:
    colour = re.compile(rb"\x1b\[[0-9;]*3[0-7]")
    assert colour.search(terminal_output("search", "--help"))
    assert not colour.search(terminal_output("search", "--help", NO_COLOR="1"))


def test_the_shell_completes_commands_and_options() -> None:
    command = [sys.executable, "-m", "osrmac", "--tyro-print-completion", "bash"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {"duplicates", "--query-expansion"} <= set(re.findall(r"[\w-]+", done.stdout))
    subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)


@pytest.mark.parametrize("workflow", ["extract", "fit", "evaluate", "run", "demo", "search"])
def test_workflows_call_their_command(workflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).parents[2] / "workflows" / f"{workflow}.py"
    given: list[list[str]] = []
    monkeypatch.setattr("osrmac.cli.main", given.append)
    monkeypatch.setattr(sys, "argv", [str(script), "RUN", "--quiet"])
    exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
    assert given == [[workflow, "RUN", "--quiet"]]


def test_quiet_leaves_only_results(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.progress._LOG_SECONDS", 0.0)
    command = ["search", run.url, "copy1.png", "--format", "json", "--html", str(tmp_path / "sheet.html")]
    main(command)
    assert f"contact sheet in {tmp_path}/sheet.html\n" in capsys.readouterr().err
    main([*command, "--quiet"])
    shown = capsys.readouterr()
    assert shown.err == ""
    assert json.loads(shown.out.splitlines()[0])["id"] == "copy1.png"


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "message"), [("info NOWHERE", "no run at"), ("info RUN --speed 1", "Unrecognized options: --speed")]
)
def test_with_a_json_log_an_error_is_an_object(
    arguments: str, message: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = arguments.replace("RUN", run.url).replace("NOWHERE", str(tmp_path / "gone")).split()
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--log-format", "json"])
    assert stopped.value.code == 2
    (line,) = json_lines(capsys.readouterr().err)
    assert message in line["message"]
    assert {"level": "error", "command": "info", "exit_status": 2}.items() <= line.items()


def test_with_a_json_log_a_bug_is_an_object_with_the_traceback(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.commands.info.info", lambda _: 1 / 0)
    with pytest.raises(SystemExit) as stopped:
        main(["info", run.url, "--log-format", "json"])
    assert stopped.value.code == 1
    (line,) = json_lines(capsys.readouterr().err)
    assert (line["level"], line["message"]) == ("critical", "ZeroDivisionError: division by zero")
    assert "1 / 0" in line["traceback"]


def test_with_a_json_log_ctrl_c_is_an_object() -> None:
    done = scripted("os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(100)", "fit", "--log-format", "json")
    (line,) = json_lines(done.stderr)
    assert line["message"] == "interrupted: run the same command again to continue"
    assert {"level": "error", "command": "fit", "exit_status": 130}.items() <= line.items()
    assert done.returncode == 130


def test_notes_have_the_command_in_a_json_log(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["search", run.url, "copy1.png", "--html", str(tmp_path / "sheet.html"), "--log-format=json"])
    (line,) = json_lines(capsys.readouterr().err)
    assert (line["command"], line["message"]) == ("search", f"contact sheet in {tmp_path}/sheet.html")
