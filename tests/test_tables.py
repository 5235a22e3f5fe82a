from osrmac.tables import Cell, Column, Table, numeric


def test_a_name_stands_for_a_left_aligned_column_and_a_text_for_a_plain_cell() -> None:
    table = Table("t", ["id", *numeric("dims")], [["a", Cell("512", share=0.5)]])
    assert table.header == [Column("id", "left"), Column("dims", "right")]
    assert table.cells == [[Cell("a"), Cell("512", share=0.5)]]


def test_markdown_keeps_the_columns_whatever_the_texts() -> None:
    lines = Table("t", ["a", "b"], [["x|y", "two\nlines"]]).markdown().splitlines()
    assert lines == ["### t", "", "| a | b |", "| --- | --- |", r"| x\|y | two lines |"]


def test_markdown_emphasises_the_best_cell_and_ends_with_the_notes() -> None:
    lines = Table("t", ["a", *numeric("b")], [["x", Cell("1", best=True)]], ["one", "two"]).markdown().splitlines()
    assert lines[3:] == ["| --- | ---: |", "| x | **1** |", "", "one; two"]
