"""The build command's reading of a project and of what componentize-py says. Components are built elsewhere."""

from pathlib import Path

import pytest

from reprise_guest import Transaction, workflow
from reprise_guest.build import BuildError, _explained, _workflow


def test_a_project_names_module_and_function(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.reprise]\nworkflow = "shop.order:buy"\n', encoding="utf-8")
    assert _workflow(tmp_path) == ("shop.order", "buy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "pyproject.toml can't be read"),
        ("[", "pyproject.toml can't be read"),
        ("", r"names no workflow: write workflow = \"module:function\" under \[tool.reprise\]"),
        ('[tool.reprise]\nworkflow = "order.py"', "names no workflow"),
    ],
)
def test_other_projects_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BuildError, match=message):
        _workflow(tmp_path)


def test_messages_are_those_of_the_project() -> None:
    said = "Traceback:\n  File\nAssertionError: No module named 'wf'\n\nStack backtrace:\n   0: <anyhow::Error>"
    assert _explained(said) == "No module named 'wf'"
    assert "pip install" in _explained("ModuleNotFoundError: No module named 'componentize_py'")


def test_wrong_annotations_are_found_when_it_is_built() -> None:
    @workflow
    async def wrong(tx: Transaction, order: "Missing") -> None:  # type: ignore[name-defined]  # noqa: F821
        """Names what is not there."""

    with pytest.raises(TypeError, match="the annotations of `wrong`: name 'Missing' is not defined"):
        wrong.resolve()


def test_the_contract_comes_along() -> None:
    contract = Path(__file__).parents[1] / "src/reprise_guest/wit/deps/workflow.wit"
    assert "package reprise:workflow@0.1.0;" in contract.read_text(encoding="utf-8")
