"""Every way in which our models of an app spec differ from the vendor's description, each with its reason.

An entry is (aspect, path pattern, our value, reason). Aspects: ``field`` a field that the description lacks (its whole
subtree with it), ``enum`` a member that it lacks, ``gone`` a requirement of theirs for a field that does not exist, and
the schema keywords type, default, minimum, maximum, minLength, required, readOnly. Paths are those of a spec, with
``*`` for an item; patterns are fnmatch's, so ``*`` spans levels.

Of the seven known errata of the description five concern the spec and stand here. The other two concern examples: the
sample of an update lacks the ``spec`` wrapper (5), the samples of health and logs have other names than the
answers (6).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Deviation(NamedTuple):
    """One line of the list; ``ours`` is the member of an enum, or our value of a keyword (None: we have none)."""

    aspect: str
    pattern: str
    ours: Any
    reason: str


_CLIENT = "in the vendor's Go client, in neither description"
_ZERO = "the zero value: the vendor's clients leave it out"
_WORDS = "the description says so in words"
_EMPTY = "the parts below it have defaults of their own, so leaving it out means the same as empty"
_NEWEST = "in the newer of the two descriptions"

ERRATA = (
    Deviation("gone", "*/logtail/endpoint", None, "erratum 1: logtail requires an endpoint that it does not have"),
    Deviation("type", "*/preserve_path_prefix", "boolean", "erratum 2: typed string, is a boolean"),
    Deviation("enum", "/jobs/*/kind", "SCHEDULED", "erratum 3: scheduled jobs are missing"),
    Deviation("field", "/jobs/*/schedule", None, "erratum 3: scheduled jobs are missing"),
    Deviation("field", "/jobs/*/timeout", None, "erratum 3: scheduled jobs are missing"),
    Deviation("field", "/envs", None, "erratum 4: missing at the level of the app"),
    Deviation("field", "/alerts", None, "erratum 4: missing at the level of the app"),
    Deviation("field", "/features", None, "erratum 4: missing at the level of the app"),
    Deviation("readOnly", "/vpc", None, "erratum 7: marked read-only, yet creating with vpc.id works"),
)

EXTRAS = (
    Deviation("field", "/services/*/alerts", None, _CLIENT),
    Deviation("field", "/workers/*/alerts", None, _CLIENT),
    Deviation("field", "/jobs/*/alerts", None, _CLIENT),
    Deviation("field", "/services/*/inactivity_sleep", None, _CLIENT),
    Deviation("field", "/databases/*/size", None, _CLIENT),
    Deviation("field", "/databases/*/num_nodes", None, _CLIENT),
    Deviation("field", "/domains/*/certificate", None, _CLIENT),
    Deviation("field", "/services/*/health_check/path", None, _CLIENT),
    Deviation("field", "*/log_destinations/*/endpoint", None, _CLIENT),
    Deviation("field", "*/log_destinations/*/tls_insecure", None, _CLIENT),
    Deviation("field", "*/log_destinations/*/headers", None, _CLIENT),
    Deviation("field", "/ingress/load_balancer", None, _CLIENT),
    Deviation("field", "/ingress/load_balancer_size", None, _CLIENT),
    Deviation("field", "/ingress/secure_header", None, _CLIENT),
    Deviation("field", "*/match/path/exact", None, _CLIENT),
    Deviation("field", "*/match/authority/prefix", None, _CLIENT),
    Deviation("required", "*/match/path/prefix", None, "a match is by prefix or exact, so neither alone is required"),
    Deviation("required", "*/match/authority/exact", None, "a match is by prefix or exact, so neither is required"),
    Deviation("enum", "*/alerts/*/rule", "DEPLOYMENT_STARTED", _CLIENT),
    Deviation("enum", "*/alerts/*/rule", "DEPLOYMENT_CANCELED", _CLIENT),
    Deviation("enum", "*/alerts/*/rule", "JOB_INVOCATION_FAILED", _CLIENT),
    Deviation("enum", "*/alerts/*/rule", "REQUESTS_PER_SECOND", _NEWEST),
    Deviation("enum", "*/alerts/*/rule", "REQUEST_DURATION_P95_MS", _NEWEST),
    Deviation("field", "/ingress/custom_error_page_url", None, _NEWEST),
    Deviation("field", "/services/*/autoscaling/metrics/requests_per_second", None, _NEWEST),
    Deviation("field", "/services/*/autoscaling/metrics/request_duration", None, _NEWEST),
    Deviation("maximum", "*/autoscaling/max_instance_count", 250, _NEWEST),
    Deviation("field", "/jobs/*/autoscaling", None, "in the older description only; the platform may still know it"),
    Deviation("minLength", "*/allow_origins/*/exact", None, "the newer description no longer asks for it"),
    Deviation("minLength", "*/allow_origins/*/prefix", None, "the newer description no longer asks for it"),
)

LIMITS = (
    Deviation("minLength", "/domains/*/minimum_tls_version", None, "the enumeration says it already"),
    Deviation("maxLength", "/domains/*/minimum_tls_version", None, "the enumeration says it already"),
    Deviation("minimum", "*/redirect/port", 1, "a TCP port"),
    Deviation("maximum", "*/redirect/port", 65535, "a TCP port"),
    Deviation("minimum", "/services/*/health_check/*", 0, "a negative time or number of checks means nothing"),
    *(Deviation("enum", "*/redirect/redirect_code", code, _WORDS) for code in (300, 301, 302, 303, 304, 307, 308)),
)

DEFAULTS = (
    *(
        Deviation("default", pattern, False, _ZERO)
        for pattern in (
            "/databases/*/production",
            "/domains/*/wildcard",
            "*/alerts/*/disabled",
            "*/github/deploy_on_push",
            "*/gitlab/deploy_on_push",
            "*/bitbucket/deploy_on_push",
            "*/image/deploy_on_push/enabled",
            "*/cors/allow_credentials",
            "*/preserve_path_prefix",
            "/maintenance/archive",
            "/maintenance/enabled",
        )
    ),
    *(
        Deviation("default", pattern, "", _ZERO)
        for pattern in (
            "/domains/*/zone",
            "*/envs/*/value",
            "*/build_command",
            "*/run_command",
            "*/image/registry",
            "*/catchall_document",
            "*/http_path",
            "/maintenance/offline_page_url",
            "/ingress/custom_error_page_url",
            "*/component/rewrite",
            "*/match/path/prefix",
            "*/match/authority/exact",
            "*/redirect/authority",
            "*/redirect/uri",
        )
    ),
    *(
        Deviation("default", pattern, {}, _EMPTY)
        for pattern in (
            "/egress",
            "/maintenance",
            "*/open_search/basic_auth",
            "*/image/deploy_on_push",
            "*/autoscaling/metrics",
            "*/health_check",
            "*/termination",
            "/ingress/rules/*/match",
            "/ingress/rules/*/match/path",
            "/ingress/rules/*/match/authority",
        )
    ),
    *(
        Deviation("default", pattern, value, _WORDS)
        for pattern, value in (
            ("*/redirect/redirect_code", 302),
            ("*/redirect/scheme", "https"),
            ("/services/*/http_port", 8080),
            ("*/termination/drain_seconds", 15),
            ("*/termination/grace_period_seconds", 120),
            ("/services/*/health_check/initial_delay_seconds", 0),
            ("*/liveness_health_check/initial_delay_seconds", 5),
            ("*health_check/period_seconds", 10),
            ("*health_check/timeout_seconds", 1),
            ("*health_check/success_threshold", 1),
            ("/services/*/health_check/failure_threshold", 9),
            ("*/liveness_health_check/failure_threshold", 18),
            ("*/routes/*/path", "/"),
        )
    ),
    Deviation("default", "*/alerts/*/value", 0, _ZERO),
    Deviation("default", "*/source_dir", "/", "the root of the repository, as the platform's own specs write it"),
    Deviation("default", "/services/*/protocol", "HTTP", "the first of the two, and what services without it do"),
    Deviation("default", "/jobs/*/kind", "POST_DEPLOY", "the description's UNSPECIFIED becomes POST_DEPLOY, it says"),
)

DEVIATIONS = (*ERRATA, *EXTRAS, *LIMITS, *DEFAULTS)
"""The whole list."""
