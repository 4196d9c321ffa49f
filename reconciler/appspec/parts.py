"""The parts that components of an app share: sources, variables, health checks, logs, alerts, scaling.

Facts: the vendor's OpenAPI description and Go client; limits and defaults are given at the fields.
The classes describe: they have no instances. `shape.py` turns them into the tree that everything else walks.
"""

from typing import Annotated as A
from typing import Literal

from reconciler.appspec.marks import (
    Default,
    Deprecated,
    Field,
    Identity,
    Ordered,
    Secret,
    SecretWhenTyped,
    Spelling,
)

NAME_PATTERN = r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$"
ENV_KEY_PATTERN = r"^[_A-Za-z][_A-Za-z0-9]*$"
LOG_NAME_PATTERN = r"""^[A-Za-z0-9()\[\]'"][-A-Za-z0-9_. \/()\[\]]{0,40}[A-Za-z0-9()\[\]'"]$"""

Name = A[str, Field(min_length=2, max_length=32, pattern=NAME_PATTERN)]
Port = A[int, Field(ge=1, le=65535)]

ALERT_RULES = Literal[
    "UNSPECIFIED_RULE", "CPU_UTILIZATION", "MEM_UTILIZATION", "RESTART_COUNT", "DEPLOYMENT_FAILED", "DEPLOYMENT_LIVE",
    "DEPLOYMENT_STARTED", "DEPLOYMENT_CANCELED", "DOMAIN_FAILED", "DOMAIN_LIVE", "AUTOSCALE_FAILED",
    "AUTOSCALE_SUCCEEDED", "JOB_INVOCATION_FAILED", "FUNCTIONS_ACTIVATION_COUNT", "FUNCTIONS_AVERAGE_DURATION_MS",
    "FUNCTIONS_ERROR_RATE_PER_MINUTE", "FUNCTIONS_AVERAGE_WAIT_TIME_MS", "FUNCTIONS_ERROR_COUNT",
    "FUNCTIONS_GB_RATE_PER_SECOND", "REQUESTS_PER_SECOND", "REQUEST_DURATION_P95_MS",
]  # fmt: skip


class Part:
    """Base of every model. A field without a value in the class is required."""


class GitSource(Part):
    """A public repository, cloned over HTTPS."""

    repo_clone_url: A[str | None, Field(description="HTTPS clone URL of a public repository")] = None
    branch: A[str | None, Field(description="branch to deploy")] = None


class HostedSource(Part):
    """A repository on GitHub, GitLab or Bitbucket that the account is connected to."""

    repo: A[str | None, Field(description="owner/name")] = None
    branch: A[str | None, Field(description="branch to deploy")] = None
    deploy_on_push: A[
        bool | None, Field(description="deploy automatically on each push to the branch"), Default(False)
    ] = None


class ImageDeployOnPush(Part):
    """Automatic deployments for an image of the account's own registry."""

    enabled: A[bool | None, Field(description="deploy when the tag moves (DOCR with a tag only)"), Default(False)] = (
        None
    )


class ImageSource(Part):
    """A container image."""

    registry_type: A[
        Literal["DOCKER_HUB", "DOCR", "GHCR"] | None, Field(description="registry that hosts the image")
    ] = None
    registry: A[str | None, Field(description="registry or owner name; empty for DOCR"), Default("")] = None
    registry_credentials: A[str | None, Field(description="credentials for a private image"), Secret()] = None
    repository: A[str | None, Field(description="image name")] = None
    tag: A[str | None, Field(description="tag; not together with digest"), Default("latest")] = None
    digest: A[str | None, Field(description="sha256:…; not together with tag")] = None
    deploy_on_push: A[ImageDeployOnPush | None, Field(description="deploy when the tag moves"), Default({})] = None


class EnvVar(Part):
    """An environment variable."""

    key: A[str, Field(pattern=ENV_KEY_PATTERN, description="variable name")]
    value: A[
        str | None,
        Field(description="value; may refer to bindable variables such as ${db.DATABASE_URL}"),
        SecretWhenTyped(),
        Default(""),
    ] = None
    scope: A[
        Literal["UNSET", "RUN_TIME", "BUILD_TIME", "RUN_AND_BUILD_TIME"] | None,
        Field(description="when the variable is set"),
        Default("RUN_AND_BUILD_TIME"),
    ] = None
    type: A[
        Literal["GENERAL", "SECRET"] | None,
        Field(description="SECRET is encrypted on first submission"),
        Default("GENERAL"),
    ] = None


class Alert(Part):
    """An alert on the app or on a component; recipients are set elsewhere."""

    rule: A[ALERT_RULES | None, Field(description="what is monitored"), Default("UNSPECIFIED_RULE")] = None
    disabled: A[bool | None, Field(description="keep the alert but do not trigger it"), Default(False)] = None
    operator: A[
        Literal["UNSPECIFIED_OPERATOR", "GREATER_THAN", "LESS_THAN"] | None,
        Field(description="how the value is compared"),
        Default("UNSPECIFIED_OPERATOR"),
    ] = None
    value: A[float | None, Field(description="threshold"), Default(0)] = None
    window: A[
        Literal["UNSPECIFIED_WINDOW", "FIVE_MINUTES", "TEN_MINUTES", "THIRTY_MINUTES", "ONE_HOUR"] | None,
        Field(description="time over which the value is measured"),
        Default("UNSPECIFIED_WINDOW"),
    ] = None


class Papertrail(Part):
    """Logs to Papertrail."""

    endpoint: A[str, Field(description="syslog endpoint")]


class Datadog(Part):
    """Logs to Datadog."""

    endpoint: A[str | None, Field(description="HTTP endpoint")] = None
    api_key: A[str, Field(description="API key"), Secret()]


class Logtail(Part):
    """Logs to Logtail (Better Stack)."""

    token: A[str | None, Field(description="source token"), Secret()] = None


class BasicAuth(Part):
    """User and password of an OpenSearch endpoint."""

    user: A[str | None, Field(description="user name")] = None
    password: A[str | None, Field(description="password"), Secret()] = None


class OpenSearch(Part):
    """Logs to OpenSearch."""

    endpoint: A[str | None, Field(description="https://host:port; not with cluster_name")] = None
    basic_auth: A[BasicAuth | None, Field(description="credentials"), Default({})] = None
    index_name: A[str | None, Field(description="index"), Default("logs")] = None
    cluster_name: A[str | None, Field(description="a managed OpenSearch cluster of the account")] = None


class LogHeader(Part):
    """An HTTP header sent with the logs."""

    key: A[str, Field(description="header name")]
    value: A[str | None, Field(description="header value"), Secret()] = None


class LogDestination(Part):
    """Where a component's logs are forwarded to; exactly one kind."""

    name: A[str, Field(min_length=2, max_length=42, pattern=LOG_NAME_PATTERN, description="name of the destination")]
    papertrail: Papertrail | None = None
    datadog: Datadog | None = None
    logtail: Logtail | None = None
    open_search: OpenSearch | None = None
    endpoint: A[str | None, Field(description="endpoint of a generic HTTP destination")] = None
    tls_insecure: A[bool | None, Field(description="skip certificate checks"), Default(False)] = None
    headers: A[list[LogHeader] | None, Field(description="headers of a generic HTTP destination"), Identity("key")] = (
        None
    )


class HealthCheck(Part):
    """Readiness: whether an instance gets traffic. Without `http_path` a TCP check."""

    initial_delay_seconds: A[int | None, Field(ge=0, description="wait before the first check"), Default(0)] = None
    period_seconds: A[int | None, Field(ge=0, description="time between checks"), Default(10)] = None
    timeout_seconds: A[int | None, Field(ge=0, description="time for one check"), Default(1)] = None
    success_threshold: A[int | None, Field(ge=0, description="successes until healthy"), Default(1)] = None
    failure_threshold: A[int | None, Field(ge=0, description="failures until unhealthy"), Default(9)] = None
    http_path: A[str | None, Field(description="path of an HTTP check"), Default("")] = None
    path: A[str | None, Field(description="older name of http_path"), Deprecated("http_path"), Default("")] = None
    port: A[Port | None, Field(description="port to check; the service's own if omitted")] = None


class LivenessHealthCheck(Part):
    """Liveness: whether an instance is restarted. Without `http_path` a TCP check."""

    initial_delay_seconds: A[
        int | None, Field(ge=0, le=3600, description="wait before the first check"), Default(5)
    ] = None
    period_seconds: A[int | None, Field(ge=1, le=300, description="time between checks"), Default(10)] = None
    timeout_seconds: A[int | None, Field(ge=1, le=120, description="time for one check"), Default(1)] = None
    success_threshold: A[int | None, Field(ge=1, le=1, description="successes until healthy"), Default(1)] = None
    failure_threshold: A[int | None, Field(ge=1, le=50, description="failures until restarted"), Default(18)] = None
    http_path: A[str | None, Field(description="path of an HTTP check"), Default("")] = None
    port: A[Port | None, Field(description="port to check; the service's own if omitted")] = None


class CpuMetric(Part):
    """Scale on average CPU use."""

    percent: A[int | None, Field(ge=1, le=100, description="target CPU use"), Default(80)] = None


class RequestRateMetric(Part):
    """Scale on requests per second."""

    per_instance: A[int | None, Field(ge=1, description="target requests per second per instance")] = None


class RequestDurationMetric(Part):
    """Scale on the 95th percentile of request duration."""

    p95_milliseconds: A[int | None, Field(ge=1, description="target p95 in milliseconds")] = None


class Metrics(Part):
    """What workers and jobs scale on."""

    cpu: A[CpuMetric | None, Field(description="CPU use")] = None


class ServiceMetrics(Metrics):
    """What services scale on."""

    requests_per_second: A[RequestRateMetric | None, Field(description="request rate")] = None
    request_duration: A[RequestDurationMetric | None, Field(description="request duration")] = None


class Autoscaling(Part):
    """Automatic scaling; not together with `instance_count`."""

    min_instance_count: A[int | None, Field(ge=1, description="minimum number of instances")] = None
    max_instance_count: A[int | None, Field(ge=1, le=250, description="maximum number of instances")] = None
    metrics: A[Metrics | None, Field(description="metrics to scale on"), Default({})] = None


class ServiceAutoscaling(Autoscaling):
    """Automatic scaling of a service."""

    metrics: A[ServiceMetrics | None, Field(description="metrics to scale on"), Default({})] = None


class Termination(Part):
    """How an instance is stopped."""

    grace_period_seconds: A[
        int | None, Field(ge=1, le=600, description="seconds between SIGTERM and SIGKILL"), Default(120)
    ] = None


class ServiceTermination(Termination):
    """How an instance of a service is stopped."""

    drain_seconds: A[
        int | None, Field(ge=1, le=110, description="seconds traffic drains before SIGTERM"), Default(15)
    ] = None


class OriginMatch(Part):
    """An allowed origin: exactly one of the fields."""

    exact: A[str | None, Field(max_length=256, description="exact origin")] = None
    prefix: A[str | None, Field(max_length=256, description="origin prefix"), Deprecated("regex")] = None
    regex: A[str | None, Field(min_length=1, max_length=256, description="RE2 expression")] = None


class Cors(Part):
    """Cross-origin policy."""

    allow_origins: A[list[OriginMatch] | None, Field(description="allowed origins"), Ordered()] = None
    allow_methods: A[list[str] | None, Field(description="allowed methods")] = None
    allow_headers: A[list[str] | None, Field(description="allowed request headers")] = None
    expose_headers: A[list[str] | None, Field(description="exposed response headers")] = None
    max_age: A[str | None, Field(description="cache time of a preflight, such as 5h30m"), Spelling("duration")] = None
    allow_credentials: A[bool | None, Field(description="allow cookies and credentials"), Default(False)] = None


class Route(Part):
    """A path routed to a component; returned by the platform as an ingress rule."""

    path: A[str | None, Field(description="path prefix"), Default("/")] = None
    preserve_path_prefix: A[
        bool | None, Field(description="keep the matched prefix in the forwarded path"), Default(False)
    ] = None


class LoadingPage(Part):
    """What visitors see while a sleeping service wakes up."""

    enabled: A[bool | None, Field(description="show a page"), Default(False)] = None
    custom_url: A[str | None, Field(description="URL of a custom page"), Default("")] = None


class InactivitySleep(Part):
    """Put a service to sleep when it gets no requests."""

    after_seconds: A[int | None, Field(ge=600, le=86400, description="idle seconds before sleeping")] = None
    loading_page: A[LoadingPage | None, Field(description="page shown while waking up"), Default({})] = None


class Schedule(Part):
    """When a SCHEDULED job runs."""

    cron: A[str | None, Field(description="cron expression")] = None
    time_zone: A[str | None, Field(description="IANA time zone"), Default("UTC")] = None


Envs = A[list[EnvVar] | None, Field(description="environment variables"), Identity("key")]
Alerts = A[list[Alert] | None, Field(description="alerts"), Identity("rule", "operator", "value", "window")]
LogDestinations = A[list[LogDestination] | None, Field(description="where logs are sent"), Identity("name")]
Routes = A[
    list[Route] | None, Field(description="paths routed to the component"), Deprecated("ingress.rules"), Ordered()
]
ComponentCors = A[Cors | None, Field(description="cross-origin policy"), Deprecated("ingress.rules[].cors")]
