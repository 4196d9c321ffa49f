"""The pipeline that a run is part of, by the variables of GitHub and GitLab, in OpenTelemetry's words.

Names: OpenTelemetry semantic conventions for CI/CD, VCS and deployments, https://opentelemetry.io/docs/specs/semconv/.
Variables: GitHub's "Default environment variables" and GitLab's "Predefined CI/CD variables reference".
"""

from __future__ import annotations

from collections.abc import Mapping

GITHUB = {
    "cicd.pipeline.name": "{GITHUB_WORKFLOW}",
    "cicd.pipeline.run.id": "{GITHUB_RUN_ID}",
    "cicd.pipeline.run.url.full": "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    "vcs.repository.url.full": "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}",
    "vcs.ref.head.name": "{GITHUB_REF_NAME}",
    "vcs.ref.head.revision": "{GITHUB_SHA}",
    "vcs.provider.name": "github",
}
GITLAB = {
    "cicd.pipeline.name": "{CI_PIPELINE_NAME}",
    "cicd.pipeline.run.id": "{CI_PIPELINE_ID}",
    "cicd.pipeline.run.url.full": "{CI_PIPELINE_URL}",
    "vcs.repository.url.full": "{CI_PROJECT_URL}",
    "vcs.ref.head.name": "{CI_COMMIT_REF_NAME}",
    "vcs.ref.head.revision": "{CI_COMMIT_SHA}",
    "vcs.provider.name": "gitlab",
}


def pipeline_attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """The attributes of the pipeline; those whose variables are not set are left out."""
    if environ.get("GITHUB_ACTIONS") == "true":
        names = GITHUB
    elif environ.get("GITLAB_CI") == "true":
        names = GITLAB
    else:
        return {}
    given = {name: value for name, value in environ.items() if value}
    found: dict[str, str] = {}
    for name, pattern in names.items():
        try:
            found[name] = pattern.format_map(given)
        except KeyError:
            continue
    return found
