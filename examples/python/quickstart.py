"""The Python API: `trueup plan`, `apply` and `drift` as calls that return values.

python examples/python/quickstart.py
"""

from pathlib import Path

import trueup

MANIFESTS = Path(__file__).parents[1] / "quickstart"


def main() -> None:
    """Apply the quickstart to the sandbox, and check it for drift."""
    desired = trueup.load(MANIFESTS)  # raises ManifestError, which holds every fault with its place
    options = trueup.Options(parallelism=2)

    found = trueup.plan(desired, options)
    print(f"{found.declared} declared, {len(found.pending)} to be changed, at {found.cost.requests} requests.")
    for step in found.steps:
        print(f"  {step.action:<8} {step.address}")

    report = trueup.apply(desired, options)
    for outcome in report.outcomes:
        print(f"  {outcome.result:<8} {outcome.address}: {', '.join(outcome.made)}")

    after = trueup.drift(desired, options)
    print("Drifted." if after.has_drift else f"In sync: {after.unchanged} of {after.declared}.")


if __name__ == "__main__":
    main()
