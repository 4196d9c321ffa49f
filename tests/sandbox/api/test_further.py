"""What the vendor's clients call beyond the API description: detection, buildpacks, databases."""

from __future__ import annotations

from tests.sandbox.lab import Lab, built, web

DATABASES = [
    {"name": "db", "engine": "PG"},
    {"name": "big", "engine": "MYSQL", "production": True, "cluster_name": "main"},
]


def test_nothing_is_detected(lab: Lab) -> None:
    body = {"git": {"repo_clone_url": "https://example.com/a.git"}, "source_dir": "/"}
    assert lab.post("/v2/apps/detect", body) == {"components": []}
    lab.refused("POST", "/v2/apps/detect", 400, {})
    lab.refused("POST", "/v2/apps/detect", 400, body | {"github": {"repo": "a/b"}})


def test_buildpacks_are_listed_and_upgraded(lab: Lab) -> None:
    (name, *_) = [item["id"] for item in lab.get("/v2/apps/buildpacks")["buildpacks"]]
    app = lab.create(built(workers=[{"name": "bg", "image": {"repository": "x"}}]))
    path = f"/v2/apps/{app['id']}/upgrade_buildpack"
    body = {"buildpack_id": name, "major_version": 2}
    assert lab.post(path, body) == {"affected_components": ["api"]}
    made = lab.post(path, body | {"trigger_deployment": True})["deployment"]
    assert lab.app(app["id"])["pending_deployment"]["id"] == made["id"]
    lab.refused("POST", path, 400, body | {"buildpack_id": "digitalocean/cobol"})
    images = lab.create(web("images"))
    upgraded = lab.post(f"/v2/apps/{images['id']}/upgrade_buildpack", body | {"trigger_deployment": True})
    assert upgraded == {"affected_components": []}


def test_a_dev_database_has_connection_details_and_a_password_to_reset(lab: Lab) -> None:
    app = lab.create(web(databases=DATABASES))
    path = f"/v2/apps/{app['id']}/database_connection_details"
    (found,) = lab.get(path)["connection_details"]
    assert (found["component_name"], found["port"], found["host"].endswith(".invalid")) == ("db", 25060, True)
    assert found["password"] in found["database_url"]
    assert lab.get(path)["connection_details"] == [found]
    made = lab.post(f"/v2/apps/{app['id']}/components/db/reset_password")["deployment"]
    assert lab.app(app["id"])["pending_deployment"]["id"] == made["id"]
    (after,) = lab.get(path)["connection_details"]
    assert after["password"] != found["password"]
    for name in ("big", "api"):
        lab.refused("POST", f"/v2/apps/{app['id']}/components/{name}/reset_password", 404)


def test_trusted_sources_are_toggled_on_dev_databases(lab: Lab) -> None:
    app = lab.create(web(databases=DATABASES))
    path = f"/v2/apps/{app['id']}/components/db/trusted_sources"
    assert lab.post(path, {"enable": True}) == {"is_enabled": True}
    assert lab.post(path, {"enable": False}) == {"is_enabled": False}
    lab.refused("POST", path, 400, {"enable": "yes"})
    lab.refused("POST", path.replace("/db/", "/big/"), 404, {"enable": True})
