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
    "address-ambiguous": Wording("the ledger knows several live resources by this address: {ids}.", _ID),
    "name-ambiguous": Wording("{count} live resources answer to this name: {ids}.", "Give the id of the one meant."),
    "former-name-ambiguous": Wording("the ledger knows several live resources by its former name: {ids}.", _ID),
    "name-of-another": Wording(
        "its name is that of {id}, which is {owner} by the ledger. {why}", advice="Choose another name."
    ),
    "former-of-another": Wording(
        "what {name} was ({id}) is {owner} by the ledger. {why}", advice="Correct the annotation, or remove it."
    ),
    "owner-left-out": Wording(
        "That is declared as well, and this run leaves it out: include it.", advice="Include it in the run."
    ),
    "owner-refused": Wording("That is declared as well, and is refused.", advice="See why that is refused."),
    "rename-half-done": Wording(
        "it is {id} by the ledger, and its annotation says that it is what {name} ({former}) was.",
        "Declare in the same run what the former is now, or remove the annotation if it was carried out.",
    ),
    "rename-claimed-twice": Wording(
        "{other} says as well that it is what {name} was. Only one can be.", advice="Remove one of the annotations."
    ),
    "rename-rival": Wording(
        "it is {id} by the ledger, and {other} says by its annotation that it is what that was.",
        "Give the new one another metadata.name, or remove the annotation.",
    ),
    "rename-left-out": Wording(
        "{other}, which this run leaves out, says that it is what {name} ({id}) was: include it.",
        advice="Include it in the run.",
    ),
    "renamed-and-declared": Wording(
        "it is what {rival} was, by its annotation, and that is declared as well.",
        advice="Remove the annotation, or what is still declared under the former name.",
    ),
    "declared-twice": Wording("{id} is declared twice: here and as {other}.", "Remove one of the two."),
    "same-declared": Wording("{other} declares the same {kind}.", "Remove one of the two."),
    "moved-and-declared": Wording("{why} {other} declares it already: remove one of the two.", advice="Remove one."),
    "near": Wording("Near: {names}.", advice=_PART),
    # Fields that are not compared or not sent
    "not-shown": Wording(
        "the server does not show it, or not as it should: it cannot be compared",
        advice="Look at it in the system's own pages.",
    ),
    "unreadable": Wording("cannot be read back", advice=_PART),
    "reads-back-otherwise": Wording("reads back otherwise", advice=_PART),
    "sent-on": Wording("sent on {day}, unchanged since", advice=_PART),
    "sent-before": Wording("sent before, unchanged since", advice=_PART),
    "not-read-back": Wording(
        "cannot be read back; {sent}", advice="None is needed; send it again if someone may have changed it."
    ),
    "settling": Wording("{why}; {sent}", advice="Wait, and look again."),
    "reports-failure": Wording(
        "{why}; {sent}. {option[resend]} sends it again", advice="Find the cause in the system."
    ),
    "not-sent-without-ledger": Wording(
        "{why}; without a ledger it is only sent with {option[resend]}", advice="Use a ledger, or have it sent again."
    ),
    "sent-again": Wording("sent again on request", advice="None is needed: it was asked for."),
    "never-sent": Wording("{why}; not sent from this ledger yet", advice="None is needed: an apply sends it once."),
    "parent-not-read": Wording("{why}.", advice="See the reason that it gives."),
    "need-not-read": Wording("{need} could not be read", advice="See why that could not be read."),
    "hidden": Wording(
        "the ledger knows it as {id}, and this credential cannot see that: use one of an organisation admin, or have "
        "it granted",
        advice="Use a credential of an organisation admin, or have it granted.",
    ),
    "parent-not-found": Wording(
        "{id} is not there, or is not visible here", advice="Correct the id, or use another credential."
    ),
    "parent-forbidden": Wording(
        "this credential may not look into {id}: {said}", advice="Have it granted, or use another credential."
    ),
    # Steps that are refused
    "none-to-adopt": Wording(
        "there is no {kind} {id} to adopt, or this credential may not see it.",
        advice="Correct the id, leave it out to create one, or use another credential.",
    ),
    "fields-cannot-change": Wording(
        "{fields: and } of a {kind} cannot be changed.", "Declare another, or put it back."
    ),
    "need-refused": Wording("it needs {need}, which cannot be made.", advice="See why that is refused."),
    "too-deep": Wording(
        "what is live or declared is nested too deeply to be compared.", advice="Declare it less deeply nested."
    ),
    "protected-from-replacement": Wording(
        "it would have to be replaced, and its annotation trueup.dev/protect refuses that.",
        advice="Take the live value into the manifest, or remove the annotation.",
    ),
    "protected-from-removal": Wording(
        "the annotation trueup.dev/protect of its manifest refuses its removal.",
        advice="Declare it again without the annotation, apply that, and remove it then.",
    ),
    "disconnect-not-allowed": Wording(
        "disconnecting an account deletes every instance of it, and takes {option[allow-disconnect]}.",
        advice="Allow it for this run if that is meant.",
    ),
    "takes-an-admin": Wording(
        "to {verb} it takes an organisation admin, and this credential belongs to a {role}.",
        advice="Use a credential of an organisation admin.",
    ),
    "removal-unsettled": Wording(
        "nothing is removed here ({verb}) until {other}, which is declared beside it, is settled.",
        advice="Settle the other one first.",
    ),
    "children-not-read": Wording(
        "its instances, which would be deleted, could not be read.", advice="Use a credential that may read them."
    ),
    "declared-below": Wording(
        "{names} {names:is|are} declared and would be deleted with it.",
        advice="Remove what is declared below it as well, or declare it again.",
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
        "it is not managed here, and is not written over; rename or remove it by hand, choose another name, or give "
        "id: {id} to manage that one instead",
        advice="Rename or remove that by hand, choose another name, or give its id.",
    ),
    "holder-by-the-ledger-is-refused": Wording(
        "that is {holder} by the ledger, which is refused", advice="See why that is refused."
    ),
    "holder-was-another": Wording(
        "that was {holder}, which is another one now; rename or remove it by hand, or choose another name",
        advice="Rename or remove that by hand, or choose another name.",
    ),
    "holder-is-left-out": Wording(
        "that is {holder} by the ledger, which this run leaves out; include it, or rename it first",
        advice="Include it in the run, or rename it first.",
    ),
    "name-taken": Wording('its name "{name}" is taken by {id}: {why}.', advice="Choose another name, or as it says."),
    "holder-refused": Wording(
        "its name is that of {holder}, which is refused.", advice="See why that is refused, or choose another name."
    ),
    "names-exchanged": Wording("the names of {names} change places while they are replaced.", "Change one at a time."),
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
        'it is below what is managed by the set "{stack}".', advice="Change or remove it in that set."
    ),
    "kept-by-another-set": Wording('it is managed by the set "{stack}".', advice="Remove it in that set."),
    "deletes-of-another-set": Wording(
        "it would delete with it {lost:3}.", advice="Remove those in their set first, or keep this."
    ),
    "of-the-set": Wording('{address} of the set "{stack}"', advice=_PART),
    "nothing-moved": Wording(
        'nothing is moved from the set "{source}" ({option[take-from]})',
        advice="Check the name of the set, and what is declared here.",
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
    "kept-with-its-parent": Wording(
        "what it is below is kept, and it with that", advice="Remove it by hand if it is not needed."
    ),
    "ended-already": Wording("it has ended already", advice="None is needed."),
    "no-longer-declared": Wording("no longer declared", advice="Declare it again to keep it."),
    "not-in-exclusive-list": Wording(
        "not declared, and access of {parent} is exclusive", advice="Declare it there to keep it."
    ),
    # Limits and refusals of a whole plan
    "too-many-removals": Wording(
        "{count:,} of the {owned:,} managed resources ({share} %) would be removed, and {limit} % are allowed "
        "({option[max-delete-percent]}): {names:1000}.",
        advice="Check that nothing is missing in the manifests; then allow more for this run.",
    ),
    "too-many-changes": Wording(
        "{count:,} steps would be made, and {limit:,} are allowed ({option[max-changes]}): {names:1000}.",
        advice="Check that the plan is what is meant; then allow more for this run.",
    ),
    "manifests-missing": Wording(
        "{count:resource} would be removed or released as no longer declared, while manifests may be missing: "
        "{unseen:10}. Make that readable, or name with {option[file]} what is to be read: {names:1000}.",
        advice="Make the files readable, or name those that are to be read.",
    ),
    # Notes and warnings of a plan
    "ledger-off": Wording(
        "no ledger (TRUEUP_LEDGER=off): nothing is pruned, locked or resumed, and what cannot be read back is only "
        "sent with {option[resend]}",
        advice=f"{_LEDGER} to a location if that is not meant.",
    ),
    "no-ledger-yet": Wording(
        "there is no ledger yet: no resource counts as managed, and what cannot be read back counts as never sent",
        advice="None is needed: the first apply makes it.",
    ),
    "managed-not-seen": Wording(
        "{count:,} of the managed resources cannot be seen with this credential, and may exist",
        advice="Use a credential of an admin, or have them granted.",
    ),
    "role-not-known": Wording(
        "the role of this credential in its {tenant} ({roles}) is not known here, and {system} may refuse what takes "
        "an admin",
        advice="None is needed unless the server refuses; then use a credential of an admin.",
    ),
    "near-declared-name": Wording(
        "{address} has nearly the name of {other}, which is named here as well: where {system}'s database ignores "
        "accents and width as it does case, that name is taken",
        advice="Choose another name if the server refuses it.",
    ),
    "near-live-name": Wording(
        "{address} has nearly the name of {other} ({id}): where {system}'s database ignores accents and width as it "
        "does case, that name is taken",
        advice="Choose another name if the server refuses it.",
    ),
    "nothing-declared-there": Wording(
        "nothing is declared for {connection}, and {option[prune]} does not work from nothing: what is managed there "
        "is left alone ({count:,})",
        advice="Remove the last resources by hand, or declare one.",
    ),
    # What becomes of steps while they are applied
    "need-not-made": Wording("it needs {need}, which was not made.", advice="See why that failed, and apply again."),
    "name-not-given-up": Wording(
        "it takes a name of {other}, which did not give it up. {called}",
        advice="See why that failed, and apply again.",
    ),
    "called-until-the-next-apply": Wording('It is called "{name}" until the next apply.', advice="Apply again."),
    "nothing-removed-after-a-failure": Wording(
        "nothing is removed once a step failed.", advice="Mend what failed, and apply again."
    ),
    "stopped-at-the-first-failure": Wording(
        "an earlier step failed, and {option[fail-fast]} is set.", advice="Mend what failed, and apply again."
    ),
    "stopped-before-verification": Wording(
        "stopped before the changes could be read back", advice="Look at the drift, or apply again."
    ),
    "not-verified": Wording("{error}", "{remedy}", advice="Look at the drift, or apply again."),
    "not-verified-by-a-bug": Wording(
        "error[E999]: unexpected {error}; this is a bug in trueup.", advice="Report it, and look at the drift."
    ),
    "not-recorded": Wording(
        "{error}", advice="Mend the ledger, and apply again: what was done is found out by looking."
    ),
    # Runs and locks
    "run-in-progress": Wording("Run {run} ({holder}, started {since}) is in progress.", advice="Wait until it ends."),
    "waits-for-run": Wording(
        "Waiting for run {run} ({holder}, since {since}) to end.", advice="None is needed, or stop that run."
    ),
    "run-interrupted": Wording(
        "Run {run}{who} was interrupted with {calls:call} open: {effects}.",
        advice="None is needed: the plan goes by what was found.",
    ),
    "run-ended": Wording(
        "Run {run}{who} ended {ended} with {calls:call} open: {effects}.",
        advice="None is needed: the plan goes by what was found.",
    ),
    "calls-had-taken-effect": Wording("{count:,} had taken effect", advice=_PART),
    "calls-had-not": Wording("{count:,} had not", advice=_PART),
    "calls-not-read-back": Wording("{count:,} cannot be read back", advice=_PART),
    "calls-not-looked-at": Wording("{count:,} were not looked at now", advice=_PART),
    "reading-children": Wording(
        "Reading {what} below {count:,} {parents}: {requests:,} requests{waits}.", advice="None is needed."
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
        "{option[prune]} removes only what the ledger says is managed, and there is no ledger.",
        "Set TRUEUP_LEDGER, or apply once without {option[prune]}.",
    ),
    "prune-narrowed": Wording(
        "a run that is narrowed by {option[target]} or {option[label]} removes nothing.",
        "Leave {option[prune]} out, or let it look at everything.",
    ),
    "prune-everything": Wording(
        "nothing is declared here, and {option[prune]} would remove everything that is managed.",
        "Nothing was sent. Is it the right folder? The last resource is removed by hand.",
    ),
    "max-requests-alone": Wording(
        "{option[max-requests]} goes with {option[max-age]}.", "Say what may be taken from the ledger: 24h."
    ),
    "max-age-without-ledger": Wording(
        "{option[max-age]} takes from the ledger what was seen not long ago, and there is no ledger.",
        "Set TRUEUP_LEDGER, or leave {option[max-age]} out.",
    ),
    "connection-would-join-them": Wording(
        "resources are declared for two connections, and the run is for one",
        "They are declared for that connection and for another one; {option[connection]} would make one of both.",
    ),
    "run-again-later": Wording(
        "a server does not answer any more",
        "Once it answers, run the same command again. {option[retry-for]} (TRUEUP_RETRY_FOR) waits longer.",
        remedies={
            "pulumi": "Once it answers, run the same command again. TRUEUP_RETRY_FOR waits longer.",
            "python": "Once it answers, run it again. {option[retry-for]} waits longer.",
        },
    ),
    "as-saved": Wording("{text}", advice="See the words: an older trueup saved them in a plan."),
    "plan-without-key": Wording(
        "the saved plan cannot be used: there is no key to tell whether it was edited, since its ledger is not here "
        "({option[state]} DIR).",
        advice="Name the folder of the ledger, or set TRUEUP_FINGERPRINT_KEY.",
    ),
    "plan-stale": Wording(
        "the plan is stale. Since it was made these have changed: {changed:50}.", "Nothing was sent. Make a new plan."
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
        "{option[include-config]} takes it along; of what trueup wrote there itself, an apply without it removes the "
        "keys",
        advice="Import with it if it is to be declared.",
    ),
    "import-unread-secrets": Wording(
        "it holds secrets, and is neither read nor written", advice="Declare it by hand, with valueFrom."
    ),
    "import-read-otherwise": Wording(
        "it would be read as something else than it is", advice="Declare it by hand, or leave it out."
    ),
    "import-secret-name": Wording("its name looks like a secret", advice="Rename it, or declare it by hand."),
    "import-like-a-secret": Wording("it looks like a secret", advice="Declare it by hand if it is none."),
    "import-guarded": Wording("it looks like a secret; declare it with valueFrom", advice="Declare it with valueFrom."),
    "import-value-from": Wording(
        "valueFrom would make it a reference to a secret", advice="Leave it out: a manifest cannot hold that key."
    ),
    "import-number": Wording("it is a number that would lose digits", advice="Leave it out, or declare it as text."),
    "import-half-a-character": Wording("it holds half a character", advice="Correct it on the server."),
    "import-too-deep": Wording("it is nested too deeply", advice="Leave it out."),
    "import-too-large": Wording("it is too large", advice="Leave it out."),
    "import-not-writable": Wording("what it holds cannot be written", advice="Correct it on the server."),
    "import-not-identifiable": Wording("what it is found by cannot be declared", advice="Correct it on the server."),
    "import-no-value": Wording('"{value}" is no value to declare', advice="Set another value on the server."),
    "import-incomplete": Wording(
        "the server does not tell all that a manifest has to say", advice="Declare it by hand."
    ),
    "import-fault": Wording("{fault}", advice="Correct it on the server, or declare it by hand."),
    "import-field": Wording("{field}: {why}", advice="Correct it on the server, or declare it by hand."),
    "import-malformed-id": Wording(
        "{field} is not a well-formed id", advice="Nothing: the server's answer cannot be declared."
    ),
    "import-another-folder": Wording(
        "the folder to write to is none", "Nothing was written. Name a folder with {option[output]}."
    ),
    "import-overwrite": Wording(
        "the folder to write to holds YAML files already",
        "Nothing was written. Name another folder, or add {option[overwrite]}.",
    ),
    "import-with-them": Wording(
        "files would be written over that declare more than this import",
        "Nothing was written: a prune would remove what they declare. Say {option[with]} what they hold, or name "
        "another folder.",
    ),
    "import-unfiltered": Wording(
        "files would be written over that declare more than this import",
        "Nothing was written: a prune would remove what they declare. Import without {option[filter]}, or name "
        "another folder.",
    ),
}
