"""What a plan costs: the platform's word, else list prices."""

from __future__ import annotations

import pytest

from reconciler.plan.canonical import canonical
from reconciler.plan.model import Cost, compared_cost, estimated_cost, unchanged_cost
from tests.plan.platform import app, service

PRICES = {
    "the default size": (app(), 5.0),
    "by instances": (app(services=[service(instance_count=3, instance_size_slug="apps-s-1vcpu-1gb")]), 36.0),
    "the fewest under autoscaling": (
        app(services=[service(autoscaling={"min_instance_count": 2, "max_instance_count": 9})]), 10.0),
    "autoscaling that does not say": (app(services=[service(autoscaling={})]), 5.0),
    "nothing for a size that is no text": (app(services=[service(instance_size_slug=["x"])]), None),
    "nothing for a count that is none": (app(services=[service(instance_count="many")]), None),
    "nothing for a count that nobody can have": (app(services=[service(instance_count=10**400)]), None),
    "nothing for a least count that is none": (
        app(services=[service(autoscaling={"min_instance_count": "abc"})]), None),
    "legacy sizes": (app(services=[service(instance_size_slug="basic-xs")]), 10.0),
    "workers, too": (app(workers=[{"name": "job", "instance_size_slug": "professional-xs"}]), 17.0),
    "not jobs, sites and functions": (
        app(jobs=[{"name": "job"}], static_sites=[{"name": "site"}], functions=[{"name": "fn"}]), 5.0),
    "a development database": (app(databases=[{"name": "db", "engine": "PG"}]), 12.0),
    "not a production database, which is paid elsewhere": (
        app(databases=[{"name": "db", "production": True, "cluster_name": "c"}]), 5.0),
    "nothing for a size without a price": (app(services=[service(instance_size_slug="apps-x")]), None),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "price"), PRICES.values(), ids=PRICES)
def test_list_prices(spec, price):
    assert estimated_cost(canonical(spec)) == price


def test_odd_forms_do_not_stop_a_plan():
    assert estimated_cost({"services": {"api": {"instance_count": 1, "autoscaling": 3}, "x": 3}, "workers": 7}) == 5.0


SMALL, LARGE, ODD = (
    canonical(app(services=[service(instance_size_slug=size)]))
    for size in ("apps-s-1vcpu-0.5gb", "apps-s-1vcpu-1gb", "apps-x")
)
COSTS = {
    "list prices where nobody says": (SMALL, LARGE, None, Cost(5.0, 12.0, estimated=True)),
    "the platform's word for what comes": (SMALL, LARGE, 13.0, Cost(6.0, 13.0)),
    "a price that only the platform knows is no change": (SMALL, SMALL, 20.0, Cost(20.0, 20.0)),
    "never less than nothing": (LARGE, SMALL, 0.0, Cost(7.0, 0.0)),
    "never a negative price": (SMALL, LARGE, 1.0, Cost(0.0, 1.0)),
    "a new app by list prices": (None, SMALL, None, Cost(0.0, 5.0, estimated=True)),
    "a new app by the platform's word": (None, SMALL, 6.0, Cost(0.0, 6.0)),
    "an unknown size before": (ODD, SMALL, 5.0, Cost(None, 5.0)),
    "an unknown size after, which the platform prices": (SMALL, ODD, 9.0, Cost(None, 9.0)),
    "cents": (SMALL, SMALL, 20.25, Cost(20.25, 20.25)),
    "fractions of a cent, which are no difference": (SMALL, SMALL, 20.254, Cost(20.25, 20.254)),
    "an unknown size after": (SMALL, ODD, None, Cost(5.0, None, estimated=True)),
}


@pytest.mark.parametrize(("live", "wanted", "proposed", "cost"), COSTS.values(), ids=COSTS)
def test_cost(live, wanted, proposed, cost):
    assert compared_cost(live, wanted, proposed) == cost


def test_an_app_that_stays_costs_what_it_costs():
    assert unchanged_cost(LARGE) == Cost(12.0, 12.0, estimated=True)
    assert unchanged_cost(LARGE).delta == 0
    assert unchanged_cost(ODD).delta is None
