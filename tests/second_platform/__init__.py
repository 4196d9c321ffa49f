"""A second App Platform, independent of `reconciler.sandbox`, that misbehaves within its contract, and its scenarios.

It was written from the contract and from public records of the real service alone, imports nothing of the sandbox, and
needs the standard library only; `adapter.py` is the one module that knows `reconciler`, `transports.py` the one that
knows httpx. Everything happens on virtual time: a whole rollout takes some hundredths of a second.

    make second-platform                                    play every scenario, a line each; exit 1 if one fails
    python -m tests.second_platform 'theirs never comes'    play some, with everything that does not hold

How it is made up:

    model, state      apps, deployments, their fates; the platform's own rollback; what people do
    specs, rendering  what is refused, filled in, encrypted; the shape of answers
    mischief          as data: troubles (errors, lost answers), edits (missing, null fields), deeds (people meanwhile)
    routes            the operations; transports: in process for httpx, and served on the loopback interface
    scenario          what a scenario is; scenarios_*: the scenarios; play: plays one and says what does not hold

To add a scenario, add a `Scenario` to one of the `scenarios_*` modules:

    Scenario(
        "the rollback's answer is lost",                          # a name that says what happens
        "C43",                                                    # cases of the catalogue
        runs(ours(), stalled()),                                  # how each run must end, ten minutes apart
        running=(Running("update 1.27", ((5, "UNHEALTHY"),)),),   # what goes wrong in the app
        troubles=(Trouble("rollback", how="drop", effect=True),), # and in the platform's answers
    )

`expect` spells out an ending: outcome, exit code, pinned or not, what serves, how many requests of each write, words
that must and must not be said; a write that is not named must not be sent. What always holds is checked in each: a pin
is said, neither the token nor a secret is shown or sent elsewhere, plans write nothing, no run hangs or falls silent.

What must hold and does not hold yet is in `awaited.py`; it stays a scenario with its right expectation, and once it
holds it must leave that list.
"""
