"""Every code block of README and documentation runs, one process for each page, as a reader would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import LANGUAGES, ROOT, all_pages, blocks_of

RUNNER = ROOT / "docs" / "run_page.py"
PAGES = [page for page in all_pages() if page.parent.parent != ROOT / "examples"]
NOT_RUN_AT_MOST = 3
MADE_UP_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def environment(folder):
    """A machine of the page's own: no settings, no credentials that work, no way into the network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KITARU_", "PYTEST_"))}
    return {
        **kept,
        **dict.fromkeys(MADE_UP_KEYS, "made-up-for-the-documentation"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
        "NO_PROXY": "127.0.0.1,localhost",
        "HOME": str(folder),
        "KITARU_CONFIG_PATH": str(folder / ".kitaru"),
        "KITARU_DURABILITY": "process",
        "KITARU_WAIT_TIMEOUT": "0",
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def run(page, folder):
    """Run a page in a process of its own."""
    command = [sys.executable, "-W", "error", str(RUNNER), str(page)]
    env = environment(folder)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=230)


@pytest.mark.timeout(240)  # a page is a reader's whole session, and machines are busy
@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_what_a_page_shows_is_so(page, tmp_path):
    if not blocks_of(page):
        return
    done = run(page, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_few_blocks_are_not_run_and_each_says_why():
    found = [f"{block.page.name}:{block.line} {block.reason}" for page in PAGES for block in blocks_of(page)]
    told = [line for line in found if not line.endswith("None")]
    assert len(told) <= NOT_RUN_AT_MOST, told


def test_every_block_says_what_it_is():
    blocks = [block for page in all_pages() for block in blocks_of(page)]
    assert len(blocks) > 100
    assert [f"{one.page.name}:{one.line}" for one in blocks if one.language not in LANGUAGES] == []


def test_no_command_hides_in_a_block_that_is_not_run():
    plain = [one for page in PAGES for one in blocks_of(page) if one.language == "text"]
    assert [f"{one.page.name}:{one.line}" for one in plain if one.text.startswith(("$", "import ", "from "))] == []


WRONG = {
    "a block that fails": "```python\nassert 1 == 2\n```\n",
    "a block that warns": "```python\nimport warnings\nwarnings.warn('old')\n```\n",
    "a command that fails": "```console\n$ kitaru executions get nothing\n```\n",
    "a command that should fail": "```console\n$ kitaru --version  # exits with 1\n```\n",
    "another output": "```console\n$ kitaru waits\nOpen waits (7)\n```\n",
    "an extra that is not there": "```console\n$ pip install '.[nothing]'\n```\n",
    "a target that is not there": "```console\n$ make coffee\n```\n",
    "a program that nobody knows": "```console\n$ brew install kitaru\n```\n",
    "a prompt that is missing": "```console\nkitaru waits\n```\n",
    "broken TOML": "```toml\n[tool\n```\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_a_page_that_is_wrong_is_found(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{text}")
    assert run(page, tmp_path).returncode != 0


def test_blocks_of_a_page_build_on_each_other(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\n# answer.py\nprint('the answer', 42)\n```\n\n"
        "```console\n$ python answer.py\nthe answer ...\n```\n\n"
        "```python\nfrom pathlib import Path\n```\n\n"
        "```python\nassert Path('answer.py').exists()\n```\n"
    )
    done = run(page, tmp_path)
    assert done.returncode == 0, done.stderr
