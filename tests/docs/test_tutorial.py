"""The tutorial, from an empty folder to a purchase on PostgreSQL, with the package as it is shipped."""

from pathlib import Path

import pytest

from scripts.run_tutorial import PAGE, ROOT, TutorialFailed, build_wheel, run, steps


def test_the_commands_of_the_tutorial_go_from_an_empty_folder_to_a_purchase_on_postgresql(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    run(build_wheel(ROOT, tmp_path), say=said.append)
    done = "\n".join(said)
    assert "seen: bought for 4.08 USDC" in done
    assert "seen: nothing goes any more: session_revoked" in done
    assert "seen: captured" in done


def test_every_block_says_where_it_belongs() -> None:
    found = steps(PAGE.read_text(encoding="utf-8"))
    assert {step.terminal for step in found if step.kind == "run"} == {"1", "2", "3", "4"}
    assert {step.file for step in found if step.kind == "file"} == {
        *("seller.py", "owner.py", "delegate.py", "revoke.py")
    }


@pytest.mark.parametrize(
    "page", ["```sh\nls\n```\n", "Type this:\n\n```python\n1\n```\n", "```text\nx\n```\n"]
)
def test_a_block_of_which_a_reader_would_not_know_where_it_belongs_is_refused(page: str) -> None:
    with pytest.raises(TutorialFailed, match="where does this block belong"):
        steps(page)
