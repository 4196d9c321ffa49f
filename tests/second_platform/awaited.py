"""What must hold and does not hold yet, by what is missing. A name leaves this list as soon as its scenario passes."""

AWAITED: dict[str, tuple[str, ...]] = {}
