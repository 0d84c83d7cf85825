"""What a reader sees: as text and as HTML, with nothing that GitHub takes away."""

from __future__ import annotations

import requests
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers import show


def test_a_table_as_text_has_aligned_columns() -> None:
    table = show.Table([("a", 1), ("long name", 22)], ["name", "n"])
    assert repr(table).splitlines() == [
        "name       n",
        "---------  --",
        "a          1",
        "long name  22",
    ]


def test_a_table_without_rows_still_shows_its_heads() -> None:
    assert repr(show.Table([], ["name"])).splitlines() == ["name", "----"]


def test_what_an_app_answers_can_not_become_html() -> None:
    table = show.Table([("<script>alert(1)</script>", "a & b")])
    assert "<script>" not in table._repr_html_()
    assert "a &amp; b" in table._repr_html_()


def test_an_address_alone_is_text_and_a_written_link_is_a_link() -> None:
    table = show.Table([("https://x.a.run.app", "[lesson](01.ipynb#A)", "`code`")])
    markup = table._repr_html_().replace(f" {show.LEFT}", "")
    assert "<td>https://x.a.run.app</td>" in markup
    assert '<td><a href="01.ipynb#A">lesson</a></td>' in markup
    assert "<td><code>code</code></td>" in markup
    assert repr(table) == "https://x.a.run.app  lesson  `code`"


def test_a_table_has_a_head_only_if_its_columns_have_names() -> None:
    assert "<th" in show.Table([("a", "b")], ["c", "d"])._repr_html_()
    assert "<th" not in show.Table([("a", "b")])._repr_html_()


def test_an_answer_is_shown_without_its_html() -> None:
    answer = requests.Response()
    answer.status_code, answer.reason = 403, "Forbidden"
    answer.headers["Content-Type"] = "text/html"
    answer._content = b"<title>No</title><style>x{}</style><h1>Error: A&amp;B</h1><p>No <b>x</b>."
    InteractiveShell.instance()
    with capture_output() as captured:
        show.answer(answer)
    text = captured.outputs[0].data["text/plain"]
    assert "403 Forbidden" in text
    assert text.endswith(" Error: A&B No x.")


def test_the_source_of_a_function_is_shown_as_it_is_written(capsys) -> None:
    show.source(show.source)
    assert capsys.readouterr().out.startswith("def source(function")
