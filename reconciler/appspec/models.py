"""The whole app spec, as annotated classes: types, limits, defaults, identity, secrecy and order of every field.

Source of the facts: the vendor's OpenAPI description of App Platform (2026-08), with its known errata
corrected, and the fields that only the vendor's Go client has. `checks/contract.py` compares these models
with the description, field by field.
"""

from typing import Annotated as A
from typing import Literal

from reconciler.appspec.kinds import SizeSlug
from reconciler.appspec.marks import Default, Deprecated, Field, Identity, Ordered, Secret, ServerChosen, Spelling
from reconciler.appspec.parts import (
    Alerts,
    Autoscaling,
    ComponentCors,
    Cors,
    Envs,
    GitSource,
    HealthCheck,
    HostedSource,
    ImageSource,
    InactivitySleep,
    LivenessHealthCheck,
    LogDestinations,
    Name,
    Part,
    Port,
    Routes,
    Schedule,
    ServiceAutoscaling,
    ServiceTermination,
    Termination,
)

REGIONS = Literal["atl", "nyc", "sfo", "tor", "ams", "fra", "lon", "blr", "sgp", "syd"]
DOMAIN_PATTERN = r"^((xn--)?[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*\.)+[a-zA-Z]{2,}\.?$"


class Component(Part):
    """The fields that every component has."""

    name: A[Name, Field(description="name, unique within the app")]
    git: GitSource | None = None
    github: HostedSource | None = None
    gitlab: HostedSource | None = None
    bitbucket: HostedSource | None = None
    source_dir: A[str | None, Field(description="directory of the source"), Spelling("path"), Default("/")] = None
    envs: Envs = None
    log_destinations: LogDestinations = None


class BuiltComponent(Component):
    """A component with a build or an image."""

    image: ImageSource | None = None
    environment_slug: A[
        str | None, Field(description="buildpack, such as node-js; detected if omitted"), ServerChosen()
    ] = None
    dockerfile_path: A[str | None, Field(description="build with this Dockerfile"), Spelling("path")] = None
    build_command: A[str | None, Field(description="overrides the build command"), Default("")] = None
    run_command: A[str | None, Field(description="overrides the run command"), Default("")] = None


class RunningComponent(BuiltComponent):
    """A component with instances."""

    instance_size_slug: A[SizeSlug | None, Field(description="size of an instance"), Default("apps-s-1vcpu-0.5gb")] = (
        None
    )
    instance_count: A[int | None, Field(ge=1, description="number of instances; not with autoscaling"), Default(1)] = (
        None
    )
    alerts: Alerts = None


class Service(RunningComponent):
    """A component that serves HTTP."""

    http_port: A[Port | None, Field(description="port the service listens on; sets PORT"), Default(8080)] = None
    internal_ports: A[list[int] | None, Field(description="ports open to other components")] = None
    protocol: A[Literal["HTTP", "HTTP2"] | None, Field(description="protocol on http_port"), Default("HTTP")] = None
    autoscaling: ServiceAutoscaling | None = None
    health_check: A[HealthCheck | None, Field(description="readiness check"), Default({})] = None
    liveness_health_check: LivenessHealthCheck | None = None
    termination: A[ServiceTermination | None, Field(description="how instances stop"), Default({})] = None
    inactivity_sleep: InactivitySleep | None = None
    routes: Routes = None
    cors: ComponentCors = None


class Worker(RunningComponent):
    """A component that runs in the background, without HTTP requests."""

    autoscaling: Autoscaling | None = None
    liveness_health_check: LivenessHealthCheck | None = None
    termination: A[Termination | None, Field(description="how instances stop"), Default({})] = None


class Job(RunningComponent):
    """A component that runs to completion, around a deployment or on a schedule."""

    kind: A[
        Literal["UNSPECIFIED", "PRE_DEPLOY", "POST_DEPLOY", "FAILED_DEPLOY", "SCHEDULED"] | None,
        Field(description="when the job runs"),
        Spelling("job-kind"),
        Default("POST_DEPLOY"),
    ] = None
    schedule: A[Schedule | None, Field(description="when a SCHEDULED job runs")] = None
    timeout: A[str | None, Field(description="longest run, such as 30m"), Spelling("duration"), Default("30m")] = None
    autoscaling: Autoscaling | None = None
    termination: A[Termination | None, Field(description="how instances stop"), Default({})] = None


class StaticSite(BuiltComponent):
    """Files that are built once and served by the platform."""

    index_document: A[str | None, Field(description="index page"), Default("index.html")] = None
    error_document: A[str | None, Field(description="error page; not with catchall_document"), Default("404.html")] = (
        None
    )
    catchall_document: A[str | None, Field(description="page served for unknown paths"), Default("")] = None
    output_dir: A[
        str | None,
        Field(description="where the built files are; detected if omitted"),
        Spelling("path"),
        ServerChosen(),
    ] = None
    routes: Routes = None
    cors: ComponentCors = None


class Functions(Component):
    """A project of serverless functions."""

    alerts: Alerts = None
    routes: Routes = None
    cors: ComponentCors = None


class Database(Part):
    """A database: a managed cluster of the account, or a small development database of the app."""

    name: A[Name, Field(description="name, unique within the app")]
    engine: A[
        Literal["UNSET", "MYSQL", "PG", "REDIS", "MONGODB", "KAFKA", "OPENSEARCH", "VALKEY"] | None,
        Field(description="database engine"),
        Default("UNSET"),
        ServerChosen(),
    ] = None
    production: A[bool | None, Field(description="a managed cluster; needs cluster_name"), Default(False)] = None
    cluster_name: A[str | None, Field(description="name of the managed cluster"), ServerChosen()] = None
    db_name: A[str | None, Field(description="database within the cluster"), ServerChosen()] = None
    db_user: A[str | None, Field(description="user within the cluster"), ServerChosen()] = None
    version: A[str | None, Field(description="engine version"), ServerChosen()] = None
    size: A[
        str | None, Field(description="no longer used by the platform"), Deprecated("cluster_name"), ServerChosen()
    ] = None
    num_nodes: A[
        int | None, Field(description="no longer used by the platform"), Deprecated("cluster_name"), ServerChosen()
    ] = None


class Domain(Part):
    """A domain of the app."""

    domain: A[
        str, Field(min_length=4, max_length=253, pattern=DOMAIN_PATTERN, description="host name"), Spelling("hostname")
    ]
    type: A[
        Literal["UNSPECIFIED", "DEFAULT", "PRIMARY", "ALIAS"] | None,
        Field(description="at most one PRIMARY"),
        Default("UNSPECIFIED"),
        ServerChosen(),
    ] = None
    wildcard: A[bool | None, Field(description="include all subdomains"), Default(False)] = None
    zone: A[str | None, Field(description="DNS zone managed by the account"), Default("")] = None
    minimum_tls_version: A[Literal["1.2", "1.3"] | None, Field(description="a string: quote it"), ServerChosen()] = None
    certificate: A[str | None, Field(description="custom certificate"), ServerChosen()] = None


class PathMatch(Part):
    """A match of the request path."""

    prefix: A[str | None, Field(max_length=256, description="path prefix"), Default("")] = None
    exact: A[str | None, Field(max_length=256, description="exact path"), Default("")] = None


class AuthorityMatch(Part):
    """A match of the host."""

    exact: A[str | None, Field(max_length=256, description="exact host"), Default("")] = None
    prefix: A[str | None, Field(max_length=256, description="host prefix"), Default("")] = None


class Match(Part):
    """Which requests a rule applies to; an empty match applies to all."""

    path: A[PathMatch | None, Field(description="match by path"), Default({})] = None
    authority: A[AuthorityMatch | None, Field(description="match by host"), Default({})] = None


class RuleComponent(Part):
    """Send the request to a component."""

    name: A[str, Field(description="name of the component")]
    preserve_path_prefix: A[
        bool | None,
        Field(description="keep the matched prefix in the forwarded path; not with rewrite"),
        Default(False),
    ] = None
    rewrite: A[
        str | None, Field(description="replace the matched path; not with preserve_path_prefix"), Default("")
    ] = None


class Redirect(Part):
    """Answer with a redirect."""

    uri: A[str | None, Field(description="path to redirect to"), Default("")] = None
    authority: A[str | None, Field(description="host to redirect to"), Default("")] = None
    port: A[Port | None, Field(description="port to redirect to")] = None
    scheme: A[str | None, Field(description="http or https"), Default("https")] = None
    redirect_code: A[
        Literal[300, 301, 302, 303, 304, 307, 308] | None, Field(description="status of the redirect"), Default(302)
    ] = None


class IngressRule(Part):
    """One rule: a match, and either a component or a redirect."""

    match: A[Match | None, Field(description="requests the rule applies to"), Default({})] = None
    component: RuleComponent | None = None
    redirect: Redirect | None = None
    cors: A[Cors | None, Field(description="cross-origin policy")] = None


class SecureHeader(Part):
    """A header that proves a request came through the load balancer."""

    key: A[str | None, Field(description="header name")] = None
    value: A[str | None, Field(description="header value"), Secret()] = None
    remove_header: A[bool | None, Field(description="remove it before the component sees it"), Default(False)] = None


class Ingress(Part):
    """How requests reach components. `ingress: {}` (nothing is reachable) is not the same as none."""

    rules: A[list[IngressRule] | None, Field(description="tried in order, the first that matches wins"), Ordered()] = (
        None
    )
    load_balancer: A[str | None, Field(description="kind of load balancer"), ServerChosen()] = None
    load_balancer_size: A[int | None, Field(description="size of the load balancer"), ServerChosen()] = None
    secure_header: A[SecureHeader | None, Field(description="header added to each request")] = None
    custom_error_page_url: A[
        str | None, Field(pattern="^https://", description="URL of a custom error page"), Default("")
    ] = None


class Egress(Part):
    """Where outgoing traffic comes from."""

    type: A[
        Literal["AUTOASSIGN", "DEDICATED_IP"] | None, Field(description="kind of address"), Default("AUTOASSIGN")
    ] = None


class Maintenance(Part):
    """Take the app offline for a while."""

    enabled: A[bool | None, Field(description="show a maintenance page"), Default(False)] = None
    archive: A[bool | None, Field(description="stop the app; implies enabled"), Default(False)] = None
    offline_page_url: A[str | None, Field(description="URL of a custom maintenance page"), Default("")] = None


class EgressIp(Part):
    """An address of a VPC's egress, assigned by the platform."""

    ip: str | None = None


class Vpc(Part):
    """The VPC that the app is attached to."""

    id: A[str | None, Field(description="id of the VPC")] = None
    egress_ips: A[list[EgressIp] | None, Field(description="assigned by the platform"), ServerChosen(), Ordered()] = (
        None
    )


class AppSpec(Part):
    """An app: its components, how they are reached, and what they share."""

    name: A[Name, Field(description="name of the app, unique within the account")]
    region: A[REGIONS | None, Field(description="the nearest if omitted"), Spelling("region"), ServerChosen()] = None
    services: A[list[Service] | None, Identity("name")] = None
    static_sites: A[list[StaticSite] | None, Identity("name")] = None
    jobs: A[list[Job] | None, Identity("name")] = None
    workers: A[list[Worker] | None, Identity("name")] = None
    functions: A[list[Functions] | None, Identity("name")] = None
    databases: A[list[Database] | None, Identity("name")] = None
    domains: A[list[Domain] | None, Field(description="domains of the app"), Identity("domain")] = None
    ingress: Ingress | None = None
    envs: Envs = None
    alerts: Alerts = None
    egress: A[Egress | None, Field(description="outgoing traffic"), Default({})] = None
    maintenance: A[Maintenance | None, Field(description="maintenance mode"), Default({})] = None
    vpc: A[Vpc | None, Field(description="attach the app to a VPC"), ServerChosen()] = None
    features: A[
        list[str] | None, Field(description="platform features, such as buildpack-stack=ubuntu-22"), ServerChosen()
    ] = None
    disable_edge_cache: A[bool | None, Field(description="do not cache at the edge"), Default(False)] = None
    disable_email_obfuscation: A[
        bool | None, Field(description="do not obfuscate e-mail addresses"), Default(False)
    ] = None
    enhanced_threat_control_enabled: A[
        bool | None, Field(description="extra protection against attacks"), Default(False)
    ] = None
