"""All 38 operations of the platform, by the ids of the vendor's API description, with the token scope each needs."""

from __future__ import annotations

from types import MappingProxyType

from reconciler.sandbox.api import apps as ops_apps
from reconciler.sandbox.api import deployments as ops_deployments
from reconciler.sandbox.api import logs as ops_logs
from reconciler.sandbox.api import monitoring as ops_more
from reconciler.sandbox.http.request import Operation

APPS = "/v2/apps"
APP = "/v2/apps/{app_id}"
_DEPLOYMENT = APP + "/deployments/{deployment_id}"
_INVOCATION = APP + "/job-invocations/{job_invocation_id}"
_READ, _CREATE, _UPDATE, _DELETE, _CONSOLE = (
    "app:read",
    "app:create",
    "app:update",
    "app:delete",
    "app:access_console",
)

# Order matters: fixed paths come before those with an id in the same place.
OPERATIONS = (
    Operation("apps_list", "GET", APPS, _READ, ops_apps.list_apps),
    Operation("apps_create", "POST", APPS, _CREATE, ops_apps.create_app, writes=True),
    Operation("apps_validate_appSpec", "POST", APPS + "/propose", _READ, ops_apps.propose),
    Operation("apps_list_regions", "GET", APPS + "/regions", _READ, ops_apps.list_regions),
    Operation("apps_list_instanceSizes", "GET", APPS + "/tiers/instance_sizes", _READ, ops_apps.list_sizes),
    Operation("apps_get_instanceSize", "GET", APPS + "/tiers/instance_sizes/{slug}", _READ, ops_apps.get_size),
    Operation(
        "apps_list_metrics_bandwidth_daily", "POST", APPS + "/metrics/bandwidth_daily", _READ, ops_more.all_bandwidth
    ),
    Operation("apps_get", "GET", APPS + "/{id}", _READ, ops_apps.get_app),
    Operation("apps_update", "PUT", APPS + "/{id}", _UPDATE, ops_apps.update_app, writes=True),
    Operation("apps_delete", "DELETE", APPS + "/{id}", _DELETE, ops_apps.delete_app, writes=True),
    Operation("apps_restart", "POST", APP + "/restart", _UPDATE, ops_deployments.restart, writes=True),
    Operation("apps_get_instances", "GET", APP + "/instances", _READ, ops_more.list_instances),
    Operation("apps_get_health", "GET", APP + "/health", _READ, ops_deployments.get_health),
    Operation("apps_list_deployments", "GET", APP + "/deployments", _READ, ops_deployments.list_deployments),
    Operation(
        "apps_create_deployment", "POST", APP + "/deployments", _UPDATE, ops_deployments.create_deployment, writes=True
    ),
    Operation("apps_get_deployment", "GET", _DEPLOYMENT, _READ, ops_deployments.get_deployment),
    Operation(
        "apps_cancel_deployment",
        "POST",
        _DEPLOYMENT + "/cancel",
        _UPDATE,
        ops_deployments.cancel_deployment,
        writes=True,
    ),
    Operation("apps_validate_rollback", "POST", APP + "/rollback/validate", _UPDATE, ops_deployments.validate_rollback),
    Operation("apps_create_rollback", "POST", APP + "/rollback", _UPDATE, ops_deployments.create_rollback, writes=True),
    Operation(
        "apps_commit_rollback", "POST", APP + "/rollback/commit", _UPDATE, ops_deployments.commit_rollback, writes=True
    ),
    Operation(
        "apps_revert_rollback", "POST", APP + "/rollback/revert", _UPDATE, ops_deployments.revert_rollback, writes=True
    ),
    Operation("apps_get_logs_active_deployment_aggregate", "GET", APP + "/logs", _READ, ops_logs.app_logs),
    Operation(
        "apps_get_logs_active_deployment", "GET", APP + "/components/{component_name}/logs", _READ, ops_logs.app_logs
    ),
    Operation("apps_get_logs_aggregate", "GET", _DEPLOYMENT + "/logs", _READ, ops_logs.deployment_logs),
    Operation(
        "apps_get_logs", "GET", _DEPLOYMENT + "/components/{component_name}/logs", _READ, ops_logs.deployment_logs
    ),
    Operation(
        "apps_get_exec_active_deployment", "GET", APP + "/components/{component_name}/exec", _CONSOLE, ops_logs.app_exec
    ),
    Operation(
        "apps_get_exec", "GET", _DEPLOYMENT + "/components/{component_name}/exec", _CONSOLE, ops_logs.deployment_exec
    ),
    Operation("apps_list_alerts", "GET", APP + "/alerts", _READ, ops_more.list_alerts),
    Operation(
        "apps_assign_alertDestinations",
        "POST",
        APP + "/alerts/{alert_id}/destinations",
        _UPDATE,
        ops_more.assign_destinations,
        writes=True,
    ),
    Operation("apps_list_events", "GET", APP + "/events", _READ, ops_more.list_events),
    Operation("apps_get_event", "GET", APP + "/events/{event_id}", _READ, ops_more.get_event),
    Operation(
        "apps_cancel_event", "POST", APP + "/events/{event_id}/cancel", _UPDATE, ops_more.cancel_event, writes=True
    ),
    Operation("apps_get_event_logs", "GET", APP + "/events/{event_id}/logs", _READ, ops_more.event_logs),
    # Reading job invocations writes down those that were due since somebody last asked.
    Operation(
        "apps_list_job_invocations", "GET", APP + "/job-invocations", _READ, ops_more.list_invocations, writes=True
    ),
    Operation("apps_get_job_invocation", "GET", _INVOCATION, _READ, ops_more.get_invocation, writes=True),
    Operation(
        "apps_cancel_job_invocation", "POST", _INVOCATION + "/cancel", _UPDATE, ops_more.cancel_invocation, writes=True
    ),
    Operation(
        "apps_get_job_invocation_logs",
        "GET",
        APP + "/jobs/{job_name}/invocations/{job_invocation_id}/logs",
        _READ,
        ops_more.invocation_logs,
        writes=True,
    ),
    Operation(
        "apps_get_metrics_bandwidth_daily", "GET", APP + "/metrics/bandwidth_daily", _READ, ops_more.app_bandwidth
    ),
)
"""The operations, in the order in which their paths are tried."""

BY_ID = MappingProxyType({operation.id: operation for operation in OPERATIONS})
