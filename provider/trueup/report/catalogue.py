"""The words of trueup's own reasons, by code; those of a system are in `System.reasons`.

`docs/errors.md` is made from it by `script/generate`.
"""

from __future__ import annotations

from typing import Final

from trueup.core.reasons import Wording

_PART: Final = "None is needed: it is a part of another reason."
_ID: Final = "Give the id of one."
_LEDGER: Final = "Set TRUEUP_LEDGER"
_STOPPED: Final = "Run again when no other run is in progress."

WORDS: Final = {
    # Which live resource a declared one is
    "address-ambiguous": Wording("the ledger has several live resources for this address: {ids}.", _ID),
    "name-ambiguous": Wording("{count} live resources have this name: {ids}.", "Give the id of one."),
    "former-name-ambiguous": Wording("the ledger has several live resources with its former name: {ids}.", _ID),
    "name-of-another": Wording(
        "its name belongs to {id}, which is {owner} in the ledger. {why}", advice="Choose another name."
    ),
    "former-of-another": Wording(
        "the former {name} ({id}) is {owner} in the ledger. {why}", advice="Correct the annotation, or remove it."
    ),
    "owner-left-out": Wording("That is declared as well, but outside this run: include it.", advice="Include it."),
    "owner-refused": Wording("That is declared as well, and is refused.", advice="See why that is refused."),
    "rename-half-done": Wording(
        "the ledger has it as {id}, but its annotation says that it was {name} ({former}).",
        "Declare the other resource with its new name in the same run, or remove an annotation that was applied.",
    ),
    "rename-claimed-twice": Wording(
        "{other} also says that it was {name}. Only one can be right.", advice="Remove one of the annotations."
    ),
    "rename-rival": Wording(
        "the ledger has it as {id}, but {other} says by its annotation that it was this resource.",
        "Give the new resource another metadata.name, or remove the annotation.",
    ),
    "rename-left-out": Wording(
        "{other}, which is outside this run, says that it was {name} ({id}): include it.",
        advice="Include it.",
    ),
    "renamed-and-declared": Wording(
        "its annotation says that it was {rival}, which is declared as well.",
        advice="Remove the annotation, or the document with the former name.",
    ),
    "declared-twice": Wording("{id} is declared twice: here and as {other}.", "Remove one of the two."),
    "same-declared": Wording("{other} declares the same {kind}.", "Remove one of the two."),
    "moved-and-declared": Wording("{why} {other} declares it already: remove one of the two.", advice="Remove one."),
    "near": Wording("Near: {names}.", advice=_PART),
    # Fields that are not compared or not sent
    "not-shown": Wording(
        "the server does not return it, or not in the expected form: it cannot be compared",
        advice="Check it in the web interface of the system.",
    ),
    "unreadable": Wording("cannot be read back", advice=_PART),
    "reads-back-otherwise": Wording("reads back differently", advice=_PART),
    "sent-on": Wording("sent on {day}, unchanged since", advice=_PART),
    "sent-before": Wording("sent before, unchanged since", advice=_PART),
    "not-read-back": Wording(
        "cannot be read back; {sent}", advice="None is needed; send it again if it may have been changed."
    ),
    "settling": Wording("{why}; {sent}", advice="Wait, and run again."),
    "reports-failure": Wording(
        "{why}; {sent}. {option[resend]} sends it again", advice="Find the cause in the system."
    ),
    "not-sent-without-ledger": Wording(
        "{why}; without a ledger it is sent only with {option[resend]}", advice="Use a ledger, or send it again."
    ),
    "sent-again": Wording("sent again on request", advice="None is needed: it was asked for."),
    "never-sent": Wording("{why}; not sent from this ledger yet", advice="None is needed: an apply sends it once."),
    "parent-not-read": Wording("{why}.", advice="See the reason that it gives."),
    "need-not-read": Wording("{need} could not be read", advice="See why that could not be read."),
    "hidden": Wording(
        "the ledger has it as {id}, which this credential cannot see: use one of an organisation admin, or have access "
        "granted",
        advice="Use a credential of an organisation admin, or have access granted.",
    ),
    "parent-not-found": Wording(
        "{id} does not exist, or is not visible with this credential",
        advice="Correct the id, or use another credential.",
    ),
    "parent-forbidden": Wording(
        "this credential may not read {id}: {said}", advice="Have access granted, or use another credential."
    ),
    # Steps that are refused
    "none-to-adopt": Wording(
        "there is no {kind} {id} to adopt, or this credential may not see it.",
        advice="Correct the id, omit it to create a resource, or use another credential.",
    ),
    "fields-cannot-change": Wording(
        "{fields: and } of a {kind} cannot be changed.", "Declare a new resource, or restore the value."
    ),
    "need-refused": Wording("it depends on {need}, which cannot be applied.", advice="See why that is refused."),
    "too-deep": Wording(
        "the live or declared value is nested too deeply to be compared.", advice="Reduce the nesting."
    ),
    "protected-from-replacement": Wording(
        "it would have to be replaced, and its annotation trueup.dev/protect refuses that.",
        advice="Declare the live value, or remove the annotation.",
    ),
    "protected-from-removal": Wording(
        "the annotation trueup.dev/protect of its manifest refuses its removal.",
        advice="Declare it again without the annotation, apply that, and remove it then.",
    ),
    "disconnect-not-allowed": Wording(
        "disconnecting an account deletes all of its instances, and requires {option[allow-disconnect]}.",
        advice="Allow it for this run if it is intended.",
    ),
    "takes-an-admin": Wording(
        "{verb} requires an organisation admin, and this credential belongs to a {role}.",
        advice="Use a credential of an organisation admin.",
    ),
    "removal-unsettled": Wording(
        "nothing is removed here ({verb}) until {other}, which is declared as well, is resolved.",
        advice="Resolve the other one first.",
    ),
    "children-not-read": Wording(
        "its instances, which would be deleted, could not be read.", advice="Use a credential that may read them."
    ),
    "declared-below": Wording(
        "{names} {names:is|are} declared and would be deleted with it.",
        advice="Remove its declared children as well, or declare it again.",
    ),
    "holder-is-refused": Wording("that is {holder}, which is refused", advice="See why that is refused."),
    "holder-keeps-it": Wording("that is {holder}, which keeps it", advice="Choose another name, or rename that first."),
    "holder-is-archived-now": Wording(
        "that is {holder}, and what is archived keeps its name", advice="Choose another name, or rename that first."
    ),
    "holder-is-archived": Wording(
        "that is {holder}, and what is archived keeps its name; rename or remove it by hand, or choose another name",
        advice="Rename or remove that by hand, or choose another name.",
    ),
    "holder-is-no-longer-declared": Wording(
        "that is {holder}, which is no longer declared but still there; rename or remove it by hand, or choose another "
        "name",
        advice="Rename or remove that by hand, or choose another name.",
    ),
    "holder-is-of-a-set": Wording(
        'that is {holder} of the set "{stack}"; rename it there, or choose another name',
        advice="Rename it in that set, or choose another name.",
    ),
    "holder-is-not-managed": Wording(
        "it is not managed here, and is not overwritten; rename or remove it by hand, choose another name, or set "
        "id: {id} to manage it instead",
        advice="Rename or remove that by hand, choose another name, or set its id.",
    ),
    "holder-by-the-ledger-is-refused": Wording(
        "that is {holder} in the ledger, which is refused", advice="See why that is refused."
    ),
    "holder-was-another": Wording(
        "that was {holder}, which is another one now; rename or remove it by hand, or choose another name",
        advice="Rename or remove that by hand, or choose another name.",
    ),
    "holder-is-left-out": Wording(
        "that is {holder} in the ledger, which is outside this run; include it, or rename it first",
        advice="Include it in the run, or rename it first.",
    ),
    "name-taken": Wording('its name "{name}" is taken by {id}: {why}.', advice="Choose another name, or as it says."),
    "holder-refused": Wording(
        "its name is that of {holder}, which is refused.", advice="See why that is refused, or choose another name."
    ),
    "names-exchanged": Wording("{names} exchange names while they are replaced.", "Change one at a time."),
    # Sets of manifests
    "managed-by-another-set": Wording(
        'it is managed by the set "{theirs}" ({address}), and this run is of the set "{ours}".',
        "Remove it from one, or move it here: {option[take-from]} {theirs}.",
    ),
    "managed-by-a-set": Wording(
        'it is managed by the set "{theirs}" ({address}), and this run has no set.',
        "Run it in that set ({option[stack]} {theirs}, or {option[file]} its folder), or take the resource out of it: "
        "{option[take-from]} {theirs}.",
        remedies={
            "python": "Run it in that set (stack={theirs}), or take the resource out of it: take_from={theirs}.",
        },
    ),
    "below-another-set": Wording(
        'its parent is managed by the set "{stack}".', advice="Change or remove it in that set."
    ),
    "kept-by-another-set": Wording('it is managed by the set "{stack}".', advice="Remove it in that set."),
    "deletes-of-another-set": Wording(
        "it would also delete {lost:3}.", advice="Remove those in their set first, or keep this."
    ),
    "of-the-set": Wording('{address} of the set "{stack}"', advice=_PART),
    "nothing-moved": Wording(
        'no resource is moved from the set "{source}" ({option[take-from]})',
        advice="Check the name of the set, and the manifests.",
    ),
    "moved-between-sets": Wording(
        'trueup apply moves {count:resource} from the set "{source}" to the set "{target}"', advice="None is needed."
    ),
    "moved-out-of-a-set": Wording(
        'trueup apply moves {count:resource} from the set "{source}" to no set', advice="None is needed."
    ),
    # Resources that are no longer declared
    "retained": Wording("it is retained", advice="Remove it by hand if it is not needed."),
    "policy-retain": Wording(
        "its deletionPolicy is retain", advice="Remove it by hand, or declare it with another deletionPolicy first."
    ),
    "kept-with-its-parent": Wording("it is kept with its parent", advice="Remove it by hand if it is not needed."),
    "ended-already": Wording("it has ended already", advice="None is needed."),
    "no-longer-declared": Wording("no longer declared", advice="Declare it again to keep it."),
    "not-in-exclusive-list": Wording(
        "not declared, and access of {parent} is exclusive", advice="Declare it there to keep it."
    ),
    # Limits and refusals of a whole plan
    "too-many-removals": Wording(
        "{count:,} of the {owned:,} managed resources ({share} %) would be removed, and {limit} % are allowed "
        "({option[max-delete-percent]}): {names:1000}.",
        advice="Check that no manifest is missing; then raise the limit for this run.",
    ),
    "too-many-changes": Wording(
        "{count:,} steps would be made, and {limit:,} are allowed ({option[max-changes]}): {names:1000}.",
        advice="Check the plan; then raise the limit for this run.",
    ),
    "manifests-missing": Wording(
        "{count:resource} would be removed or released as no longer declared, while manifests may be missing: "
        "{unseen:10}. Make them readable, or pass the manifests to read with {option[file]}: {names:1000}.",
        advice="Make the files readable, or pass those to read.",
    ),
    # Notes and warnings of a plan
    "ledger-off": Wording(
        "no ledger (TRUEUP_LEDGER=off): nothing is pruned, locked or recovered, and write-only values are sent only "
        "with {option[resend]}",
        advice=f"{_LEDGER} to a location to use a ledger.",
    ),
    "no-ledger-yet": Wording(
        "no ledger yet: no resource counts as managed, and write-only values count as never sent",
        advice="None is needed: the first apply creates it.",
    ),
    "managed-not-seen": Wording(
        "{count:,} of the managed resources cannot be seen with this credential, and may exist",
        advice="Use a credential of an admin, or have access granted.",
    ),
    "role-not-known": Wording(
        "the role of this credential in its {tenant} ({roles}) is unknown, and {system} may refuse steps that require "
        "an admin",
        advice="None is needed unless the server refuses; then use a credential of an admin.",
    ),
    "near-declared-name": Wording(
        "{address} has nearly the name of {other}, which is declared as well: if {system}'s database ignores accents "
        "and width like case, the name is taken",
        advice="Choose another name if the server refuses it.",
    ),
    "near-live-name": Wording(
        "{address} has nearly the name of {other} ({id}): if {system}'s database ignores accents and width like case, "
        "the name is taken",
        advice="Choose another name if the server refuses it.",
    ),
    "nothing-declared-there": Wording(
        "nothing is declared for {connection}, so {option[prune]} removes nothing there; managed resources that are "
        "kept: {count:,}",
        advice="Remove the last resources by hand, or declare one.",
    ),
    # What becomes of steps while they are applied
    "need-not-made": Wording(
        "it depends on {need}, which was not applied.", advice="See why that failed, and apply again."
    ),
    "name-not-given-up": Wording(
        "it takes the name of {other}, which did not release it. {called}",
        advice="See why that failed, and apply again.",
    ),
    "called-until-the-next-apply": Wording('Its name is "{name}" until the next apply.', advice="Apply again."),
    "nothing-removed-after-a-failure": Wording(
        "nothing is removed after a failed step.", advice="Fix the failure, and apply again."
    ),
    "stopped-at-the-first-failure": Wording(
        "an earlier step failed, and {option[fail-fast]} is set.", advice="Fix the failure, and apply again."
    ),
    "stopped-before-verification": Wording(
        "stopped before the changes were verified", advice="Check for drift, or apply again."
    ),
    "not-verified": Wording("{error}", "{remedy}", advice="Check for drift, or apply again."),
    "not-verified-by-a-bug": Wording(
        "error[E999]: unexpected {error}; this is a bug in trueup.", advice="Report it, and check for drift."
    ),
    "not-recorded": Wording("{error}", advice="Fix the ledger, and apply again: the run reads what was done."),
    # Runs and locks
    "run-in-progress": Wording("Run {run} ({holder}, started {since}) is in progress.", advice="Wait until it ends."),
    "waits-for-run": Wording(
        "Waiting for run {run} ({holder}, since {since}) to finish.", advice="None is needed, or stop that run."
    ),
    "run-interrupted": Wording(
        "Run {run}{who} was interrupted with {calls:call} open: {effects}.",
        advice="None is needed: the plan takes the result into account.",
    ),
    "run-ended": Wording(
        "Run {run}{who} ended {ended} with {calls:call} open: {effects}.",
        advice="None is needed: the plan takes the result into account.",
    ),
    "calls-had-taken-effect": Wording("{count:,} had taken effect", advice=_PART),
    "calls-had-not": Wording("{count:,} had not", advice=_PART),
    "calls-not-read-back": Wording("{count:,} cannot be read back", advice=_PART),
    "calls-not-looked-at": Wording("{count:,} were not checked", advice=_PART),
    "reading-children": Wording(
        "Reading {what} of {count:,} {parents}: {requests:,} requests{waits}.", advice="None is needed."
    ),
    "window-waits": Wording(", with {count:wait} of {seconds:.0f} s for the request window", advice=_PART),
    "lock-lost": Wording(
        "The lock was lost to another run, or removed by hand: nothing more is sent.", advice=_STOPPED
    ),
    "lock-unconfirmed": Wording(
        "The lock could not be confirmed within its term: nothing more is sent.",
        advice="Check that the ledger can be reached, and run again.",
    ),
    "lock-asked-for": Wording("{by} asked for the lock with trueup unlock: nothing more is sent.", advice=_STOPPED),
    "lock-released": Wording("The lock was released: nothing more is sent.", advice=_STOPPED),
    "no-lock": Wording("No lock was taken for this write, so it was not sent.", advice="Report it: this is a bug."),
    "wait-for-the-lock": Wording(
        "another run holds the lock of the same organisation or project",
        "Wait for it with {option[lock-timeout]}. The lock of a killed run expires {term} s after its last heartbeat. "
        "To ask a run in progress to stop: trueup unlock {run}",
        remedies={
            "pulumi": "Run pulumi up again when that run has ended. The lock of a killed run expires {term} s after "
            "its last heartbeat. To ask a run in progress to stop: trueup unlock {run}",
        },
    ),
    "ledger-upgraded": Wording(
        "The ledger {ledger} is now of version {version}. A copy of version {former} {copy}.",
        advice="Keep the copy until no older trueup uses this ledger.",
    ),
    "copy-in-file": Wording("is {file}", advice=_PART),
    "copy-in-tables": Wording("is in tables that end in {suffix}", advice=_PART),
    # A run that cannot start as it was asked for
    "prune-without-ledger": Wording(
        "{option[prune]} removes only managed resources of the ledger, and there is no ledger.",
        "Set TRUEUP_LEDGER, or apply once without {option[prune]}.",
    ),
    "prune-narrowed": Wording(
        "a run that is limited by {option[target]} or {option[label]} removes nothing.",
        "Omit {option[prune]}, or run it without a limit.",
    ),
    "prune-everything": Wording(
        "nothing is declared here, and {option[prune]} would remove every managed resource.",
        "Nothing was sent. Check the folder. The last resource has to be removed by hand.",
    ),
    "max-requests-alone": Wording(
        "{option[max-requests]} requires {option[max-age]}.", "Set the age up to which the ledger is used, such as 24h."
    ),
    "max-age-without-ledger": Wording(
        "{option[max-age]} uses recent readings of the ledger, and there is no ledger.",
        "Set TRUEUP_LEDGER, or omit {option[max-age]}.",
    ),
    "connection-would-join-them": Wording(
        "resources are declared for two connections, and the run is for one",
        "They are declared for that connection and for another one; {option[connection]} would make one of both.",
    ),
    "run-again-later": Wording(
        "a server stopped responding",
        "Once it responds, run the same command again. {option[retry-for]} (TRUEUP_RETRY_FOR) waits longer.",
        remedies={
            "pulumi": "Once it responds, run the same command again. TRUEUP_RETRY_FOR waits longer.",
            "python": "Once it responds, run it again. {option[retry-for]} waits longer.",
        },
    ),
    "as-saved": Wording("{text}", advice="See the words: an older trueup saved them in a plan."),
    "plan-without-key": Wording(
        "the saved plan cannot be used: there is no key to tell whether it was edited, since its ledger is not here "
        "({option[state]} DIR).",
        advice="Name the folder of the ledger, or set TRUEUP_FINGERPRINT_KEY.",
    ),
    "plan-stale": Wording(
        "the plan is stale. These have changed since it was made: {changed:50}.", "Nothing was sent. Make a new plan."
    ),
    "step-changed": Wording("{step} ({what})", advice=_PART),
    "refused-now": Wording("it is refused now: {why:clause}", advice=_PART),
    "nothing-left-to-do": Wording("nothing is left to do", advice=_PART),
    "plan-again": Wording(
        "a saved plan cannot be used",
        "Nothing was sent. Make it again with `trueup plan {option[out]}`; across machines with "
        "TRUEUP_FINGERPRINT_KEY.",
    ),
    # An import
    "import-config-on-request": Wording(
        "{option[include-config]} includes it; without it, an apply removes the keys that trueup wrote",
        advice="Import with it to declare it.",
    ),
    "import-unread-secrets": Wording(
        "it contains secrets, and is neither read nor written", advice="Declare it by hand, with valueFrom."
    ),
    "import-read-otherwise": Wording("it would be read as a different value", advice="Declare it by hand, or omit it."),
    "import-secret-name": Wording("its name looks like a secret", advice="Rename it, or declare it by hand."),
    "import-like-a-secret": Wording("it looks like a secret", advice="Declare it by hand if it is none."),
    "import-guarded": Wording("it looks like a secret; declare it with valueFrom", advice="Declare it with valueFrom."),
    "import-value-from": Wording(
        "valueFrom would make it a reference to a secret", advice="Leave it out: a manifest cannot hold that key."
    ),
    "import-number": Wording("it is a number that would lose digits", advice="Leave it out, or declare it as text."),
    "import-half-a-character": Wording("it contains half a character", advice="Correct it on the server."),
    "import-too-deep": Wording("it is nested too deeply", advice="Leave it out."),
    "import-too-large": Wording("it is too large", advice="Leave it out."),
    "import-not-writable": Wording("its value cannot be written", advice="Correct it on the server."),
    "import-not-identifiable": Wording(
        "the value that identifies it cannot be declared", advice="Correct it on the server."
    ),
    "import-no-value": Wording('"{value}" cannot be declared', advice="Set another value on the server."),
    "import-incomplete": Wording("the server does not return all required fields", advice="Declare it by hand."),
    "import-fault": Wording("{fault}", advice="Correct it on the server, or declare it by hand."),
    "import-field": Wording("{field}: {why}", advice="Correct it on the server, or declare it by hand."),
    "import-malformed-id": Wording(
        "{field} is not a well-formed id", advice="Nothing: the server's answer cannot be declared."
    ),
    "import-another-folder": Wording(
        "the path to write to is not a folder", "Nothing was written. Name a folder with {option[output]}."
    ),
    "import-overwrite": Wording(
        "the folder to write to already contains YAML files",
        "Nothing was written. Name another folder, or add {option[overwrite]}.",
    ),
    "import-with-them": Wording(
        "files would be replaced that declare more than this import",
        "Nothing was written: a prune would remove what they declare. Say {option[with]} what they hold, or name "
        "another folder.",
    ),
    "import-unfiltered": Wording(
        "files would be replaced that declare more than this import",
        "Nothing was written: a prune would remove what they declare. Import without {option[filter]}, or name "
        "another folder.",
    ),
}
