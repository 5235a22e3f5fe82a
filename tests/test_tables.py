from osrmac.tables import Cell, Table, numeric, text


def test_a_text_alone_is_a_plain_cell() -> None:
    table = Table("t", text("id") + numeric("dims"), [["a", Cell("512", share=0.5)]])
    assert table.cells == [[Cell("a"), Cell("512", share=0.5)]]


def test_markdown_keeps_the_columns_whatever_the_texts() -> None:
    lines = Table("t", text("a", "b"), [["x|y", "two\nlines"]]).markdown().splitlines()
    assert lines == ["### t", "", "| a | b |", "| --- | --- |", r"| x\|y | two lines |"]


def test_markdown_emphasises_the_best_cell_and_ends_with_the_notes() -> None:
    rows: list[list[str | Cell]] = [["x", Cell("1", best=True)]]
    lines = Table("t", text("a") + numeric("b"), rows, ["one", "two"]).markdown().splitlines()
    assert lines[3:] == ["| --- | ---: |", "| x | **1** |", "", "one; two"]
