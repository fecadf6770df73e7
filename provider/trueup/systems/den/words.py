"""The words of Den's reasons, by code."""

from __future__ import annotations

from typing import Final

from trueup.core.reasons import Wording

_HELP: Final = "sign in again before applying, or use an API key"
_AGE: Final = "What Den shows of its organisation may be up to five minutes old."

WORDS: Final = {
    # An account
    "den/account-cannot-change": Wording(
        "Den cannot change {fields} of an account, and replacing the account would delete every instance of it.",
        "Take the live value into {door.manifest}, or disconnect the account by hand.",
    ),
    "den/account-not-connected": Wording(
        "Den says that this account is {status}: connect it again in Den", advice="Connect it again in Den."
    ),
    "den/lost-with-an-account": Wording(
        "of each instance: all targets, mappings, grants and sync events, every imported object and its plugin "
        "memberships",
        advice="Keep the account declared, or set its deletionPolicy to retain, if any of that is still needed.",
    ),
    # An instance
    "den/instance-of-unknown-account": Wording(
        "Den does not say which account this instance belongs to.", advice="Look at the instance in Den."
    ),
    "den/instance-cannot-change-account": Wording(
        "an instance cannot change its account: Den has no route for it.",
        "Declare another instance, put the account back, or let it be removed and created anew with deletionPolicy: "
        "remove.",
    ),
    "den/no-instance-to-adopt": Wording(
        "there is no instance {id} to adopt, or this credential may not see it.",
        advice="Correct the id, leave it out to create an instance, or use another credential.",
    ),
    "den/lost-with-an-instance": Wording(
        "{mappings:mapping}, {objects:imported object}, and all its targets, grants and sync events, and the plugin "
        "memberships{plugins} of what was imported",
        advice="Keep the instance declared, or set its deletionPolicy to archive, if any of that is still needed.",
    ),
    "den/fed-plugins": Wording(" ({plugins:plugin})", advice="None is needed: it is a part of another reason."),
    # A target
    "den/target-cannot-change": Wording(
        "Den cannot change {fields: and } of a target, nor delete a target.", "Declare another target, or put it back."
    ),
    "den/no-target-to-adopt": Wording(
        "there is no target {id} to adopt, or this credential may not see it.",
        advice="Correct the id, leave it out to create a target, or use another credential.",
    ),
    "den/target-cannot-be-deleted": Wording(
        "Den has no route that deletes a target; it ends when its instance is removed",
        advice="Remove its instance, or leave the target.",
    ),
    # A mapping
    "den/mapping-cannot-move": Wording(
        "Den cannot move a mapping to another target.", "Declare another mapping, or put it back."
    ),
    "den/mapping-of-unknown-kind": Wording(
        "Den does not say what kind of mapping this is.", advice="Look at the mapping in Den."
    ),
    "den/mapping-of-newer-kind": Wording(
        "Den says that this mapping is of the kind {kind}, which is not known here: it is not deleted because of that.",
        "Write that kind, or delete the mapping by hand.",
    ),
    "den/no-mapping-to-adopt": Wording(
        "there is no mapping {id} to adopt, or this credential may not see it.",
        advice="Correct the id, leave it out to create a mapping, or use another credential.",
    ),
    "den/lost-with-a-mapping": Wording(
        "the plugin memberships of what was imported through it",
        advice="Keep the mapping declared if they are still needed.",
    ),
    # What a list is below of
    "den/parent-not-found": Wording(
        "{id} is not there, or belongs to another organisation",
        advice="Correct the id, or use a credential of its organisation.",
    ),
    # Members and teams
    "den/team-ambiguous": Wording(
        "several teams of this organisation are called {team}.", "Give the id of the one meant."
    ),
    "den/principals-not-shown": Wording(
        "Den does not show the {kind}s of its organisation, so {name} is not known.",
        "An id in place of the name needs no such list.",
    ),
    "den/member-not-found": Wording("no member of this organisation has the e-mail {member}.", "{first} " + _AGE),
    "den/team-not-found": Wording("no team of this organisation is called {team}.", "{first} " + _AGE),
    "den/invite-first": Wording("Invite them first.", advice="Invite the member in Den."),
    "den/create-first": Wording("Create it first.", advice="Create the team in Den."),
    "den/grant-of-another-name": Wording(
        "{why} The grant that the ledger knows by this address ({name}, {grant}) stays as it is.",
        advice="Correct the name, or write the former one.",
    ),
    "den/grant-of-unknown": Wording(
        "{why} Its grant {grant} to {to} stays as it is.",
        "If the {kind} has another name now, write that, or {line}; if it is to lose its access, remove it from "
        "{door.manifest}.",
    ),
    "den/grant-of-ambiguous": Wording("{why} The grant {grant} stays as it is.", "To keep it, write {line}."),
    "den/principal-renamed": Wording(
        "{what}. Its grant {grant} stays as it is.", "In {door.manifest}, write {line} for it."
    ),
    "den/principal-replaced": Wording(
        "{what}, and {other}. The grant {grant} stays as it is.",
        "In {door.manifest}, write {line} for it, or {kind}: {id} for the other one.",
    ),
    "den/team-renamed": Wording("team {old} was renamed to {new} in Den", advice="Write its new name, or its id."),
    "den/member-has-new-e-mail": Wording(
        "the member with the e-mail {old} has the e-mail {new} now", advice="Write the new e-mail, or the id."
    ),
    "den/other-team": Wording("another team ({id}) is called {name} now", advice="Write the id of the team meant."),
    "den/other-member": Wording(
        "another member ({id}) has the e-mail {name} now", advice="Write the id of the member meant."
    ),
    # What a command line names
    "den/list-instances": Wording("the name of an instance is empty", "trueup plan lists those there are."),
    "den/list-targets": Wording(
        "a target is neither named by its id nor behind its instance",
        "Nothing was changed. trueup get targets {option[below]} INSTANCE lists them.",
    ),
    "den/list-events": Wording(
        "there is no such sync event",
        "Events go when their instance is removed; trueup events lists those there are.",
    ),
    # A session
    "den/session-refused": Wording(
        "this session is older than 15 minutes, and Den refuses what it writes: " + _HELP,
        advice="Sign in again, or use an API key.",
    ),
    "den/session-old": Wording(
        "this session was started at {started} UTC, more than 15 minutes ago, and Den may refuse what an owner or "
        "admin writes with it: " + _HELP,
        advice="Sign in again, or use an API key.",
    ),
}
