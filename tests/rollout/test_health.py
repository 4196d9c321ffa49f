"""Readings of health, and what they mean."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config import HealthPolicy, PlatformFaults, Policy, Timeouts
from reconciler.config_sections import Probe
from reconciler.live.models import Health
from reconciler.rollout.health import (
    ROUNDING,
    Due,
    Evidence,
    Grade,
    HealthSource,
    Judgement,
    Sample,
    Verdict,
    components_due,
    components_with_health,
    grade_components,
    judge,
    next_reading,
    passed,
    record_unreadable,
    saw_components,
    saw_phase,
    saw_probe,
    worst,
)
from reconciler.rollout.model import HEALTH_EVERY, UNCONFIRMED, Rules
from reconciler.rollout.observations import probe_problem

RULES = Rules()
WAIT = Rules(unknown_is_healthy=False)
API = ("api",)


def health(**component: Any) -> Health:
    return Health.model_validate({"components": [{"name": "api"} | component]})


@pytest.mark.parametrize(
    ("reading", "rules", "grade"),
    [
        (health(state="HEALTHY", replicas_ready=2, replicas_desired=2), RULES, Grade.GOOD),
        (health(state="HEALTHY"), RULES, Grade.GOOD),
        (health(state="HEALTHY", replicas_ready=1, replicas_desired=2), RULES, Grade.SHORT),
        (health(state="HEALTHY", replicas_ready=0, replicas_desired=0), RULES, Grade.GOOD),
        (health(state="HEALTHY", replicas_ready=0), RULES, Grade.GOOD),
        (health(state="HEALTHY", replicas_desired=2), RULES, Grade.GOOD),
        (health(state="HEALTHY"), WAIT, Grade.GOOD),
        (health(state="UNHEALTHY", replicas_ready=2, replicas_desired=2), RULES, Grade.BAD),
        (health(state="UNKNOWN"), RULES, Grade.GOOD),
        (health(state="UNKNOWN"), WAIT, Grade.UNKNOWN),
        (health(state="UNKNOWN", replicas_ready=0, replicas_desired=1), RULES, Grade.SHORT),
        (health(state="SOMETHING_NEW"), WAIT, Grade.UNKNOWN),
        (Health(), WAIT, Grade.UNKNOWN),
        (Health(), RULES, Grade.GOOD),
        (health(name="old", state="UNHEALTHY"), RULES, Grade.GOOD),
    ],
)
def test_a_reading_is_graded_by_state_and_replicas(reading: Health, rules: Rules, grade: Grade) -> None:
    assert grade_components(reading, API, rules).grade is grade


def test_of_several_components_the_worst_counts_and_is_named() -> None:
    found = Health.model_validate(
        {"components": [{"name": "api", "state": "HEALTHY"}, {"name": "jobs", "state": "UNHEALTHY"}]}
    )
    sample = grade_components(found, ("api", "jobs"), RULES)
    assert sample == Sample(Grade.BAD, "jobs is unhealthy", "jobs")


def test_of_good_components_the_one_that_nothing_is_reported_of_is_named() -> None:
    found = Health.model_validate({"components": [{"name": "api", "state": "HEALTHY"}, {"name": "jobs"}]})
    silent = Sample(Grade.GOOD, "the platform reports no health for jobs", "jobs", reported=False)
    for expected in (("api", "jobs"), ("jobs", "api")):
        assert grade_components(found, expected, RULES) == silent
    assert grade_components(health(state="HEALTHY"), API, RULES) == Sample(Grade.GOOD, "api is healthy", "api")


def test_c60_words_say_by_whose_word_it_is_well() -> None:
    silent = Sample(Grade.GOOD, "the platform reports no health for api", "api", reported=False)
    found = saw_components(Evidence(), silent)
    said = "the platform reports no health for api"
    assert judge(found, RULES, API).reason == f"no sign of trouble for 0 of 30 s; {said}"
    found = saw_components(passed(found, 30), silent)
    assert judge(found, RULES, API) == Verdict(Judgement.HEALTHY, f"no sign of trouble for 30 s; {said}")
    probed = saw_probe(passed(saw_probe(found, "", BOTH), 30), "", BOTH)
    assert judge(probed, BOTH, API).reason == f"no sign of trouble for 30 s; {said}, the probe succeeds"
    alone = replace(BOTH, judge_components=False)
    assert (
        judge(saw_probe(passed(saw_probe(Evidence(), "", BOTH), 30), "", BOTH), alone, API).reason == "healthy for 30 s"
    )


def test_c57_a_probe_that_tells_nothing_is_unknown_and_never_unhealthy() -> None:
    rules = replace(BOTH, judge_components=False)
    found = saw_probe(Evidence(), "", rules)
    while judge(found, rules, API).judgement is Judgement.WAITING:
        found = saw_probe(passed(found, 5), "no way there", rules, counts=False)
        assert found.streak == 0
    assert judge(found, rules, API) == Verdict(
        Judgement.UNKNOWN, "its health could not be determined within 300 s: no way there"
    )
    good = saw_probe(passed(found, 5), "", rules)
    assert good.probe == Sample(Grade.GOOD, "the probe succeeds")
    assert saw_probe(good, "503", rules).grade is Grade.BAD
    assert saw_probe(found, "503", rules).grade is Grade.SHORT


def test_c58_a_deployment_that_is_not_probed_is_judged_by_its_components_alone() -> None:
    found = Evidence(probed=False)
    assert judge(found, BOTH, ()).judgement is Judgement.HEALTHY
    assert next_reading(passed(found, 9), BOTH, API) == Due(HealthSource.NONE, 1)
    assert next_reading(saw_phase(passed(found, 10)), BOTH, API) == Due(HealthSource.COMPONENTS)
    good = saw_components(passed(saw_components(found, Sample(Grade.GOOD)), 30), Sample(Grade.GOOD))
    assert judge(good, BOTH, API).judgement is Judgement.HEALTHY
    assert next_reading(saw_phase(good), BOTH, API) == Due(HealthSource.NONE, 5)


def test_where_no_component_counts_all_is_good() -> None:
    found = health(state="UNHEALTHY")
    assert grade_components(found, (), RULES) == Sample(Grade.GOOD, "nothing to judge")


def test_services_and_workers_have_health_other_components_have_none() -> None:
    kinds = ("services", "workers", "static_sites", "jobs", "functions", "databases")
    spec: dict[str, Any] = {kind: [{"name": kind.replace("_", "-")}] for kind in kinds}
    assert components_with_health(spec) == ("services", "workers")
    assert components_with_health({**spec, "maintenance": {"archive": True}}) == ()
    assert components_with_health({**spec, "maintenance": {"enabled": True}}) == ("services", "workers")
    assert components_with_health({"services": None, "workers": ["odd", {}]}) == ()


@pytest.mark.parametrize(
    ("probe", "answer", "problem"),
    [
        (Probe(), {"status": 200, "body": ""}, ""),
        (Probe(status=[200, 204]), {"status": 204, "body": ""}, ""),
        (Probe(path="/ok"), {"status": 503, "body": ""}, "GET /ok answered 503, not 200"),
        (Probe(status=[200, 204]), {"status": 404, "body": ""}, "GET / answered 404, not 200 or 204"),
        (Probe(body="ok+"), {"status": 200, "body": "all okk"}, ""),
        (Probe(body="^ok$"), {"status": 200, "body": "ko"}, "GET /: the body does not match '^ok$'"),
        (Probe(body="ok", method="HEAD"), {"status": 200, "body": ""}, ""),
        (Probe(), {"status": 0, "body": "", "error": "refused"}, "GET /: refused"),
    ],
)
def test_a_probes_answer_is_right_or_told_what_is_wrong(probe: Probe, answer: dict[str, Any], problem: str) -> None:
    assert probe_problem(probe, **answer) == problem


def test_a_probe_counts_successes_in_a_row_and_is_bad_only_after_it_had_succeeded() -> None:
    rules = Rules(probe_every=5, probe_count=2)
    found = Evidence()
    grades = []
    for problem in ("503", "", "503", "", "", "503", "503", "", ""):
        found = saw_probe(passed(found, 5), problem, rules)
        assert found.probe is not None
        grades.append(found.probe.grade.name)
    assert grades == ["SHORT", "SHORT", "SHORT", "SHORT", "GOOD", "BAD", "BAD", "SHORT", "GOOD"]


def read(*grades: Grade, every: float = 5.0) -> Evidence:
    found = Evidence()
    for grade in grades:
        found = saw_components(passed(found, every), Sample(grade, grade.name))
    return found


def test_a_flap_shorter_than_the_tolerance_begins_the_soak_anew() -> None:
    good, bad = Grade.GOOD, Grade.BAD
    assert judge(read(*[good] * 5), RULES, API).judgement is Judgement.WAITING
    assert judge(read(*[good] * 6), RULES, API).judgement is Judgement.HEALTHY
    flapped = [*[good] * 5, bad, bad, *[good] * 6]
    assert judge(read(*flapped), RULES, API).judgement is Judgement.WAITING
    assert judge(read(*flapped, good), RULES, API).judgement is Judgement.HEALTHY


@pytest.mark.parametrize(
    ("grade", "needed", "judgement"),
    [(Grade.GOOD, RULES.soak, Judgement.HEALTHY), (Grade.BAD, RULES.tolerance, Judgement.UNHEALTHY)],
)
def test_a_stretch_is_long_enough_though_rounding_took_a_thousandth_of_a_second(
    grade: Grade, needed: float, judgement: Judgement
) -> None:
    found = Evidence(needed, Sample(grade), needed, grade=grade, confirmed=needed - ROUNDING)
    assert judge(found, RULES, API).judgement is judgement
    assert judge(replace(found, confirmed=needed - 2 * ROUNDING), RULES, API).judgement is Judgement.WAITING


@pytest.mark.parametrize(("age", "since"), [(10, 0), (15, 0), (15.5, 15.5)])
def test_what_is_good_within_fifteen_seconds_was_good_since_it_became_active(age: float, since: float) -> None:
    assert saw_components(passed(Evidence(), age), Sample(Grade.GOOD)).since == since


@pytest.mark.parametrize("first_at", [0, 0.5, 1])
@pytest.mark.parametrize("grade", [Grade.UNKNOWN, Grade.SHORT, Grade.BAD])
def test_what_was_not_good_when_first_read_is_good_only_since_it_was_read_again(grade: Grade, first_at: float) -> None:
    first = saw_components(passed(Evidence(), first_at), Sample(grade))
    assert saw_components(passed(first, 5), Sample(Grade.GOOD)).since == first_at + 5


def test_a_probe_that_fails_at_once_delays_the_soak() -> None:
    rules = Rules(probe_every=5, judge_components=False)
    good = saw_probe(passed(saw_probe(Evidence(), "503", rules), 5), "", rules)
    assert judge(saw_probe(passed(good, 25), "", rules), rules, ()).judgement is Judgement.WAITING
    assert judge(saw_probe(passed(good, 30), "", rules), rules, ()).judgement is Judgement.HEALTHY


def test_what_is_waited_for_says_how_far_it_is() -> None:
    assert judge(read(*[Grade.GOOD] * 3), RULES, API).reason == f"healthy for 15 of {RULES.soak:g} s"
    assert judge(read(*[Grade.BAD] * 2), RULES, API).reason == f"BAD, for 5 of {RULES.tolerance:g} s"
    assert judge(read(Grade.SHORT), RULES, API).reason == "SHORT"


def test_what_is_bad_for_the_tolerance_is_unhealthy() -> None:
    assert judge(read(*[Grade.BAD] * 4), RULES, API).judgement is Judgement.WAITING
    verdict = judge(read(*[Grade.BAD] * 5), RULES, API)
    assert verdict.judgement is Judgement.UNHEALTHY
    assert verdict.reason == "BAD, for 20 s"


def in_vain(found: Evidence, rules: Rules = RULES) -> Evidence:
    """What is known when the components are not answered for any more, until there is a verdict."""
    while judge(found, rules, API).judgement is Judgement.WAITING:
        found = record_unreadable(passed(found, 5.0))
    return found


@pytest.mark.parametrize("grade", list(Grade))
def test_a_reading_that_cannot_be_repeated_is_no_evidence_by_the_end_of_the_budget(grade: Grade) -> None:
    found = in_vain(read(grade))
    assert judge(found, RULES, API).judgement is Judgement.UNKNOWN
    assert found.age == RULES.health


@pytest.mark.parametrize(("grade", "judgement"), [(Grade.SHORT, "unhealthy"), (Grade.GOOD, "unknown")])
def test_a_reading_counts_for_a_minute_after_it_could_last_be_made(grade: Grade, judgement: str) -> None:
    late = passed(Evidence(), RULES.health - 10)
    found = in_vain(saw_components(late, Sample(grade, "web")))
    assert judge(found, RULES, API).judgement == judgement
    assert found.age == (RULES.health if grade is Grade.SHORT else RULES.health - 10 + UNCONFIRMED)


def test_an_answer_ends_the_silence_before_it() -> None:
    found = read(Grade.GOOD)
    for _ in range(3):
        for _ in range(11):
            found = record_unreadable(passed(found, 5.0))
            assert found.grade is Grade.GOOD
        found = saw_components(passed(found, 5.0), Sample(Grade.GOOD, "web"))
    for _ in range(12):
        found = record_unreadable(passed(found, 5.0))
    assert found.grade is Grade.UNKNOWN


def test_components_that_never_answered_are_said_to_be_unreadable_after_a_minute() -> None:
    found = record_unreadable(passed(Evidence(), 5.0))
    for _ in range(11):
        found = record_unreadable(passed(found, 5.0))
        assert judge(found, RULES, API) == Verdict(Judgement.WAITING, "nothing is known yet")
    for _ in range(3):
        found = record_unreadable(passed(found, 5.0))
        assert judge(found, RULES, API) == Verdict(Judgement.WAITING, "the health of the components cannot be read")


def test_a_probe_that_succeeds_does_not_vouch_for_components_that_cannot_be_read() -> None:
    rules = Rules(probe_every=5.0)
    found = saw_probe(read(Grade.GOOD), "", rules)
    for _ in range(12):
        found = saw_probe(record_unreadable(passed(found, 5.0)), "", rules)
    assert found.grade is Grade.UNKNOWN
    assert judge(found, rules, API) == Verdict(Judgement.WAITING, "the health of the components cannot be read")


def test_without_components_and_probe_the_phase_is_all_there_is() -> None:
    assert judge(Evidence(), RULES, ()).judgement is Judgement.HEALTHY
    assert judge(Evidence(), Rules(judge_components=False), API).judgement is Judgement.HEALTHY


def test_both_sources_must_have_been_read() -> None:
    rules = Rules(soak=0, probe_every=5)
    half = read(Grade.GOOD)
    assert judge(half, rules, API).judgement is Judgement.WAITING
    assert judge(saw_probe(half, "", rules), rules, API).judgement is Judgement.HEALTHY
    assert next_reading(half, rules, API).source is HealthSource.PROBE


BOTH = Rules(probe_every=1)


def test_a_probe_that_is_sent_every_second_is_waited_for() -> None:
    assert judge(read(*[Grade.GOOD] * 9), BOTH, API).judgement is Judgement.WAITING
    assert next_reading(read(Grade.GOOD), BOTH, API).source is HealthSource.PROBE


def test_of_both_sources_the_worse_counts_and_is_told() -> None:
    good = read(*[Grade.GOOD] * 9)
    found = saw_probe(saw_probe(good, "", BOTH), "503", BOTH)
    assert found.grade is Grade.BAD
    assert judge(found, BOTH, API) == Verdict(Judgement.WAITING, "503, for 0 of 20 s")
    assert (
        judge(passed(saw_components(found, Sample(Grade.SHORT, "1 of 2")), 1), BOTH, API).reason == "503, for 0 of 20 s"
    )


def test_a_probe_is_enough_only_where_no_component_counts() -> None:
    found = saw_probe(passed(saw_probe(Evidence(), "", BOTH), 30), "", BOTH)
    alone = replace(BOTH, judge_components=False)
    assert judge(Evidence(), alone, API).judgement is Judgement.WAITING
    assert judge(found, alone, API).judgement is Judgement.HEALTHY
    assert judge(found, BOTH, ()).judgement is Judgement.HEALTHY
    assert judge(found, BOTH, API).judgement is Judgement.WAITING
    assert judge(passed(found, 900), BOTH, API) == Verdict(
        Judgement.UNKNOWN, "its health could not be determined within 300 s"
    )


def test_the_budget_ends_when_it_is_spent_and_not_before() -> None:
    for found in (Evidence(), read(Grade.SHORT)):
        assert judge(replace(found, age=299.5), RULES, API).judgement is Judgement.WAITING
    assert judge(Evidence(age=300), RULES, API).judgement is Judgement.UNKNOWN
    assert judge(replace(read(Grade.SHORT), age=300), RULES, API).judgement is Judgement.UNHEALTHY


def test_while_nothing_was_read_that_is_what_is_told() -> None:
    assert worst(Evidence()) == Sample(Grade.UNKNOWN, "nothing is known yet")
    assert judge(Evidence(), RULES, API) == Verdict(Judgement.WAITING, "nothing is known yet")


@pytest.mark.parametrize(
    ("components_at", "probe_at", "due"),
    [
        (None, None, Due(HealthSource.COMPONENTS, 0)),
        (0, None, Due(HealthSource.COMPONENTS, 0)),
        (6, None, Due(HealthSource.PROBE, 0)),
        (6, 3, Due(HealthSource.PROBE, 0)),
        (6, 2.5, Due(HealthSource.PROBE, 0)),
        (6, 4, Due(HealthSource.NONE, 1)),
        (9, 4, Due(HealthSource.NONE, 1)),
        (8, 9.5, Due(HealthSource.NONE, 5)),
        (0.5, 9, Due(HealthSource.NONE, 0.5)),
        (0.05, 9, Due(HealthSource.NONE, 0.1)),
    ],
)
def test_each_source_is_read_when_it_is_due_and_the_first_is_waited_for(
    components_at: float | None, probe_at: float | None, due: Due
) -> None:
    rules = Rules(probe_every=7)
    found = Evidence(10, components_at=components_at, probe_at=probe_at, phase_at=5)
    assert next_reading(found, rules, API) == due


@pytest.mark.parametrize(("phase_at", "due"), [(0, Due(HealthSource.PHASE)), (0.5, Due(HealthSource.NONE, 0.5))])
def test_c53_the_phase_of_what_is_active_is_read_every_ten_seconds_before_its_health(phase_at: float, due: Due) -> None:
    found = Evidence(10, components_at=9, probe_at=9, phase_at=phase_at)
    assert next_reading(found, Rules(probe_every=7), API) == due
    assert saw_phase(found).phase_at == 10


def test_what_was_judged_healthy_stays_so() -> None:
    assert judge(Evidence(healthy="healthy for 30 s"), RULES, API) == Verdict(Judgement.HEALTHY, "healthy for 30 s")


def test_components_without_health_are_not_asked_for() -> None:
    assert next_reading(Evidence(), BOTH, ()) == Due(HealthSource.PROBE, 0)
    overdue = Evidence(10, probe_at=10, phase_at=5)
    for rules, expected in ((BOTH, ()), (replace(BOTH, judge_components=False), API)):
        assert next_reading(overdue, rules, expected) == Due(HealthSource.NONE, 1)


def test_the_probe_alone_is_read_at_its_own_interval() -> None:
    rules = Rules(probe_every=7, judge_components=False)
    found = saw_probe(Evidence(), "", rules)
    due = next_reading(found, rules, API)
    assert (due.source, due.wait) == (HealthSource.NONE, 7)


def test_rules_are_the_policys_numbers() -> None:
    policy = Policy(
        timeouts=Timeouts(build=1, deploy=2, health=3, platform_rollback=5),
        health=HealthPolicy(soak=40, tolerance=9, unknown="wait", components=False, probe=Probe(interval=0.1, count=4)),
        on_failure="pin",
        after_platform_rollback="commit",
        platform_faults=PlatformFaults(attempts=6, within=7),
    )
    rules = Rules.of(policy)
    assert rules == Rules(1, 2, 3, 40, 9, False, False, 1.0, 4, "pin", 5, "commit", 6, 7)
    assert rules.going_back() == replace(rules, soak=15)
    assert replace(rules, soak=9).going_back().soak == 9


def test_rules_that_nobody_chose_are_those_of_a_policy_that_chooses_nothing() -> None:
    plain = Rules(3600, 1200, 300, 30, 20, True, True, 0, 1, "rollback", 300, "adopt", 3, 21600)
    assert Rules.of(Policy()) == plain
    assert Rules() == plain


@given(st.lists(st.sampled_from(list(Grade)), max_size=200))
def test_whatever_is_read_a_verdict_comes_in_time(grades: list[Grade]) -> None:
    found, rules = Evidence(), Rules(health=60, soak=20, tolerance=10)
    for grade in [*grades, *[Grade.UNKNOWN] * 40]:
        if judge(found, rules, API).judgement is not Judgement.WAITING:
            break
        found = saw_components(passed(found, 5.0), Sample(grade, grade.name))
    assert judge(found, rules, API).judgement is not Judgement.WAITING
    assert found.age <= rules.health + rules.soak + UNCONFIRMED + 5


@given(st.lists(st.sampled_from(list(Grade)), max_size=60))
def test_healthy_is_only_said_after_an_unbroken_soak(grades: list[Grade]) -> None:
    """Since ACTIVE, or since the first good reading after one that was not."""
    found, run = Evidence(), 0
    for grade in grades:
        found = saw_components(passed(found, 5.0), Sample(grade, grade.name))
        run = run + 1 if grade is Grade.GOOD else -1
        assert (judge(found, RULES, API).judgement is Judgement.HEALTHY) == (run * 5 >= RULES.soak)


def test_without_a_probe_none_is_sent() -> None:
    due = next_reading(read(Grade.GOOD), RULES, API)
    assert (due.source, due.wait) == (HealthSource.NONE, 5)


# ---- when the components are read ---------------------------------------------------------------------------------


def readings(rules: Rules, grades: dict[float, Grade] | None = None, until: float = 300.0) -> list[float]:
    """The ages at which the components are read, until they are judged; good unless ``grades`` say otherwise by age."""
    found, at = Evidence(), list[float]()
    while found.age < until and judge(found, rules, API).judgement is Judgement.WAITING:
        due = next_reading(found, rules, API)
        if due.source is HealthSource.PHASE:
            found = saw_phase(found)
        elif due.source is HealthSource.COMPONENTS:
            grade = next((one for age, one in (grades or {}).items() if found.age >= age), Grade.GOOD)
            at.append(round(found.age, 3))
            found = saw_components(found, Sample(grade, grade.name))
        else:
            found = passed(found, due.wait)
    return at


def test_what_is_good_from_the_start_is_read_twice() -> None:
    assert readings(Rules()) == [10, 30]


def test_a_long_soak_is_read_once_a_tolerance() -> None:
    assert readings(Rules(soak=100, tolerance=30)) == [10, 40, 70, 100]


@pytest.mark.parametrize("tolerance", [0, 1, 5])
def test_a_tolerance_of_five_seconds_or_less_is_read_every_five_seconds(tolerance: float) -> None:
    assert readings(Rules(tolerance=tolerance)) == [5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize("soak", [0, ROUNDING, 5])
def test_components_that_were_good_for_the_soak_already_are_read_again_after_five_seconds(soak: float) -> None:
    found = Evidence(grade=Grade.GOOD, components_at=7)
    assert components_due(found, Rules(soak=soak + 7)) == 12


def test_going_back_is_judged_by_two_readings() -> None:
    assert readings(Rules().going_back()) == [7.5, 15]


def test_a_soak_of_nothing_is_one_reading_at_once() -> None:
    assert readings(Rules(soak=0)) == [0]


def test_what_is_bad_is_read_every_five_seconds_until_it_is_judged() -> None:
    assert readings(Rules(), {0: Grade.BAD}) == [10, 15, 20, 25, 30]


def test_what_is_not_ready_yet_is_read_every_ten_seconds_and_soaks_once_it_is() -> None:
    late = {30: Grade.GOOD, 0: Grade.SHORT}
    assert readings(Rules(), late) == [10, 20, 30, 45, 60]


@given(soak=st.floats(1.0, 600.0), tolerance=st.floats(5.0, 120.0), begins=st.floats(0.0, 600.0))
def test_a_fault_that_lasts_for_the_tolerance_is_in_a_reading_before_the_soak_is_over(
    soak: float, tolerance: float, begins: float
) -> None:
    rules = Rules(soak=soak, tolerance=tolerance)
    ages = [0.0, *readings(rules, until=2000.0)]
    assert max(later - age for age, later in pairwise(ages)) <= max(tolerance, HEALTH_EVERY) + 0.01
    assert ages[-1] >= soak - 0.01
    if begins + tolerance + 0.01 < ages[-1]:
        assert any(begins <= age <= begins + max(tolerance, HEALTH_EVERY) + 0.01 for age in ages)
