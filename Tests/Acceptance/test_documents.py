"""Every block of README.md and docs/OPERATIONS.md is run by a test: documents.py says by which. And what these pages link to is there."""

import re
from dataclasses import replace

import pytest
from documents import CHECKOUT, EXECUTORS, NOT_RUN, OPERATIONS, README, blocks, executor

PAGES = list(EXECUTORS)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page):
    for block in blocks(page):
        is_excused = (page, block.section, block.number) in NOT_RUN
        assert (executor(block) is not None) != is_excused, f"{page}, {block.section}, block {block.number} ({block.language or 'no language'}):\n{block.text}"


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_nobody_thought_of_has_nobody(page):
    known = next(block for block in blocks(page) if executor(block))
    for change in ({"number": 99}, {"section": "New"}, {"language": "bash"}):
        assert executor(replace(known, **change)) is None


def test_nothing_is_listed_that_is_not_there():
    there = {page: [(block.section, block.number) for block in blocks(page)] for page in PAGES}
    for page, section, number in NOT_RUN:
        assert (section, number) in there[page]
    for page, sections in EXECUTORS.items():
        for section, listed in sections.items():
            numbers = [number for name, number in there[page] if name == section]
            # A section may be another release's; one that is here has all its blocks.
            assert not numbers or len(numbers) >= len(listed), (page, section)


@pytest.mark.parametrize("page", PAGES)
def test_who_runs_a_block_is_there(page):
    for path in {executor(block) for block in blocks(page)} - {None}:
        assert (CHECKOUT / path).is_file(), path


@pytest.mark.parametrize("page", PAGES)
def test_headings_tell_blocks_apart(page):
    headings = re.findall(r"^#+ (.+)$", (CHECKOUT / page).read_text(), flags=re.MULTILINE)
    named = [block.section for block in blocks(page)]
    assert not [heading for heading in set(headings) if headings.count(heading) > 1 and heading in named]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [README, OPERATIONS])
def test_links_lead_somewhere(page):
    text = (CHECKOUT / page).read_text()
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, name = target.partition("#")
        if target.startswith("https://"):
            continue
        if path:
            assert ((CHECKOUT / page).parent / path).exists(), target
        else:
            assert name in anchors, target
    for path in re.findall(r"`((?:docs|scripts|deploy|nginx|Tests|Benchmarks|Shared|Services|Database)/[\w./-]*)`", text):
        assert (CHECKOUT / path).exists(), path
