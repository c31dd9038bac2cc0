"""The words and tables of the generated pages."""

from typing import Literal
from uuid import UUID

import msgspec
import pytest
from pydantic import SecretStr

from content_service.settings import ContentSettings
from content_service.videos.limits import BUILT_IN, plans_in
from deploy.reference.errors import problems
from deploy.reference.markdown import table
from deploy.reference.settings import Setting, settings_of
from deploy.reference.words import word_for
from gateway.settings import GatewaySettings
from jobs_service.credits.prices import PriceList
from jobs_service.settings import JobsSettings
from shared.settings import Settings


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a", "b"), [("1|2", "3")]).splitlines() == [
        "| a | b |", "| --- | --- |", r"| 1\|2 | 3 |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (SecretStr, "secret text"),
        (tuple[str, ...], "list of text"),
        (Literal["one", "two"], "`one`, `two`"),
        (int | None, "whole number or null"),
        (UUID, "UUID"),
    ],
)
def test_types_are_told_in_words(kind: object, word: str) -> None:
    assert word_for(kind) == word


def test_a_type_without_a_word_is_refused() -> None:
    with pytest.raises(KeyError):
        word_for(complex)


def settings_by_name(cls: type[Settings]) -> dict[str, Setting]:
    return {one.name: one for one in settings_of(cls)}


def test_a_setting_is_told_with_its_bounds_and_its_default() -> None:
    port = settings_by_name(GatewaySettings)["PORT"]
    assert (port.type, port.default) == ("whole number, ≥ 0, ≤ 65,535", "`8000`")


def test_what_must_be_given_is_told_and_what_may_be_left_out_has_no_default() -> None:
    known = settings_by_name(JobsSettings)
    assert known["SECRET_KEY"].default == "**required**"
    assert (known["WORK_DIR"].type, known["WORK_DIR"].default) == ("path", "")


def test_a_default_is_written_as_it_could_be_given() -> None:
    jobs, content = settings_by_name(JobsSettings), settings_by_name(ContentSettings)
    assert jobs["CAPTION_PROVIDERS"].default == "`sphinx`"
    prices = msgspec.json.decode(jobs["PRICES"].default.strip("`"), type=PriceList)
    assert prices == PriceList()
    assert plans_in(content["PLANS"].default.strip("`")) == BUILT_IN


def test_a_default_that_depends_on_the_machine_is_not_told_as_a_number() -> None:
    assert settings_by_name(JobsSettings)["WORKER_CONCURRENCY"].default == "see there"


def test_problems_of_tests_are_no_part_of_the_contract() -> None:
    assert {kind.__module__.split(".")[0] for kind in problems()} <= {
        "gateway", "auth_service", "content_service", "jobs_service", "shared",
    }  # fmt: skip
