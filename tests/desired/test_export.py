"""`reconcile import`: a live spec as YAML that means the same when it is read back."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from hypothesis import example, given, settings

from reconciler.desired.export import export_spec
from reconciler.yamltext.write import is_plain, literal, scalar
from tests.support.any_specs import MISREAD, specs, text
from tests.support.read_back import app, paths

LIVE = {
    "services": [
        {
            "http_port": 8080,
            "envs": [
                {"value": "on", "key": "DEBUG", "scope": "RUN_AND_BUILD_TIME", "type": "GENERAL"},
                {"key": "EMPTY", "value": ""},
                {"type": "SECRET", "key": "KEY", "value": "EV[1:abcd:cipher]", "scope": "RUN_TIME"},
                {"key": "SCRIPT", "value": "one\ntwo\n"},
            ],
            "image": {"registry_type": "DOCR", "repository": "api", "tag": "1.10"},
            "instance_count": 1,
            "name": "api",
            "x-new": {"field": [1, "2"]},
        }
    ],
    "ingress": {"rules": [{"component": {"name": "api"}, "match": {"path": {"prefix": "/"}}}]},
    "vpc": {"id": "2f1b", "egress_ips": [{"ip": "10.0.0.1"}]},
    "region": "fra",
    "name": "shop",
}


def test_a_live_spec_is_written_as_people_would_write_it() -> None:
    assert export_spec(LIVE) == textwrap.dedent("""\
        name: shop
        region: fra
        services:
          - name: api
            image:
              registry_type: DOCR
              repository: api
              tag: "1.10"
            envs:
              - key: DEBUG
                value: "on"
              - key: EMPTY
                value: ""
              - key: KEY
                # secret, encrypted for this app: useless in any other
                value: EV[1:abcd:cipher]
                scope: RUN_TIME
                type: SECRET
              - key: SCRIPT
                value: |
                  one
                  two
            x-new:
              field:
                - 1
                - "2"
        ingress:
          rules:
            - match:
                path:
                  prefix: /
              component:
                name: api
        vpc:
          id: 2f1b
        """)


def test_a_plaintext_secret_is_never_written() -> None:
    live = {
        "name": "shop",
        "services": [
            {
                "name": "api",
                "envs": [
                    {"key": "A", "type": "SECRET", "value": "sk-very-secret"},
                    {"key": "B", "type": "SECRET", "value": "${db.PASSWORD}"},
                ],
                "image": {"registry_type": "GHCR", "repository": "x/y", "registry_credentials": "user:very-secret"},
            }
        ],
    }
    out = export_spec(live)
    assert "very-secret" not in out
    assert "value: ${db.PASSWORD}" in out
    assert paths(app(out).spec, live) == []


def test_what_means_something_else_when_left_out_stays() -> None:
    live = {
        "name": "shop",
        "ingress": {},
        "services": [
            {"name": "api", "liveness_health_check": {"period_seconds": 10}, "health_check": {"period_seconds": 10}}
        ],
    }
    out = export_spec(live)
    assert "ingress: {}" in out
    assert "liveness_health_check: {}" in out
    assert "\n    health_check" not in out
    assert paths(app(out).spec, live) == []


@settings(max_examples=100, deadline=None)
@given(specs)
def test_what_is_exported_reads_back_as_it_was(spec: dict) -> None:
    assert paths(app(export_spec(spec)).spec, spec) == []


@pytest.mark.parametrize("value", MISREAD)
def test_text_that_some_reader_misreads_stays_the_text_it_is(value: str) -> None:
    for written in (
        f"v: {scalar(value)}\n",
        f"v: [{scalar(value, flow=True)}]\n",
        f"v: {scalar(value, quote=chr(39))}\n",
    ):
        for loader in (yaml.CSafeLoader, yaml.SafeLoader):
            read = yaml.load(written, loader)["v"]
            assert (read[0] if isinstance(read, list) else read) == value


@settings(deadline=None)
@given(text)
@example("a\n")
def test_a_literal_block_holds_what_it_is_given_or_nothing(value: str) -> None:
    block = literal(value, 2)
    if block is not None:
        assert yaml.safe_load(f"v: {block}\n") == {"v": value}


@settings(deadline=None)
@given(text)
def test_what_counts_as_plain_is_text_to_every_reader(value: str) -> None:
    from ruamel.yaml import YAML

    if is_plain(value):
        for version in ((1, 1), (1, 2)):
            reader = YAML(typ="safe", pure=True)
            reader.version = version
            assert reader.load(f"{value}") == value
