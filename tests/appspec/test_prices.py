"""The table of regions and sizes agrees with the models, and with what the vendor's description says of sizes."""

from __future__ import annotations

from typing import get_args

from reconciler.appspec.kinds import DEFAULT_SIZE, REGIONS, SIZES, SizeSlug
from reconciler.appspec.models import REGIONS as VALID_REGIONS
from reconciler.appspec.shape import canonical_spelling


def test_the_table_has_the_sizes_and_regions_that_the_models_take() -> None:
    assert tuple(SIZES) == get_args(SizeSlug)
    assert set(REGIONS) == set(get_args(VALID_REGIONS))
    assert DEFAULT_SIZE in SIZES


def test_every_data_center_is_a_spelling_of_its_region() -> None:
    for region in REGIONS.values():
        assert {canonical_spelling("region", center) for center in region.data_centers} == {region.slug}


def test_only_dedicated_sizes_scale_and_the_smallest_shared_ones_have_one_instance() -> None:
    assert {slug for slug, size in SIZES.items() if size.scalable} == {slug for slug in SIZES if "-d-" in slug}
    offered = {slug for slug, size in SIZES.items() if size.single_instance_only and not size.legacy}
    assert offered == {"apps-s-1vcpu-0.5gb", "apps-s-1vcpu-1gb-fixed"}
    assert all(size.tier == "professional" for size in SIZES.values() if not size.single_instance_only)
