"""What a run is asked for."""

from __future__ import annotations

import pytest

from reconciler.engine.shards import shard_of, shard_of_job
from reconciler.errors import UsageError


def test_a_part_of_the_apps_is_written_as_its_number_and_how_many_there_are() -> None:
    assert [shard_of(text) for text in ("1/1", "1/4", "4/4")] == [(1, 1), (1, 4), (4, 4)]


@pytest.mark.parametrize("text", ["5/4", "0/4", "1/0", "1", "1/", "", "a", "-1/2", "1/4 ", "01/4", "1/4\n", "1/100000"])
def test_what_is_no_part_of_a_whole_is_none(text: str) -> None:
    assert shard_of(text) is None


@pytest.mark.parametrize(
    ("environ", "shard"),
    [
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "4"}, (1, 4)),
        ({"JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "4"}, (4, 4)),
        ({"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4"}, (1, 4)),
        ({"CI_NODE_INDEX": "4", "CI_NODE_TOTAL": "4"}, (4, 4)),
    ],
)
def test_a_parallel_job_has_the_part_of_its_index(environ, shard):
    assert shard_of_job(environ) == shard


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "needs one of these variables: JOB_COMPLETION_INDEX, CI_NODE_INDEX"),
        ({"CI_NODE_TOTAL": "1"}, "needs one of these variables"),  # GitLab sets it for every job
        ({"JOB_COMPLETION_INDEX": "0"}, r"JOB_COMPLETION_INDEX=0, JOB_COMPLETIONS=\(not set\)"),
        ({"JOB_COMPLETION_INDEX": "4", "JOB_COMPLETIONS": "4"}, "invalid part: JOB_COMPLETION_INDEX=4"),
        ({"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "4"}, "invalid part: CI_NODE_INDEX=0"),
        ({"CI_NODE_INDEX": "x", "CI_NODE_TOTAL": "4"}, "invalid part: CI_NODE_INDEX=x"),
        ({"CI_NODE_INDEX": "²", "CI_NODE_TOTAL": "4"}, "invalid part: CI_NODE_INDEX=²"),
    ],
)
def test_an_index_that_fits_no_number_of_jobs_is_refused_so_that_no_app_is_left_out(environ, message):
    with pytest.raises(UsageError, match=message):
        shard_of_job(environ)
