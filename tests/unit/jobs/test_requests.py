"""What can be asked for."""

from typing import get_args

import pytest

from jobs_service.jobs.kinds import name_of
from jobs_service.jobs.requests import EXAMPLES, JobRequest, JobType
from jobs_service.jobs.schemas import JobsQuery
from shared.errors import Invalid
from shared.http.decoding import convert_strings


def test_every_type_has_its_name_and_an_example() -> None:
    names = [name_of(one) for one in get_args(JobRequest)]
    assert sorted(names) == sorted(get_args(JobType))
    assert sorted(EXAMPLES) == sorted(names)
    assert all(name_of(example) == name for name, example in EXAMPLES.items())


def test_jobs_of_a_type_that_is_none_are_not_listed_as_if_there_were_none() -> None:
    with pytest.raises(Invalid) as caught:
        convert_strings({"type": "caption"}, JobsQuery)
    (error,) = caught.value.errors
    assert error.field == "type"
    assert "'captions' or 'text'" in error.message
    assert "it is 'caption'" in error.message
