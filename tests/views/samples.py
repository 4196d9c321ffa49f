"""Reports as the rooms below make them, for exact-output tests; and hostile ones."""

from dataclasses import replace

from hypothesis import strategies as st

from reconciler.findings import Finding, Location, Severity
from reconciler.plan.model import (
    Action,
    AppAttribution,
    Attribution,
    Change,
    ChangeKind,
    Cost,
    Move,
    Note,
    Plan,
    PlanReport,
    SyncStatus,
)
from reconciler.rollout.model import (
    Decision,
    DeploymentLog,
    DeploymentRecord,
    Failure,
    Outcome,
    OutcomeKind,
    PhaseSpan,
    RolloutRecord,
    RolloutReport,
)

OLD = "77aa0d1c-5d0e-4d0f-9c0a-000000000002"
NEW = "8b2e4f10-93ab-4c44-8f3e-000000000001"

API = ("services", "api")
FINDINGS = (
    Finding(
        Severity.WARNING,
        "mutable-tag",
        "the tag latest moves: what runs is not what was reviewed",
        "pin a tag or a digest",
        Location("specs/web.yaml", 9, 12, "/services/0/image/tag"),
    ),
    Finding(
        Severity.ERROR,
        "duplicate-name",
        "two components are named api",
        "",
        Location("specs/web.yaml", 21, 5, "/workers/0/name"),
        (Location("specs/web.yaml", 4, 5, "/services/0/name"),),
    ),
    Finding(Severity.NOTICE, "no-such-path", "specs does not exist"),
)

WEB = Plan(
    "web",
    SyncStatus.OUT_OF_SYNC,
    Action.UPDATE,
    app_id="4b7cb0e5-0000-4000-8000-00000000000a",
    file="specs/web.yaml",
    changes=(
        Change((*API, "image", "tag"), ChangeKind.CHANGED, "1.27", "1.28"),
        Change((*API, "envs", "LOG_LEVEL"), ChangeKind.ADDED, None, {"key": "LOG_LEVEL", "value": "debug"}),
        Change((*API, "envs", "OLD_FLAG"), ChangeKind.REMOVED, {"key": "OLD_FLAG", "value": "on"}, None),
        Change((*API, "envs", "SESSION_KEY", "value"), ChangeKind.CHANGED, sensitive=True),
        Change((*API, "http_port"), ChangeKind.CHANGED, "8080", 8080),
        Change((*API, "run_command"), ChangeKind.CHANGED, "x" * 300 + " --workers 2", "x" * 300 + " --workers 3"),
        Change(
            ("workers", "mailer"),
            ChangeKind.ADDED,
            None,
            {
                "name": "mailer",
                "image": {"registry_type": "DOCR", "repository": "mailer", "tag": "4"},
                "envs": [{"key": "SMTP_PASSWORD", "value": "EV[1:n:c]", "type": "SECRET"}],
            },
        ),
        Change(
            ("ingress", "rules"),
            ChangeKind.REORDERED,
            ["[/]", "[/api]"],
            ["[/new]", "[/api]", "[/]"],
            moves=(Move("[/api]", "before [/]"),),
        ),
        Change(
            ("ingress", "rules", "[/new]"),
            ChangeKind.ADDED,
            None,
            {"match": {"path": {"prefix": "/new"}}, "component": {"name": "api"}},
            place="before [/]",
        ),
    ),
    notes=(
        Note((*API, "envs", "STRIPE_KEY", "value"), "kept", "ciphertext cannot be compared"),
        Note((*API, "instance_count"), "ignored", "differs from Git, left as it is"),
    ),
    cost=Cost(29.0, 36.0),
    desired_digest="d" * 64,
    live_digest="1" * 64,
    update_all_source_versions=True,
)
WORKER = Plan(
    "worker",
    SyncStatus.ABSENT,
    Action.CREATE,
    "no app has this name yet",
    changes=(Change(("name",), ChangeKind.ADDED, None, "worker"),),
    cost=Cost(None, 5.0, estimated=True),
)
SITE = Plan("site", SyncStatus.IN_SYNC, Action.NONE, cost=Cost(0.0, 0.0))
BILLING = Plan(
    "billing",
    SyncStatus.BLOCKED,
    Action.REFUSE,
    "pinned to a rollback 2 h ago by Kim Holm",
    cost=Cost(12.0, 12.0),
    override="reconcile status billing",
)
SHOP = Plan(
    "shop",
    SyncStatus.OUT_OF_SYNC,
    Action.REFUSE,
    "it would destroy databases/orders and all that is in it",
    changes=(Change(("databases", "orders"), ChangeKind.REMOVED, {"name": "orders", "engine": "PG"}, None),),
    findings=FINDINGS[:1],
    cost=Cost(19.0, 12.0),
    override="--allow destroy:shop/databases/orders",
)
QUEUE = Plan(
    "queue",
    SyncStatus.STALLED,
    Action.REFUSE,
    f"this spec failed and was rolled back 3 h ago (deployment {NEW}); not retrying until the spec changes in Git",
    override="--retry",
)
OLDAPP = Plan("legacy", SyncStatus.ABSENT, Action.DELETE, "it is not in Git any more", cost=Cost(7.0, None))
PLAN = PlanReport(
    (WEB, WORKER, SITE, BILLING, SHOP, QUEUE, OLDAPP),
    findings=FINDINGS[2:],
    requests=9,
    seconds=1.25,
    unmanaged=("playground", "tmp-demo"),
)
IN_SYNC = PlanReport((SITE, replace(SITE, app="docs")), requests=1)
FLEET = PlanReport(
    (*(replace(SITE, app=f"app-{number:03d}") for number in range(300)), replace(WEB, cost=Cost(29.0, 36.0))),
    requests=4,
)

FAILURE = Failure(
    component="api",
    step="deploy",
    code="DeployContainerHealthChecksFailed",
    message="Readiness probe failed:\nGET /healthz answered 503",
    log_lines=("listening on :8080", "\x1b[31mpanic: no such table: users\x1b[0m", "10%\r100%", "exit status 2"),
    links=(
        f"https://cloud.digitalocean.com/apps/4b7cb0e5/deployments/{NEW}",
        "https://logs.example.com/run.log?X-Amz-Signature=0123456789abcdef",
    ),
)
ROLLED_BACK = RolloutRecord(
    "api",
    Action.UPDATE,
    Outcome(
        OutcomeKind.ROLLED_BACK,
        f"deployment {NEW} failed: api: DeployContainerHealthChecksFailed; rolled back to {OLD}, healthy for 30s",
        ("reconcile status api",),
    ),
    app_id="4b7cb0e5-0000-4000-8000-00000000000a",
    deployments=(
        DeploymentRecord(
            NEW, "deploy", (PhaseSpan("BUILDING", 1, 41), PhaseSpan("DEPLOYING", 41, 180), PhaseSpan("ERROR", 180, 180))
        ),
        DeploymentRecord(OLD, "rollback", (PhaseSpan("DEPLOYING", 185, 220), PhaseSpan("ACTIVE", 220, 243))),
    ),
    decisions=(
        Decision(180.2, "CollectFailure", f"reading why deployment {NEW} failed", "its phase is ERROR"),
        Decision(181.0, "ValidateRollback", f"validating a rollback to deployment {OLD}", "it still serves"),
        Decision(182.4, "Rollback", f"rolling back to deployment {OLD}"),
        Decision(242.0, "CommitRollback", "committing the rollback", "healthy for 30 s"),
    ),
    failure=FAILURE,
    warnings=("static_site_requires_rebuild: the site is built again",),
    requests=17,
    seconds=243.2,
)
PINNED_BADLY = RolloutRecord(
    "billing",
    Action.UPDATE,
    Outcome(
        OutcomeKind.ROLLBACK_FAILED,
        "the rollback failed, too: no deployment became healthy within 5m. The app is left pinned to the rollback",
        ("reconcile rollback billing --commit", "reconcile rollback billing --revert", "reconcile status billing"),
        pinned=True,
    ),
    requests=40,
    seconds=3725.0,
)
APPLIED = RolloutRecord(
    "web",
    Action.UPDATE,
    Outcome(OutcomeKind.APPLIED, "healthy for 30s"),
    deployments=(DeploymentRecord(NEW, "deploy", (PhaseSpan("BUILDING", 1, 41), PhaseSpan("ACTIVE", 41, 72))),),
    requests=9,
    seconds=72.3,
    cost=Cost(29.0, 36.0),
    live_url="https://web-x1.ondigitalocean.app",
)
UNCHANGED = RolloutRecord("site", Action.NONE, Outcome(OutcomeKind.UNCHANGED))
ROLLOUT = RolloutReport(
    (PINNED_BADLY, APPLIED, UNCHANGED, ROLLED_BACK),
    requests=66,
    seconds=3725.0,
    left_running=(f"queue: deployment {NEW}, BUILDING",),
)

# --- hostile ---------------------------------------------------------------------------------------------------------

MARK = "Qz7"
"""Stands in every hostile text, so that a test sees where it ended up."""

FRAGMENTS = (
    "`",
    "```",
    "~~~~",
    "</details>",
    "</summary></code>",
    "<script>alert(1)</script>",
    "<!--",
    "-->",
    "@everyone",
    "@octo/team",
    "#1",
    "https://evil.example/x",
    "www.evil.example",
    "![x](https://evil.example/p.png)",
    "[x](javascript:alert(1))",
    "::error::boom",
    "::set-output name=x::y",
    "##[error]boom",
    "##",
    "[",
    "|",
    "| a | b |",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\x1b[2J",
    "\x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2028",
    "\ud800",
    "\U000e0041",
    "# heading",
    "- item",
    "> quote",
    "***",
    "$(id)",
    "&lt;b&gt;",
    "\\",
    "e\u0301",
    "漢字",
    "👩‍💻",
    " → ",
    "(secret)",
    "  = fake  in sync",
    "    code",
)


def _spelled(drawn: str) -> str:
    """The marked text that one draw stands for: every third character names a fragment, the others are wild.

    Which are which depends on the length, and where the mark goes on the last character: either may be anywhere.
    """
    pieces = [char if (at + len(drawn)) % 3 else FRAGMENTS[ord(char) % len(FRAGMENTS)] for at, char in enumerate(drawn)]
    pieces.insert(ord(drawn[-1]) % (len(drawn) + 1) if drawn else 0, MARK)
    return "".join(pieces)


# A draw of a text costs more than most of what is done with it: one makes a whole hostile text.
hostile = st.one_of(st.text(max_size=80).map(_spelled), st.sampled_from(FRAGMENTS))
_values = st.one_of(
    hostile,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.lists(hostile, max_size=2),
    st.dictionaries(hostile, hostile, max_size=2),
    st.dictionaries(st.sampled_from(["name", "key", "value", "type"]), hostile, max_size=3),
)
_paths = st.lists(st.one_of(hostile, st.sampled_from(["services", "envs", "value"])), max_size=3).map(tuple)
_places = st.builds(Location, hostile, st.integers(0, 99), st.integers(0, 99), hostile)
_findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(Severity),
        hostile,
        hostile,
        hostile,
        st.one_of(st.none(), _places),
        st.lists(_places, max_size=1).map(tuple),
    ),
    max_size=2,
).map(tuple)
_amounts = st.one_of(st.none(), st.floats(0, 1e6))
_costs = st.builds(Cost, _amounts, _amounts, st.booleans())
_moves = st.lists(st.builds(Move, hostile, hostile), max_size=2).map(tuple)
_changes = st.builds(
    Change,
    _paths,
    st.sampled_from(ChangeKind),
    _values,
    _values,
    st.booleans(),
    place=st.one_of(st.just(""), hostile),
    moves=st.one_of(st.just(()), _moves),
)
_notes = st.builds(Note, _paths, st.one_of(st.sampled_from(["kept", "ignored", "rotated"]), hostile), hostile)
_origins = st.sampled_from(["git_ahead", "live_edit", "both", "unknown"])
_moments = st.one_of(st.none(), st.datetimes())
_attributions = st.builds(
    AppAttribution,
    hostile,
    _origins,
    hostile,
    st.lists(
        st.builds(Attribution, _paths, _origins, hostile, hostile, hostile, _moments, hostile, hostile), max_size=3
    ).map(tuple),
)
_plans = st.builds(
    Plan,
    hostile,
    st.sampled_from(SyncStatus),
    st.sampled_from(Action),
    hostile,
    app_id=hostile,
    file=hostile,
    changes=st.lists(_changes, max_size=3).map(tuple),
    notes=st.lists(_notes, max_size=2).map(tuple),
    findings=_findings,
    cost=_costs,
    update_all_source_versions=st.booleans(),
    moved_from=st.one_of(st.just(""), hostile),
    override=st.one_of(st.just(""), hostile),
    resume_rollback=st.booleans(),
    attribution=st.one_of(st.none(), _attributions),
)
hostile_findings = _findings
hostile_plans = st.builds(
    PlanReport,
    st.lists(_plans, max_size=3).map(tuple),
    _findings,
    st.integers(0, 10**6),
    st.floats(0, 1e6),
    st.lists(hostile, max_size=2).map(tuple),
)
_texts = st.lists(hostile, max_size=2).map(tuple)
_spans = st.lists(st.builds(PhaseSpan, hostile, st.floats(0, 1e6), st.floats(0, 1e6)), max_size=2).map(tuple)
_failures = st.builds(
    Failure, component=hostile, step=hostile, code=hostile, message=hostile, log_lines=_texts, links=_texts
)
_records = st.builds(
    RolloutRecord,
    hostile,
    st.sampled_from(Action),
    st.builds(Outcome, st.sampled_from(OutcomeKind), hostile, _texts, st.booleans()),
    app_id=hostile,
    deployments=st.lists(st.builds(DeploymentRecord, hostile, hostile, _spans), max_size=2).map(tuple),
    decisions=st.lists(st.builds(Decision, st.floats(0, 1e6), hostile, hostile), max_size=2).map(tuple),
    failure=st.one_of(st.none(), _failures),
    warnings=_texts,
    requests=st.integers(0, 10**6),
    seconds=st.floats(0, 1e6),
    cost=_costs,
    live_url=hostile,
    deployment_id=hostile,
    phase=hostile,
    console_url=hostile,
    logs=st.lists(st.builds(DeploymentLog, hostile, hostile, _texts), max_size=1).map(tuple),
)
hostile_rollouts = st.builds(
    RolloutReport, st.lists(_records, max_size=3).map(tuple), st.integers(0, 10**6), st.floats(0, 1e6), _texts
)
