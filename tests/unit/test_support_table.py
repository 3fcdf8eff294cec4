"""docs/RESPONSES_API_SUPPORT.md says what the capability records say."""

from tests.support.support_table import COLUMNS, PAGE, ROWS, page_with, table


def test_the_page_has_the_table_of_the_records() -> None:
    text = PAGE.read_text()
    assert page_with(text, table()) == text, "python -m tests.support.support_table"


def test_every_cell_is_said() -> None:
    for row, cell in ROWS.items():
        for column, record in COLUMNS.items():
            assert cell(record).strip(), (row, column)
