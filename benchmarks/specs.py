"""Specs of the size that people write: some sixty lines, a service, a worker, a job, a database, ingress."""

from typing import Any


def _source(number: int) -> dict[str, Any]:
    return {"repo": f"example-org/app-{number}", "branch": "main", "deploy_on_push": True}


def spec(number: int) -> tuple[str, dict[str, Any]]:
    """The name and the spec of one app of the fleet."""
    name = f"fleet-{number:04d}"
    envs = [
        {"key": "DATABASE_URL", "scope": "RUN_TIME", "value": "${db.DATABASE_URL}"},
        {"key": "LOG_LEVEL", "value": "info"},
        {"key": "FEATURES", "value": f"one,two,{number}"},
        {"key": "SESSION_KEY", "scope": "RUN_TIME", "type": "SECRET"},
    ]
    web = {
        "name": "web",
        "github": _source(number),
        "environment_slug": "python",
        "run_command": "gunicorn app:main",
        "http_port": 8000,
        "instance_size_slug": "apps-s-1vcpu-1gb",
        "instance_count": 2,
        "health_check": {"http_path": "/healthz", "initial_delay_seconds": 10},
        "envs": envs,
        "alerts": [{"rule": "CPU_UTILIZATION", "operator": "GREATER_THAN", "value": 80, "window": "FIVE_MINUTES"}],
    }
    worker = {"name": "queue", "github": _source(number), "run_command": "worker", "instance_count": 1, "envs": envs}
    job = {
        "name": "migrate",
        "kind": "PRE_DEPLOY",
        "github": _source(number),
        "run_command": "migrate",
        "envs": envs[:1],
    }
    rule = {"match": {"path": {"prefix": "/"}}, "component": {"name": "web"}}
    document = {
        "name": name,
        "region": "fra",
        "services": [web],
        "workers": [worker],
        "jobs": [job],
        "databases": [{"name": "db", "engine": "PG", "version": "16"}],
        "ingress": {"rules": [rule]},
        "alerts": [{"rule": "DEPLOYMENT_FAILED"}],
    }
    return name, document
