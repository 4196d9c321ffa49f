"""The operations of the platform, with the token scope of each: the 38 of the vendor's API description, and others."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.sandbox.api import alerts, apps, components, deployments, monitoring
from reconciler.sandbox.http.request import Call, Operation

if TYPE_CHECKING:
    from collections.abc import Callable

APPS = "/v2/apps"
_APP = "/{app_id}"
_DEPLOYMENT = "/{app_id}/deployments/{deployment_id}"
_COMPONENT = "/components/{component_name}"
_INVOCATION = "/{app_id}/job-invocations/{job_invocation_id}"
_READ, _CREATE, _UPDATE, _DELETE = ("app:read", "app:create", "app:update", "app:delete")
_CONSOLE = "app:access_console"


def _operation(
    operation_id: str, request: str, scope: str, serve: Callable[[Call], str], *, writes: bool | None = None
) -> Operation:
    """An operation under `APPS`. ``writes`` defaults to whether its scope is to create, update or delete."""
    method, _, path = request.partition(" ")
    writes = scope in (_CREATE, _UPDATE, _DELETE) if writes is None else writes
    return Operation(operation_id, method, APPS + path, scope, serve, writes)


# Order matters: fixed paths come before paths with a parameter in the same place.
OPERATIONS = (
    _operation("apps_list", "GET ", _READ, apps.list_apps),
    _operation("apps_create", "POST ", _CREATE, apps.create_app),
    _operation("apps_validate_appSpec", "POST /propose", _READ, apps.propose),
    _operation("apps_list_regions", "GET /regions", _READ, apps.list_regions),
    _operation("apps_list_instanceSizes", "GET /tiers/instance_sizes", _READ, apps.list_sizes),
    _operation("apps_get_instanceSize", "GET /tiers/instance_sizes/{slug}", _READ, apps.get_size),
    _operation("apps_list_metrics_bandwidth_daily", "POST /metrics/bandwidth_daily", _READ, monitoring.all_bandwidth),
    _operation("apps_get", "GET /{id}", _READ, apps.get_app),
    _operation("apps_update", "PUT /{id}", _UPDATE, apps.update_app),
    _operation("apps_delete", "DELETE /{id}", _DELETE, apps.delete_app),
    _operation("apps_restart", f"POST {_APP}/restart", _UPDATE, deployments.restart),
    _operation("apps_get_instances", f"GET {_APP}/instances", _READ, monitoring.list_instances),
    _operation("apps_get_health", f"GET {_APP}/health", _READ, monitoring.get_health),
    _operation("apps_list_deployments", f"GET {_APP}/deployments", _READ, deployments.list_deployments),
    _operation("apps_create_deployment", f"POST {_APP}/deployments", _UPDATE, deployments.create_deployment),
    _operation("apps_get_deployment", f"GET {_DEPLOYMENT}", _READ, deployments.get_deployment),
    _operation("apps_cancel_deployment", f"POST {_DEPLOYMENT}/cancel", _UPDATE, deployments.cancel_deployment),
    _operation(
        "apps_validate_rollback",
        f"POST {_APP}/rollback/validate",
        _UPDATE,
        deployments.validate_rollback,
        writes=False,
    ),
    _operation("apps_create_rollback", f"POST {_APP}/rollback", _UPDATE, deployments.create_rollback),
    _operation("apps_commit_rollback", f"POST {_APP}/rollback/commit", _UPDATE, deployments.commit_rollback),
    _operation("apps_revert_rollback", f"POST {_APP}/rollback/revert", _UPDATE, deployments.revert_rollback),
    _operation("apps_get_logs_active_deployment_aggregate", f"GET {_APP}/logs", _READ, components.app_logs),
    _operation("apps_get_logs_active_deployment", f"GET {_APP}{_COMPONENT}/logs", _READ, components.app_logs),
    _operation("apps_get_logs_aggregate", f"GET {_DEPLOYMENT}/logs", _READ, components.deployment_logs),
    _operation("apps_get_logs", f"GET {_DEPLOYMENT}{_COMPONENT}/logs", _READ, components.deployment_logs),
    _operation("apps_get_exec_active_deployment", f"GET {_APP}{_COMPONENT}/exec", _CONSOLE, components.app_exec),
    _operation("apps_get_exec", f"GET {_DEPLOYMENT}{_COMPONENT}/exec", _CONSOLE, components.deployment_exec),
    _operation("apps_list_alerts", f"GET {_APP}/alerts", _READ, alerts.list_alerts),
    _operation(
        "apps_assign_alertDestinations",
        f"POST {_APP}/alerts/{{alert_id}}/destinations",
        _UPDATE,
        alerts.assign_destinations,
    ),
    _operation("apps_list_events", f"GET {_APP}/events", _READ, monitoring.list_events),
    _operation("apps_get_event", f"GET {_APP}/events/{{event_id}}", _READ, monitoring.get_event),
    _operation("apps_cancel_event", f"POST {_APP}/events/{{event_id}}/cancel", _UPDATE, monitoring.cancel_event),
    _operation("apps_get_event_logs", f"GET {_APP}/events/{{event_id}}/logs", _READ, monitoring.event_logs),
    # Reading job invocations first records those that were due since the last request.
    _operation(
        "apps_list_job_invocations", f"GET {_APP}/job-invocations", _READ, monitoring.list_invocations, writes=True
    ),
    _operation("apps_get_job_invocation", f"GET {_INVOCATION}", _READ, monitoring.get_invocation, writes=True),
    _operation("apps_cancel_job_invocation", f"POST {_INVOCATION}/cancel", _UPDATE, monitoring.cancel_invocation),
    _operation(
        "apps_get_job_invocation_logs",
        f"GET {_APP}/jobs/{{job_name}}/invocations/{{job_invocation_id}}/logs",
        _READ,
        monitoring.invocation_logs,
        writes=True,
    ),
    _operation(
        "apps_get_metrics_bandwidth_daily", f"GET {_APP}/metrics/bandwidth_daily", _READ, monitoring.app_bandwidth
    ),
)
"""The operations, in the order in which their paths are matched."""

FURTHER_OPERATIONS = (
    Operation("account_get", "GET", "/v2/account", "account:read", apps.get_account),
    _operation("detect", "POST /detect", _READ, apps.detect),
    _operation("list_buildpacks", "GET /buildpacks", _READ, apps.list_buildpacks),
    _operation("upgrade_buildpack", f"POST {_APP}/upgrade_buildpack", _UPDATE, apps.upgrade_buildpack),
    _operation(
        "database_connection_details", f"GET {_APP}/database_connection_details", _READ, components.connection_details
    ),
    _operation(
        "reset_database_password", f"POST {_APP}{_COMPONENT}/reset_password", _UPDATE, components.reset_password
    ),
    _operation(
        "toggle_database_trusted_source",
        f"POST {_APP}{_COMPONENT}/trusted_sources",
        _UPDATE,
        components.toggle_trusted_sources,
    ),
)
"""The operations that the description of App Platform lacks; they are matched first. Most scopes are undocumented."""

BY_ID = MappingProxyType({operation.id: operation for operation in (*FURTHER_OPERATIONS, *OPERATIONS)})
