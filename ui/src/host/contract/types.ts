// Made from the Rust types in crates/view/src/contract. Do not edit:
// run `BINNACLE_WRITE=1 cargo test -p binnacle-view --test contract`.

/** Something that can be done. */
export type Action = { 
/** What it does. */
does: ActionKind, 
/** The button's words. */
label: string, 
/** What it is done to: a config key's id, an instance's id, a source's id. */
target: string, 
/** Whether it is possible, and why not. */
offer: Offer, };

/** What an action does. */
export type ActionKind = "edit_config" | "delete_config" | "deregister" | "register" | "try_now" | "force_open" | "disable" | "close";

/** An alert about the thing. */
export type AlertLine = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The alert. */
alert: AlertRow, 
/** Who says so. */
pips: Array<Pip>, };

/** An alert of a Prometheus server. */
export type AlertRow = { 
/** `a:` and the alert's key. */
key: string, 
/** The alert's name. */
name: string, 
/** Firing or pending. */
state: AlertState, 
/** The severity that its rule gives it; may be empty. */
severity: string, 
/** How bad the thing is that it speaks of; `null` while it is pending, and for one that only informs. */
health: Health | null, 
/** Since when its condition holds. */
since: Since, 
/** What its rule says about it; may be empty. */
summary: string, 
/** The service that it speaks of, where it is known. */
service: Named | null, 
/** Its labels, without its name and severity. */
labels: Array<Chip>, 
/** When the server was asked; milliseconds since 1970. */
seen: number, 
/** True when its source is no longer current. */
stale: boolean, 
/** Who says so. */
source: string, };

/** What an alert does. */
export type AlertState = "pending" | "firing";

/** Something for the live region. */
export type Announcement = { 
/** When. */
at: number, 
/** One sentence. */
text: string, };

/** A key that was written. */
export type AppliedKey = { 
/** The key's id. */
id: string, 
/** The version that this write made; empty for a deleted key. */
version: string, 
/** True when the read-back shows exactly what was written. */
verified: boolean, 
/** In words: `read back, version 48219`, `applied as 48219, since changed by another at 48220`. */
sentence: string, };

/** One key of an edit in the audit. */
export type AuditKey = { 
/** The key's id. */
id: string, 
/** Its path. */
path: string, 
/** What happened to it. */
action: KeyAction, 
/** The version before; empty when it did not exist. */
before_version: string, 
/** The version after; empty when it was deleted or is not known. */
after_version: string, 
/** The change in short, where it may be shown. */
summary: string, };

/** An edit in the audit, newest first. */
export type AuditRow = { 
/** The edit's number. */
edit: string, 
/** When; milliseconds since 1970. */
at: number, 
/** Who. */
actor: string, 
/** Why; may be empty. */
why: string, 
/** `pending`, `applied`, `refused`, `failed` or `unknown`. */
state: string, 
/** The error's code, where it failed. */
code: string | null, 
/** The source. */
source: string, 
/** The keys. */
keys: Array<AuditKey>, 
/** The edit that this one undid. */
undo_of: string | null, 
/** Whether it can be undone. */
undo: Offer, };

/** A count on the rail. */
export type Badge = { 
/** The screen. */
screen: Screen, 
/** What is counted is worth a look. */
count: number, 
/** How loud. */
tone: Tone, };

/** The states of one process, oldest first; where nothing is known of it there is a gap between two of them. */
export type BreakerCourse = { 
/** Its name, as in the inspector's rows. */
process: string, 
/** Its states. */
runs: Array<BreakerRun>, };

/** In which states a breaker was, and how the calls went that it guards. */
export type BreakerHistory = { 
/** The source's id. */
source: string, 
/** The same for people. */
name: string, 
/** The states of each process that has it. */
courses: Array<BreakerCourse>, 
/** What was refused; one a step, oldest first, also where nothing is known. */
rejected: Array<RejectedPoint>, 
/** The calls of its edge by the server that counts them; empty where none does. */
calls: Array<HistoryPoint>, 
/** Milliseconds between two moments. A state that came and went between them is not seen. */
step_ms: number, 
/** What was asked. */
queries: Array<string>, 
/** What is missing of it. */
missing: Array<Failure>, };

/** The three kinds of breaker. */
export type BreakerKind = "failure" | "capacity" | "endpoint";

/** A breaker. */
export type BreakerRow = { 
/** The breaker's id. */
key: string, 
/** Whose calls it guards. */
caller: Named, 
/** Whom they go to, where known. */
callee: Named | null, 
/** The library's name for it. */
name: string, 
/** Failure, capacity or endpoint. */
kind: BreakerKind, 
/** The most notable state. */
state: BreakerState, 
/** Since when. */
since: Since, 
/** Caller instances in which it lets no call pass. */
open: number, 
/** Caller instances that report it; 0 where nobody tells the state and its limits alone are known. */
of: number, 
/** True when nobody tells the state and it is concluded from something else. */
derived: boolean, 
/** Refused calls per second; `null` when nobody counts them. */
rejected_per_s: number | null, 
/** The share of calls that failed in the breaker's own window, 0 to 1; `null` where it is not told or too few were counted. */
failing: number | null, 
/** From where on it opens, in words, with the rule where it is configured and told by no process; empty where neither is. */
opens_at: string, 
/** The share of failed calls from which on it opens, 0 to 1; `null` where it goes by something else, or nobody tells it. */
threshold: number | null, 
/** The id of the edge that it sits on, where it is drawn. */
edge: string | null, 
/** True when none of its sources is current. */
stale: boolean, 
/** Who says so. */
sources: Array<Pip>, 
/** The server that can be asked in which states it was, for people; `null` where none keeps them. */
history: string | null, };

/** A time in one state. */
export type BreakerRun = { 
/** When it was first seen in it, milliseconds since 1970. */
from: number, 
/** When it was seen in another one, or last in this. */
to: number, 
/** The state. */
state: BreakerState, };

/** The state of a breaker, worst last. */
export type BreakerState = "closed" | "disabled" | "unknown" | "half_open" | "forced_open" | "open";

/** What a person makes of a breaker. */
export type BreakerSwitch = "force_open" | "disable" | "close";

/** The head of the table. */
export type BreakersHead = { 
/** How many. */
total: number, 
/** How many are open or forced open. */
open: number, 
/** How many are half-open. */
half_open: number, 
/** Why the table is empty, and what would fill it; `null` when it is not. */
empty: string | null, };

/** Calls to or from another service. */
export type CallRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** True when the other one calls. */
incoming: boolean, 
/** The other service. */
other: Named, 
/** The edge's id. */
edge: string, 
/** The edge's state, protocol and pattern in words. */
words: string, 
/** The numbers. */
signals: Signals, 
/** How loud the error ratio is. */
tone: Tone, 
/** Who says so. */
pips: Array<Pip>, };

/** The sorts of causes. */
export type Cause = "source" | "node" | "breaker" | "service" | "calls" | "alert" | "maintenance";

/** A key that changed. */
export type ChangedKey = { 
/** Its id. */
id: string, 
/** Its path. */
path: string, 
/** When the change was seen, in milliseconds since 1970. */
at: number, 
/** The change in short, when it was made from here; else empty. */
summary: string, };

/** What goes through a queue or topic. */
export type ChannelSignals = { 
/** True for publish/subscribe, false for a work queue. */
topic: boolean, 
/** Messages in per second. */
in_per_s: number | null, 
/** Messages out per second. */
out_per_s: number | null, };

/** A check to register. Durations are in Consul's notation (`10s`). */
export type CheckDraft = { "kind": "http", 
/** For people. */
name: string, 
/** What is asked for. */
url: string, 
/** How often. */
interval: string, 
/** How long to wait. */
timeout: string | null, 
/** Deregister the instance after being critical this long. */
deregister_after: string | null, } | { "kind": "tcp", 
/** For people. */
name: string, 
/** `host:port`. */
address: string, 
/** How often. */
interval: string, 
/** How long to wait. */
timeout: string | null, 
/** Deregister the instance after being critical this long. */
deregister_after: string | null, } | { "kind": "grpc", 
/** For people. */
name: string, 
/** `host:port` or `host:port/service`. */
address: string, 
/** How often. */
interval: string, 
/** Whether TLS is used. */
tls: boolean, 
/** Deregister the instance after being critical this long. */
deregister_after: string | null, } | { "kind": "ttl", 
/** For people. */
name: string, 
/** How often. */
ttl: string, 
/** Deregister the instance after being critical this long. */
deregister_after: string | null, };

/** A check. */
export type CheckRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The check's name. */
name: string, 
/** `http`, `ttl` ...; empty when not said. */
method: string, 
/** The instance's native id, or the node's name for a check of the node. */
at: string, 
/** Its result. */
health: Health, 
/** Since when. */
since: Since, 
/** What it printed. */
output: string, 
/** When it was seen last; milliseconds since 1970. */
seen: number, 
/** True for a check of the node. */
of_node: boolean, 
/** How many instances show this same check of their node. */
instances: number, 
/** Who says so. */
pips: Array<Pip>, };

/** A short label. */
export type Chip = { 
/** `dc`, `ns`, `tag` ... */
label: string, 
/** The value. */
value: string, };

/** What one side says. */
export type ClaimCard = { 
/** One letter of the source's kind. */
letter: string, 
/** The source's id. */
source: string, 
/** How people call the source. */
name: string, 
/** What it says. */
says: string, 
/** The query or path; empty where a source says something by not naming it. */
query: string, 
/** `pushed` or `asked`; empty as above. */
how: string, 
/** When it was seen, or when a source that speaks by silence answered last; milliseconds since 1970. */
seen: number | null, 
/** True for the side in doubt. */
doubt: boolean, };

/** A statement about an edge, and what becomes of it. */
export type ClaimRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** What it says, in words: `counted at the caller`, `declared by upstream`. */
says: string, 
/** The query that brought it, or the line. */
query: string, 
/** True when the edge's numbers are made of it. */
believed: boolean, 
/** True when it says that these calls must not happen. */
denies: boolean, 
/** Why it is believed, or evidence only. */
because: string, 
/** When it was seen; milliseconds since 1970. */
seen: number, 
/** True when the source is not current. */
stale: boolean, 
/** Who says so. */
pips: Array<Pip>, };

/** What came of applying. */
export type ConfigApplied = { "kind": "applied", 
/** The edit's number in the audit. */
edit: string, 
/** The keys. */
keys: Array<AppliedKey>, 
/** Whether it can be undone. */
undo: Offer, } | { "kind": "refused", 
/** What was not done, in one sentence. */
sentence: string, 
/** The keys. */
conflicts: Array<ConfigConflict>, };

/** What `config_apply` is asked with. */
export type ConfigApplyArgs = { 
/** The plan. */
plan: string, 
/** Why, for the audit; may be empty. */
why: string, };

/** A value as text, or as hex where it is not text. */
export type ConfigBody = { 
/** What the value looks like. */
kind: ValueKind, 
/** The value, its lines ended by a line feed; `null` when it is not UTF-8 or holds control characters that an editor
 * would damage. */
text: string | null, 
/** True when every line of the value ends with carriage return and line feed: give it back with the text. */
crlf: boolean, 
/** Lines of a hex view (offset, bytes, characters), of the first 64 KiB; empty for text. */
hex: Array<string>, 
/** All bytes in hexadecimal, for editing; `null` for text and above 64 KiB. */
bytes_hex: string | null, 
/** Size in bytes. */
size_bytes: number, 
/** Why the value does not parse as what it looks like; `null` when it does. */
complaint: string | null, };

/** A key whose guard did not hold. */
export type ConfigConflict = { 
/** The key's id. */
id: string, 
/** Its path. */
path: string, 
/** What the person saw; `null` when it did not exist. */
base: ConfigBody | null, 
/** What is there now; `null` when it does not exist. */
theirs: ConfigBody | null, 
/** What the person wants; `null` for a deletion. */
yours: ConfigBody | null, 
/** The version that the person saw, or `absent`. */
base_version: string, 
/** The version that is there now, or `absent`: the new guard. */
theirs_version: string, 
/** The merge; `null` where a side is not text: one side must be chosen. */
merge: Merged | null, };

/** What to do with one key. */
export type ConfigDraft = { 
/** The key's id. */
id: string, 
/** What to do. */
intent: DraftIntent, 
/** The application's own number; `null` keeps it. */
flags: string | null, 
/** The version that the person saw: a decimal number, or `absent`; `null` takes what is there at the plan. */
expect: string | null, };

/** What `config_history` is asked with. */
export type ConfigHistoryArgs = { 
/** One key's edits; `null` for all. */
id: string | null, 
/** How many at most; capped at 500. */
limit: number, };

/** What `config_merge` is asked with. */
export type ConfigMergeArgs = { 
/** What both started from. */
base: string, 
/** What is there now. */
theirs: string, 
/** What the person wants. */
yours: string, 
/** One choice for each conflict, in their order; missing ones are open. */
choices: Array<MergeChoice>, };

/** What an edit will do, from top to bottom. */
export type ConfigPlan = { 
/** What `config_apply` takes. */
plan: string, 
/** The profile that it is applied in. */
profile: string, 
/** The source. */
source: string, 
/** The keys. */
keys: Array<KeyPlan>, 
/** The request in short, with its guard: `PUT /v1/txn?dc=dc1 · cas = 48213`. */
request: string, 
/** What a person should know before. */
warnings: Array<string>, 
/** The edit that this undoes. */
undo_of: string | null, 
/** Whether it may be applied. */
apply: Offer, };

/** What `config_plan` is asked with: several keys go in one transaction. */
export type ConfigPlanArgs = { 
/** The keys. */
drafts: Array<ConfigDraft>, };

/** What `config_plan_undo` is asked with. */
export type ConfigPlanUndoArgs = { 
/** The edit's number. */
edit: string, };

/** What came of planning. */
export type ConfigPlanned = { "kind": "ready", 
/** The plan. */
plan: ConfigPlan, } | { "kind": "refused", 
/** What was not done, in one sentence. */
sentence: string, 
/** The keys. */
conflicts: Array<ConfigConflict>, };

/** What `config_read` is asked with. */
export type ConfigReadArgs = { 
/** The key's id. */
id: string, };

/** What a row of the tree is. */
export type ConfigRowKind = "store" | "folder" | "key";

/** The head of the tree. */
export type ConfigTreeHead = { 
/** All keys of all stores. */
keys: number, 
/** Keys that the search found; all keys without one. */
matched: number, 
/** Rows that did not fit. */
left_off: number, 
/** Why the tree is empty, and what would fill it; `null` when it is not. */
empty: string | null, };

/** What the tree is asked with. */
export type ConfigTreeParams = { 
/** Row keys of stores and folders that are open. */
expanded: Array<string>, 
/** Shows keys whose path contains this text, flat; `null` shows the tree. */
search: string | null, 
/** How many rows at most; capped at 5,000. */
limit: number, };

/** A visible row of the tree, in the order of the screen. */
export type ConfigTreeRow = { 
/** Unique; for a store or folder what `expanded` takes. */
key: string, 
/** Store, folder or key. */
kind: ConfigRowKind, 
/** The key's id, what `config_read` takes; `null` for stores and folders. */
id: string | null, 
/** The source. */
source: string, 
/** The exact path: of a folder with its trailing `/`, of a store empty. */
path: string, 
/** What to show: the last segment, `(empty)` for an empty one. */
label: string, 
/** Depth, 0 for stores. */
depth: number, 
/** Keys beneath; `null` for a key. */
keys: number | null, 
/** True while a store or folder is open. */
expanded: boolean, 
/** The store's version of a key. */
version: string | null, 
/** Size of the value in bytes. */
size_bytes: number | null, 
/** The application's own number; `null` when 0 or not a key. */
flags: string | null, 
/** The session that holds the key's lock. */
lock_session: string | null, 
/** When this version was seen first; milliseconds since 1970. */
seen: number | null, 
/** True when its source is no longer current. */
stale: boolean, 
/** Whether keys may be edited here; on store rows. */
edit: Offer | null, };

/** A config key that belongs to the thing. */
export type ConfigUsed = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The key's id. */
id: string, 
/** Its path. */
path: string, 
/** Why it is believed to belong: `by name`. */
reason: string, 
/** The store's version. */
version: string, 
/** Size of the value in bytes. */
size_bytes: number, 
/** When this version was seen first; milliseconds since 1970. */
seen: number, 
/** Who says so. */
pips: Array<Pip>, };

/** A key with its value, read from the store now. */
export type ConfigValue = { 
/** The key's id. */
id: string, 
/** The source. */
source: string, 
/** Its path. */
path: string, 
/** False when there is no such key (a new one can be made). */
exists: boolean, 
/** The value; `null` when the key does not exist. */
value: ConfigBody | null, 
/** The store's version, `0` when it does not exist. */
version: string, 
/** The version at which it was created. */
created_version: string, 
/** The application's own number. */
flags: string, 
/** The session that holds its lock, with its name and node where known. */
lock_session: string | null, 
/** The largest value that the store takes, in bytes. */
limit_bytes: number, 
/** When it was read; milliseconds since 1970. */
seen: number, 
/** Whether it may be edited. */
edit: Offer, };

/** What `connect` is asked with. */
export type ConnectArgs = { 
/** `KIND=WHERE`, such as `consul=http://127.0.0.1:8500`. */
spec: string, 
/** An ACL token that a person entered; `null` to go by the profile and the environment. */
token: Secret | null, 
/** Keep the token in the keyring of this computer. */
remember: boolean, };

/** A connection: one address, possibly several sources. */
export type ConnectionRow = { 
/** What `disconnect` takes. */
spec: string, 
/** The profile that it was opened by; `this computer` without one. */
profile: string, 
/** Where and by what it was found, and how it is reached, for one that nobody named: `found in minikube by label app=consul;
 * by service proxy`. */
found: string | null, 
/** Why nothing can be written by it; `null` when it can. */
read_only: string | null, 
/** Where its token comes from, in words; `null` where none would be sent. */
token: string | null, 
/** True when entering a token would help: none is sent, or the one that is sent is refused something. */
wants_token: boolean, 
/** True when the token comes from the keyring of this computer. */
remembered: boolean, 
/** The sources that it brings. */
sources: Array<string>, 
/** Requests sent since the start. */
requests: number, 
/** Requests without a usable answer. */
failures: number, 
/** Bytes of answers. */
bytes: number, 
/** When the last whole answer came; milliseconds since 1970. */
last_answer: number | null, 
/** What was found inside it, when it is a cluster that was looked into. */
inside: Array<InsideRow>, 
/** Why it could not be looked into. */
inside_fault: Failure | null, };

/** What `deregister_plan` is asked with. */
export type DeregisterPlanArgs = { 
/** The source that has it. */
source: string, 
/** The instance's id in the picture. */
instance: string, };

/** What a line of a difference is. */
export type DiffKind = "same" | "added" | "removed" | "skipped";

/** A line of a difference. */
export type DiffLine = { 
/** Same, added, removed or skipped. */
kind: DiffKind, 
/** Line number before, from 1. */
before: number | null, 
/** Line number after, from 1. */
after: number | null, 
/** The line in pieces, changed words marked. */
pieces: Array<DiffPiece>, };

/** A piece of a line. */
export type DiffPiece = { 
/** The text. */
text: string, 
/** True for changed words. */
changed: boolean, };

/** What sources may disagree about. */
export type DisagreementKind = "zombie" | "passing_but_unready" | "ready_but_failing" | "other_port" | "selects_nothing" | "target_down" | "not_scraped" | "other_value";

/** What sources cannot both be right about. */
export type DisagreementLine = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The disagreement's id. */
id: string, 
/** What about: `Zombie registration`. */
title: string, 
/** The thing that it is about, as its source calls it. */
subject: string, 
/** What each side says, the one in doubt first. */
says: Array<string>, 
/** Since when they have parted. */
since: Since, 
/** Who says so; the one in doubt differs. */
pips: Array<Pip>, };

/** One disagreement. */
export type DisagreementRow = { 
/** Its id. */
key: string, 
/** What about. */
kind: DisagreementKind, 
/** The kind for people. */
title: string, 
/** The thing that it is about, as its source calls it. */
subject: string, 
/** The service that it concerns, where there is one. */
service: Named | null, 
/** What each side says, the one in doubt first. */
claims: Array<ClaimCard>, 
/** What follows from it. */
meaning: string, 
/** Since when they have parted. */
since: Since, 
/** What to do next, the best first. */
steps: Array<Step>, };

/** The head of the screen. */
export type DisagreementsHead = { 
/** How many. */
total: number, 
/** Every kind that is looked for, with how many there are: the worst in effect first. */
kinds: Array<KindCount>, 
/** Who was compared with whom. */
compared: Array<string>, 
/** What could not be compared, and why. */
not_compared: Array<string>, 
/** What to say when there is none; `null` when there is one. */
empty: string | null, };

/** What `disconnect` and `forget_token` are asked with. */
export type DisconnectArgs = { 
/** The connection's `KIND=WHERE`. */
spec: string, };

/** What to do with a key. */
export type DraftIntent = { "kind": "text", 
/** The new value, its lines ended by a line feed. */
text: string, 
/** True to end the lines with carriage return and line feed, as they were in the value that was read. */
crlf?: boolean, } | { "kind": "hex", 
/** The new value in hexadecimal; blanks are passed over. */
hex: string, } | { "kind": "delete" };

/** A breaker on a line. */
export type EdgeBreaker = { 
/** The breaker's id. */
id: string, 
/** Failure, capacity or endpoint. */
kind: BreakerKind, 
/** Its state. */
state: BreakerState, 
/** Since when. */
since: Since, 
/** Caller instances in which it lets no call pass. */
open: number, 
/** Caller instances that report it. */
of: number, 
/** Refused calls per second. */
rejected_per_s: number | null, 
/** Other breakers on the same line. */
others: number, };

/** How an edge is known. */
export type EdgeState = "observed" | "declared" | "undeclared";

/** Why a section is empty. */
export type EmptySection = { 
/** The section. */
section: Section, 
/** One line. */
reason: string, };

/** What `evidence` is asked with. */
export type EvidenceArgs = { 
/** What the fact is about. */
subject: Subject, 
/** The row's key in the inspector; `state` for the thing itself. */
fact: string, };

/** One statement of one source. */
export type EvidenceCard = { 
/** One letter of the source's kind. */
letter: string, 
/** The source's id. */
source: string, 
/** What it says. */
says: string, 
/** The query or path. */
query: string, 
/** What the metric means that the query asks for; null where nobody says. */
metric: MetricMeaning | null, 
/** The object's place in the source. */
object: string, 
/** `pushed` or `asked`. */
how: string, 
/** When it was seen; milliseconds since 1970. */
seen: number, 
/** The origin's version; empty when it has none. */
version: string, 
/** True when the source is no longer current. */
stale: boolean, 
/** True when it states something else than what is shown. */
differs: boolean, };

/** The observations behind one fact. */
export type EvidenceReport = { 
/** The fact: `payments is critical`. */
title: string, 
/** The rule that decided. */
rule: string, 
/** One card a statement. */
cards: Array<EvidenceCard>, 
/** How many more there are. */
more: number, 
/** What a disagreement means; empty when there is none. */
meaning: string, };

/** A fact. */
export type FactRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** What it is about: `State`, `Address`. */
label: string, 
/** The value. */
value: string, 
/** How loud. */
tone: Tone, 
/** A moment to show as an age behind the value; milliseconds since 1970. */
at: number | null, 
/** What to open on a click besides its evidence. */
link: Subject | null, 
/** Who says so. */
pips: Array<Pip>, };

/** A check that does not pass. */
export type FailingCheck = { 
/** `c:` and the check's id and instance. */
key: string, 
/** The service. */
service: Named, 
/** The instance's id. */
instance: string, 
/** Its address and port. */
address: string, 
/** The check's name. */
name: string, 
/** `http`, `ttl` ...; empty when not said. */
method: string, 
/** Its result. */
health: Health, 
/** Since when. */
since: Since, 
/** What it printed. */
output: string, 
/** True for a check of the node. */
of_node: boolean, 
/** The node. */
node: string | null, 
/** True when its source is no longer current. */
stale: boolean, 
/** Who says so. */
source: string, };

/** What went wrong, for people and programs. The window shows it and never matches on the sentences. */
export type Failure = { 
/** Stable code, such as `consul.acl_denied`. */
code: string, 
/** What was tried, on what, and what came back. */
message: string, 
/** What to do next; may be empty. */
hint: string, 
/** The source that it is about. */
source: string | null, };

/** The head of the first screen. */
export type FirstRunHead = { 
/** True while systems are being asked whether they answer. */
looking: boolean, 
/** When it was last looked; milliseconds since 1970. */
looked_at: number | null, 
/** True while the demo fleet runs. */
demo: boolean, 
/** The profiles of this user. */
profiles: Array<ProfileRow>, 
/** Why the profiles cannot be listed. */
profiles_fault: Failure | null, };

/** What `fold` is asked with. */
export type FoldArgs = { 
/** The group's id. */
group: string, 
/** True folds, false unfolds. */
folded: boolean, };

/** A system that was looked for. */
export type FoundRow = { 
/** Unique. */
key: string, 
/** What to give `connect`; `null` where this version cannot connect. */
spec: string | null, 
/** What it is: `Consul`, a context's name. */
title: string, 
/** Where it was found. */
place: string, 
/** What came of asking. */
state: FoundState, 
/** The state in words: product and version, or why it was not asked. */
detail: string, 
/** How long the answer took, in milliseconds. */
took_ms: number | null, 
/** Why it does not answer. */
fault: Failure | null, 
/** True when it is connected already. */
connected: boolean, };

/** What came of asking. */
export type FoundState = "answers" | "fails" | "not_asked";

/** A group's box, or its stack of sheets while folded. */
export type GroupBox = { 
/** The card key that edges of a folded group end at: `g:` and the group's id. */
key: string, 
/** The group's id, for `fold`. */
id: string, 
/** Its title. */
title: string, 
/** Its rectangle in the positions. */
slot: number, 
/** True while it is drawn as one stack. */
folded: boolean, 
/** Members that are services or external parties; queues and topics are not among them. */
services: number, 
/** Instances of all members; queues and topics have none. */
instances: number, 
/** Members that are queues or topics. */
channels: number, 
/** Members by health. */
counts: HealthCounts, 
/** The worst of them. */
worst: Health, 
/** True when no member's source is current. */
stale: boolean, };

/** How cards are grouped. */
export type GroupBy = "namespace" | "datacenter" | "team";

/** The roll-up's words. */
export type Health = "passing" | "unknown" | "maintenance" | "warning" | "critical";

/** How many of each. */
export type HealthCounts = { 
/** All checks pass. */
passing: number, 
/** Nobody says. */
unknown: number, 
/** Taken out on purpose. */
maintenance: number, 
/** Usable, with a complaint. */
warning: number, 
/** Not usable. */
critical: number, };

/** The head of the screen. */
export type HealthHead = { 
/** Services by health. */
services: HealthCounts, 
/** Checks by health. */
checks: HealthCounts, 
/** How many causes. */
problems: number, 
/** Alerts that fire. */
firing: number, 
/** Alerts whose condition holds, but not for long enough yet. */
pending: number, 
/** Why there are no alerts: who would have them; `null` when there are some. */
no_alerts: string | null, 
/** What to say when nothing is wrong, or nothing is known; `null` when something is. */
empty: string | null, };

/** Causes first, then every check that does not pass, then every alert. */
export type HealthRow = { "kind": "problem" } & Problem | { "kind": "check" } & FailingCheck | { "kind": "alert" } & AlertRow;

/** What `history` and `breaker_history` are asked with. One of the same kind that is still under way in this window is taken back. */
export type HistoryArgs = { 
/** A service or an edge; for `breaker_history` a breaker. */
subject: Subject, 
/** How far back, in seconds; at most a day. */
reach_s: number, 
/** The window's number for it, for `history_close`. */
ask: number, };

/** What `history_close` is asked with. */
export type HistoryCloseArgs = { 
/** The number that the history was asked for with. */
ask: number, };

/** The signals at one moment. Each is null where nobody measured it. */
export type HistoryPoint = { 
/** Milliseconds since 1970. */
at: number, 
/** Calls per second. */
rps: number | null, 
/** Failed calls of all calls, 0 to 1. */
error_ratio: number | null, 
/** 95th percentile of the latency in milliseconds. */
p95_ms: number | null, };

/** A system that was found inside a cluster. */
export type InsideRow = { 
/** Product and version where it said so: `Consul 1.22.7`. */
title: string, 
/** Its Service, `NAMESPACE/NAME:PORT`. */
service: string, 
/** By what it was recognised: `label app=consul`. */
by: string, 
/** By which way it was asked and is read; empty where it was not asked. */
way: string, 
/** What to give `connect`; `null` where this version cannot, and where it is connected already. */
spec: string | null, 
/** What became of it, in words: connected, turned off, not read by this version, not what it seems. */
note: string, 
/** True when it is connected. */
connected: boolean, };

/** A breaker toward the thing or from it. */
export type InspectorBreaker = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The breaker's id. */
id: string, 
/** Whose calls it guards. */
caller: Named, 
/** Whom they go to. */
callee: Named | null, 
/** The library's name for it. */
name: string, 
/** Failure, capacity or endpoint. */
breaker_kind: BreakerKind, 
/** Its state. */
state: BreakerState, 
/** Since when. */
since: Since, 
/** Caller instances in which it lets no call pass. */
open: number, 
/** Caller instances that report it. */
of: number, 
/** Refused calls per second. */
rejected_per_s: number | null, 
/** Who says so. */
pips: Array<Pip>, };

/** The head of the inspector. */
export type InspectorHead = { 
/** What is shown. */
subject: Subject, 
/** False when it is no longer (or not yet) in the picture. */
known: boolean, 
/** Its name. */
title: string, 
/** The state in words: `critical`, `open`, `1 of 3 passing`. */
state: string, 
/** The state for the glyph; `null` where health is not what it has. */
health: Health | null, 
/** The breaker's state for the glyph. */
breaker: BreakerState | null, 
/** Since when. */
since: Since | null, 
/** True when none of its sources is current. */
stale: boolean, 
/** When the last of its sources ceased to be current; milliseconds since 1970. */
stale_since: number | null, 
/** Short labels under the title: `dc dc1`, `tag v2`. */
chips: Array<Chip>, 
/** What can be done; the first possible one is the primary one. */
actions: Array<Action>, 
/** Why a section is empty, by section. */
empty: Array<EmptySection>, };

/** What the inspector is asked with. */
export type InspectorParams = { 
/** What is selected. */
subject: Subject, };

/** A line of the inspector. Every row names its section. */
export type InspectorRow = { "kind": "fact" } & FactRow | { "kind": "disagreement" } & DisagreementLine | { "kind": "signals" } & SignalsRow | { "kind": "call" } & CallRow | { "kind": "instance" } & InstanceRow | { "kind": "check" } & CheckRow | { "kind": "alert" } & AlertLine | { "kind": "breaker" } & InspectorBreaker | { "kind": "process" } & ProcessRow | { "kind": "claim" } & ClaimRow | { "kind": "rule" } & RuleRow | { "kind": "config" } & ConfigUsed;

/** An instance. */
export type InstanceRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The instance's id in the picture, what `deregister_plan` takes. */
id: string, 
/** The id that its source gives it. */
native_id: string, 
/** Address and port. */
address: string, 
/** The node it runs on. */
node: string | null, 
/** Its state. */
health: Health, 
/** Since when. */
since: Since, 
/** Why it is not well, or that it goes; empty when there is nothing to say. */
note: string, 
/** Since when it is on its way out; milliseconds since 1970. */
terminating: number | null, 
/** Checks that pass. */
passing: number, 
/** All checks. */
checks: number, 
/** True when a sidecar fronts it. */
sidecar: boolean, 
/** Tags. */
tags: Array<string>, 
/** Free key-value pairs. */
meta: Array<Chip>, 
/** True when its source is no longer current. */
stale: boolean, 
/** Whether it can be deregistered. */
deregister: Offer, 
/** Whether its log can be read; `null` where nobody has one. */
logs: Offer | null, 
/** Who says so. */
pips: Array<Pip>, };

/** What happens to a key. */
export type KeyAction = "create" | "change" | "delete";

/** One key's part of a plan. */
export type KeyPlan = { 
/** The key's id. */
id: string, 
/** Its path. */
path: string, 
/** `create`, `change` or `delete`. */
action: KeyAction, 
/** The value before; `null` when it does not exist. */
before: ConfigBody | null, 
/** The value after; `null` when it is deleted. */
after: ConfigBody | null, 
/** The difference. */
diff: Array<DiffLine>, 
/** The guard that the store checks: `cas = 48213`. */
guard: string, 
/** Other keys beneath this one, which stay. */
beneath: Array<string>, 
/** May it be written, in words. */
permission: string, 
/** False when the system says no. */
permitted: boolean, 
/** Flags, lock, size. */
notes: Array<string>, };

/** How often a kind was found. */
export type KindCount = { 
/** The kind. */
kind: DisagreementKind, 
/** Its name for people. */
title: string, 
/** How many. */
count: number, };

/** The lanes. */
export type Lane = "edits" | "health" | "breakers" | "sources";

/** What the live indicator shows. */
export type LiveState = "nothing" | "connecting" | "live" | "partly" | "not";

/** A container of the Pod. */
export type LogContainer = { 
/** Its name. */
name: string, 
/** What it is for; empty for the work itself. */
role: string, 
/** How often it was started anew. */
restarts: number, 
/** True when a run before the present one is known. */
has_previous: boolean, };

/** A line. */
export type LogRow = { 
/** When it was written; milliseconds since 1970. */
at: number | null, 
/** Its text, made visible. */
text: string, 
/** Bytes of it that are left out at the end. */
left_out: number, };

/** What `logs_next` and `logs_close` are asked with. */
export type LogsArgs = { 
/** The log's number. */
log: number, };

/** What arrived since the last batch. Comes when there is something, or after a second without. */
export type LogsBatch = { 
/** The lines, oldest first. */
lines: Array<LogRow>, 
/** Lines before these that nobody fetched in time, and that are lost. */
dropped: number, 
/** Set when nothing will follow. */
ended: LogsEnd | null, };

/** How a log ended. */
export type LogsEnd = { 
/** Why it broke off; `null` when it ended by itself. */
failure: Failure | null, };

/** What `logs_open` is asked with. A log that was open in this window is closed. */
export type LogsOpenArgs = { 
/** The instance's id in the picture. */
instance: string, 
/** The container; `null` for the usual one. */
container: string | null, 
/** The run before the present one. */
previous: boolean, 
/** How many lines from the end. */
tail: number, 
/** Go on with what is written from now on. */
follow: boolean, };

/** A log that was opened. */
export type LogsOpened = { 
/** Its number, for `logs_next` and `logs_close`. */
log: number, 
/** The Pod, as `NAMESPACE/NAME`. */
pod: string, 
/** The container that is shown. */
container: string, 
/** All containers: those that work first. Empty where the account may not see the Pod. */
containers: Array<LogContainer>, 
/** The same as a line for a terminal. */
command: string, };

/** How a conflict is settled. */
export type MergeChoice = "theirs" | "yours" | "both" | "open";

/** A piece of a merge. */
export type MergeChunk = { "kind": "same", 
/** The lines. */
lines: Array<string>, } | { "kind": "taken", 
/** Whose change it is. */
side: MergeChoice, 
/** The lines before. */
base: Array<string>, 
/** The lines after. */
lines: Array<string>, } | { "kind": "conflict", 
/** Its place among the conflicts, from 0. */
number: number, 
/** The lines before. */
base: Array<string>, 
/** What is there now. */
theirs: Array<string>, 
/** What the person wants. */
yours: Array<string>, 
/** How it is settled. */
choice: MergeChoice, };

/** A three-way merge by lines. */
export type Merged = { 
/** The pieces in their order. */
chunks: Array<MergeChunk>, 
/** Conflicts without a choice. */
open: number, 
/** The whole result; `null` while conflicts are open. */
text: string | null, };

/** A key-value pair. */
export type MetaEntry = { 
/** The key. */
key: string, 
/** The value. */
value: string, };

/** What a metric means, in the words of who declared it. */
export type MetricMeaning = { 
/** The metric. */
name: string, 
/** `counter`, `gauge`, `histogram` and the like. */
declared: string, 
/** What its numbers are counted in; empty where nobody says. */
unit: string, 
/** What it is for; empty where nobody says. */
help: string, 
/** How its type contradicts the way in which it is read; empty where it does not. */
contradiction: string, };

/** A service by id, with the name to show. */
export type Named = { 
/** The service's id. */
id: string, 
/** Its name. */
name: string, };

/** No argument. */
export type Nothing = Record<symbol, never>;

/** What the channel carries, and nothing else: the first at once, then at most 20 a second for each view. */
export type Notice = { 
/** The view that has changed. */
view: View, 
/** The revision that a pull will now lead to, at least. */
revision: number, };

/** An action that may be offered; where it cannot work, the reason stands beside the button. */
export type Offer = { 
/** Whether it can be done now. */
possible: boolean, 
/** Why not; empty when possible. */
reason: string, };

/** What `open_profile` is asked with. */
export type OpenProfileArgs = { 
/** The profile's name. */
name: string, };

/** What `palette` is asked with. */
export type PaletteArgs = { 
/** What was typed; empty lists what is worth a look. */
query: string, 
/** How many at most; capped at 200. */
limit: number, };

/** A thing that was found. */
export type PaletteItem = { 
/** What to open. */
subject: Subject, 
/** Its name. */
title: string, 
/** Where it is: datacenter, source, path. */
detail: string, 
/** Its state. */
health: Health | null, };

/** That a breaker went from one state to another. */
export type PastState = { 
/** When; milliseconds since 1970. */
at: number, 
/** The state before. */
from: BreakerState, 
/** The state after. */
to: BreakerState, };

/** The answer to a pull: everything, or what changed since the revision that the window has. */
export type Patch<H, R> = { "kind": "full", 
/** The revision that this is. */
revision: number, 
/** What is not a row. */
head: H, 
/** All rows in their order. */
rows: Array<R>, } | { "kind": "delta", 
/** The revision that this builds on: the one asked with. */
since: number, 
/** The revision that this leads to. */
revision: number, 
/** Present when it changed. */
head: H | null, 
/** New and changed rows, by their `key`. */
put: Array<R>, 
/** Keys of rows that are gone. */
removed: Array<string>, 
/** The order of all keys, present when appending the new rows at the end does not give it. */
order: Array<string> | null, };

/** How the two sides talk. */
export type Pattern = "request_response" | "push" | "work_queue" | "publish_subscribe" | "rpc" | "unknown";

/** The format of the body. */
export type Payload = "json" | "xml" | "binary" | "unknown";

/** A source in short, for pips. */
export type Pip = { 
/** One letter of the source's kind: C, S, H. */
letter: string, 
/** The source's id. */
source: string, 
/** True when it states something else than the fact that is shown. */
differs: boolean, };

/** What `positions` is asked with.
 *
 * The answer is bytes, little endian: the layout's number and the number of slots as 32-bit unsigned integers, then for
 * each slot `x`, `y`, `width`, `height` as 32-bit floats, in pixels at zoom 1. A slot that is not in use is all zero. */
export type PositionsArgs = { 
/** The layout's number, from the topology's head. A later layout is answered when that one is gone. */
layout: number, };

/** How the person likes the window. */
export type Preferences = { 
/** Dark, light, or as the system has it. */
theme: Theme, };

/** One cause with its reach. */
export type Problem = { 
/** `p:` and a stable name of the cause. */
key: string, 
/** What sort of cause. */
cause: Cause, 
/** One sentence: `Node n2 is critical`. */
title: string, 
/** How bad: the worst of the cause and of what is behind it. */
health: Health, 
/** Since when. */
since: Since, 
/** The reach in words: `1 of 3 instances · 2 services behind it: checkout, storefront`. */
reach: string, 
/** A line of evidence: a check's output, an error's text; may be empty. */
detail: string, 
/** An error code, where the cause has one. */
code: string | null, 
/** What to open; the first is the main one. */
subjects: Array<Subject>, 
/** What it explains: the nearest first, then the worst. */
behind: Array<Symptom>, 
/** A key of the cause that changed shortly before, the latest one. */
changed: ChangedKey | null, };

/** A breaker in one process. */
export type ProcessRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** Its address, or the source's own key of it. */
process: string, 
/** The state there. */
state: BreakerState, 
/** Since when. */
since: Since, 
/** True when nobody tells the state and it is concluded from something else. */
derived: boolean, 
/** Refused calls per second; `null` when nobody counts them. */
rejected_per_s: number | null, 
/** The share of calls that failed in the breaker's own window, 0 to 1. */
failing: number | null, 
/** True when none of its sources is current. */
stale: boolean, 
/** What it went through, oldest first. */
past: Array<PastState>, };

/** A named set of connections. */
export type ProfileRow = { 
/** What `open_profile` takes. */
name: string, 
/** What it reads, as `KIND=WHERE`. */
sources: Array<string>, 
/** True when every write by its connections is refused. */
read_only: boolean, 
/** Why it cannot be opened. */
fault: Failure | null, 
/** True when all its connections are open. */
open: boolean, };

/** What travels on an edge. */
export type Protocol = "http" | "grpc" | "tcp" | "messaging" | "unknown";

/** What `pull` is asked with. One request a view at a time. */
export type PullArgs = { 
/** The view with its parameters. */
request: ViewRequest, 
/** The revision that the window has; `null` for none. Other parameters than last time answer with everything. */
since: number | null, };

/** What `register_plan` is asked with. */
export type RegisterPlanArgs = { 
/** The source to register in. */
source: string, 
/** The service's name. */
name: string, 
/** The instance's id; the name when `null`. */
id: string | null, 
/** IP address or host name; the node's when `null`. */
address: string | null, 
/** Port, 0 for none. */
port: number, 
/** Tags. */
tags: Array<string>, 
/** Free key-value pairs. */
meta: Array<MetaEntry>, 
/** Checks. */
checks: Array<CheckDraft>, 
/** A node to register it on through the catalog; the agent's own when `null`. */
node: string | null, };

/** What a registration or deregistration will do. */
export type RegistrationPlan = { 
/** What `registry_apply` takes. */
plan: string, 
/** Where. */
source: string, 
/** The instance that it is about. */
instance: string, 
/** `agent` or `catalog`. */
road: string, 
/** Why this road. */
why: string, 
/** The agent or node that it goes to. */
at: string, 
/** The requests in their order. */
requests: Array<RequestPreview>, 
/** What a person should know before. */
notes: Array<string>, 
/** Short facts about it. */
facts: Array<Chip>, 
/** Whether it can be carried out now. */
apply: Offer, };

/** What came of it. */
export type RegistryApplied = { 
/** True when the catalog says the same. */
stuck: boolean, 
/** In words. */
sentence: string, };

/** What `registry_apply` is asked with. */
export type RegistryApplyArgs = { 
/** The plan. */
plan: string, 
/** Why, for the audit; may be empty. */
why: string, };

/** What was refused at one moment. */
export type RejectedPoint = { 
/** Milliseconds since 1970. */
at: number, 
/** Refused calls per second of all processes; null where nobody counted them. */
rejected_per_s: number | null, };

/** What `relayout` is asked with. */
export type RelayoutArgs = { 
/** The grouping to place anew. */
group_by: GroupBy, };

/** What `remember_offer` is asked with. */
export type RememberOfferArgs = { 
/** The open connection that the token is for; `null` for one that is about to be added. */
spec: string | null, };

/** A request as it will be sent, without a token. */
export type RequestPreview = { 
/** `PUT`. */
method: string, 
/** Path and query. */
path: string, 
/** The body. */
body: string, };

/** A rule of the mesh. */
export type RuleRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** `service-defaults`, `service-intentions` ... */
rule: string, 
/** The entry's name. */
name: string, 
/** What it says. */
summary: string, 
/** Who says so. */
pips: Array<Pip>, };

/** The screens of this version, in the order of the rail. */
export type Screen = "topology" | "services" | "health" | "breakers" | "config" | "disagreements" | "sources";

/** A text that only ever goes from the window to the app, and is printed nowhere. */
export type Secret = string;

/** The sections, in their fixed order. */
export type Section = "facts" | "disagreements" | "why" | "signals" | "calls" | "instances" | "workloads" | "reached" | "checks" | "alerts" | "events" | "processes" | "breakers" | "rules" | "config";

/** What a node of the topology is. */
export type ServiceRole = "service" | "gateway" | "external" | "channel";

/** A service. */
export type ServiceRow = { 
/** The service's id. */
key: string, 
/** Its name. */
name: string, 
/** Its namespace. */
namespace: string | null, 
/** Datacenter or cluster. */
place: string, 
/** Service, gateway, external or channel. */
role: ServiceRole, 
/** Its state. */
health: Health, 
/** Since when. */
since: Since, 
/** True when none of its sources is current. */
stale: boolean, 
/** When the last of its sources ceased to be current; milliseconds since 1970. */
stale_since: number | null, 
/** How many instances. */
instances: number, 
/** How many of them pass. */
passing: number, 
/** What its callers measure, summed. */
signals: Signals, 
/** How loud its error ratio is. */
tone: Tone, 
/** Calls in. */
callers: number, 
/** Calls out. */
callees: number, 
/** The most notable state among the breakers at it, and how many there are. */
breaker: BreakerState | null, 
/** How many disagreements of its sources concern it. */
disagreements: number, 
/** Who knows it. */
sources: Array<Pip>, 
/** Tags. */
tags: Array<string>, 
/** The first line of its worst check's output; empty when all pass. */
worst_output: string, };

/** The head of the table. */
export type ServicesHead = { 
/** How many rows. */
total: number, 
/** By health. */
counts: HealthCounts, 
/** Instances of all services. */
instances: number, 
/** Why the table is empty, and what would fill it; `null` when it is not. */
empty: string | null, };

/** The head of the shell. */
export type ShellHead = { 
/** Binnacle's version. */
version: string, 
/** The profiles of what is open, by name; `this computer` for what was opened without one. */
profile: string, 
/** `read-write`, `read-only`, or `partly read-only` when some connections may be written by. */
access: string, 
/** Why it is read-only, as far as it is. */
read_only: string | null, 
/** True while the demo fleet runs in this process. */
demo: boolean, 
/** The live indicator. */
live: LiveState, 
/** The live indicator in words: `Live`, `Not live: consul:dc2 failing`. */
live_words: string, 
/** Services by health. */
services: HealthCounts, 
/** Counts on the rail. */
badges: Array<Badge>, 
/** The latest thing worth saying aloud; `null` before the first. */
announcement: Announcement | null, };

/** A source in the header. */
export type ShellSource = { 
/** The source's id. */
key: string, 
/** One letter of its kind. */
letter: string, 
/** How the header names it: `consul dc1`. */
name: string, 
/** How it is doing. */
state: SourceState, 
/** Since when; milliseconds since 1970. */
since: number, 
/** When it last gave a whole answer; milliseconds since 1970. */
last_answer: number | null, 
/** Why it is failing or stale. */
fault: Failure | null, };

/** How the signals went. */
export type SignalHistory = { 
/** The source's id. */
source: string, 
/** The same for people. */
name: string, 
/** One a step, oldest first, also where nothing is known: a line leads from one to the next only where both have the number. */
points: Array<HistoryPoint>, 
/** Milliseconds between two of them. */
step_ms: number, 
/** What each looks back over, in milliseconds. */
window_ms: number, 
/** How many processes counted these calls; 0 where they are summed over all. What others counted that are gone is not in it. */
processes: number, 
/** What was asked. */
queries: Array<string>, 
/** What is missing of it. */
missing: Array<Failure>, };

/** Measured calls. */
export type Signals = { 
/** Calls per second. */
rps: number | null, 
/** Failed calls of all calls, 0 to 1. */
error_ratio: number | null, 
/** Median latency in milliseconds. */
p50_ms: number | null, 
/** 95th percentile of the latency in milliseconds. */
p95_ms: number | null, 
/** 99th percentile of the latency in milliseconds. */
p99_ms: number | null, };

/** Numbers with their evidence. */
export type SignalsRow = { 
/** Unique; also what `evidence` takes as `fact`. */
key: string, 
/** The section. */
section: Section, 
/** The numbers. */
signals: Signals, 
/** How loud the error ratio is. */
tone: Tone, 
/** The source that can be asked how they went; null where nobody keeps that. */
history: string | null, 
/** Who says so. */
pips: Array<Pip>, };

/** Since when something is as it is. */
export type Since = { 
/** Milliseconds since 1970. */
at: number, 
/** False when it was already so at first sight: "at least since". */
seen_changing: boolean, };

/** A source. */
export type SourceRow = { 
/** The source's id. */
key: string, 
/** One letter of its kind. */
letter: string, 
/** The kind's word. */
source_kind: string, 
/** How people call it: `consul dc1`. */
name: string, 
/** How it is doing. */
state: SourceState, 
/** Since when; milliseconds since 1970. */
since: number, 
/** Where it is reached, without credentials. */
address: string, 
/** Product and version. */
product: string | null, 
/** Why it is failing or stale. */
fault: Failure | null, 
/** Parts that cannot be read while the rest works. */
partial: Array<Failure>, 
/** What is worth knowing of how it is read, and nobody's fault: sentences. */
notes: Array<string>, 
/** When the next attempt is due; milliseconds since 1970. */
next_try: number | null, 
/** What may be done, in words. */
abilities: Array<string>, 
/** How many facts it states. */
facts: number, 
/** The connection that brings it. */
connection: string | null, 
/** Requests of that connection. */
requests: number, 
/** Requests of that connection without a usable answer. */
failures: number, 
/** Bytes of answers of that connection. */
bytes: number, 
/** When that connection's last whole answer came; milliseconds since 1970. */
last_answer: number | null, };

/** How a source is doing. */
export type SourceState = "connecting" | "live" | "stale" | "failing" | "off";

/** The head of the screen. */
export type SourcesHead = { 
/** Open connections. */
connections: Array<ConnectionRow>, 
/** The kinds that `connect` takes. */
kinds: Array<string>, 
/** True while the demo fleet runs. */
demo: boolean, };

/** What can be done about it. */
export type Step = { "does": "deregister", 
/** The button's words. */
label: string, 
/** The registry. */
source: string, 
/** The instance's id in the picture. */
instance: string, 
/** The instance's id in the registry. */
name: string, 
/** Whether it is possible, and why not. */
offer: Offer, } | { "does": "show", 
/** The button's words. */
label: string, 
/** What to open. */
subject: Subject, 
/** The row of the inspector to point at, where there is one. */
fact: string | null, } | { "does": "copy", 
/** The button's words. */
label: string, 
/** The command. */
text: string, };

/** What a row, a fact or a command is about. */
export type Subject = { 
/** The kind of object. */
kind: SubjectKind, 
/** Its id. */
id: string, };

/** The kinds of objects that can be selected. */
export type SubjectKind = "service" | "edge" | "breaker" | "config" | "source";

/** What `subscribe` is asked with, besides its channel. */
export type SubscribeArgs = { 
/** The views to be told about. A later call replaces the earlier one. */
views: Array<View>, };

/** What came of it. */
export type SwitchApplied = { 
/** True when the system says the same. */
stuck: boolean, 
/** In words. */
sentence: string, };

/** What `switch_apply` is asked with. */
export type SwitchApplyArgs = { 
/** The plan. */
plan: string, 
/** Why, for the audit; may be empty. */
why: string, };

/** What a switch will do. */
export type SwitchPlan = { 
/** What `switch_apply` takes. */
plan: string, 
/** The library's name for the breaker. */
name: string, 
/** The request. */
request: RequestPreview, 
/** What a person should know before. */
notes: Array<string>, 
/** What undo will do. */
undo: string, 
/** Short facts about it, the state that was seen among them. */
facts: Array<Chip>, 
/** Whether it can be carried out now. */
apply: Offer, };

/** What `switch_plan` is asked with. */
export type SwitchPlanArgs = { 
/** The breaker's id in the picture. */
breaker: string, 
/** To what. */
to: BreakerSwitch, };

/** What a cause explains. It stands under one cause only. */
export type Symptom = { 
/** Which service. */
service: Named, 
/** How bad it is by itself. */
health: Health, 
/** Since when; `null` where nobody keeps it, as for calls that fail. */
since: Since | null, 
/** What is wrong with it: `calls to payments: 31.0 % errors · breaker to payments open, 1 of 2`. */
words: string, 
/** Names of further causes, less bad than the one that it stands under. */
also: Array<string>, };

/** Colours. */
export type Theme = "system" | "dark" | "light";

/** The head of the timeline. */
export type TimelineHead = { 
/** Since when anything is known; milliseconds since 1970. */
from: number, 
/** Edits among the rows. */
edits: number, 
/** Transitions among the rows. */
transitions: number, };

/** What the timeline is asked with. */
export type TimelineParams = { 
/** How far back, in milliseconds. */
span_ms: number, };

/** An event. */
export type TimelineRow = { 
/** Unique. */
key: string, 
/** When; milliseconds since 1970. */
at: number, 
/** Where it is drawn. */
lane: Lane, 
/** What it is about. */
subject: Subject, 
/** The name to show. */
title: string, 
/** The state before; empty for an edit. */
from: string, 
/** The state after; for an edit what it did. */
to: string, 
/** One line about why; may be empty. */
detail: string, 
/** How loud. */
tone: Tone, 
/** The edit's number, for its undo. */
edit: string | null, };

/** How much a number calls for attention: errors turn warning at 1 % and critical at 5 %. */
export type Tone = "normal" | "warning" | "critical";

/** A line. Lines to members of a folded group are joined into one to its stack. */
export type TopologyEdge = { 
/** `e:` and the id. */
key: string, 
/** The edge's id; for a bundle that of its loudest edge. */
id: string, 
/** The caller's card key, `n:...` or `g:...`. */
from: string, 
/** The callee's card key. */
to: string, 
/** How many edges it stands for; 1 unless an end is folded. */
bundled: number, 
/** What travels. */
protocol: Protocol, 
/** How the two talk. */
pattern: Pattern, 
/** The body's format. */
payload: Payload, 
/** Observed, declared or undeclared. */
state: EdgeState, 
/** The numbers. */
signals: Signals, 
/** How loud its error ratio is. */
tone: Tone, 
/** True when none of its sources is current. */
stale: boolean, 
/** The most notable breaker on it. */
breaker: EdgeBreaker | null, };

/** The head of the topology. */
export type TopologyHead = { 
/** All services, externals and channels. */
services: number, 
/** Those with a card of their own. */
shown: number, 
/** Those inside folded groups. */
folded: number, 
/** The number of the layout; other positions have another number (`positions`). */
layout: number, 
/** The grouping that this is. */
group_by: GroupBy, 
/** All groups. */
groups: Array<GroupBox>, 
/** Why the picture is empty, and what would fill it; `null` when it is not. */
empty: string | null, };

/** A card. */
export type TopologyNode = { 
/** `n:` and the id. */
key: string, 
/** The service's id. */
id: string, 
/** Its name. */
name: string, 
/** The group's id. */
group: string, 
/** Its namespace. */
namespace: string | null, 
/** Datacenter or cluster. */
place: string, 
/** Service, gateway, external or channel. */
role: ServiceRole, 
/** Its rectangle in the positions; `null` while its group is folded. */
slot: number | null, 
/** Its state. */
health: Health, 
/** Since when. */
since: Since, 
/** True when none of its sources is current. */
stale: boolean, 
/** When the last of its sources ceased to be current; milliseconds since 1970. */
stale_since: number | null, 
/** How many instances. */
instances: number, 
/** How many of them pass. */
passing: number, 
/** Instances by health, for the spine. */
segments: HealthCounts, 
/** What its callers measure, summed. */
signals: Signals, 
/** How loud its error ratio is. */
tone: Tone, 
/** Who knows it. */
sources: Array<Pip>, 
/** Tags. */
tags: Array<string>, 
/** True when sources disagree about it. */
disagrees: boolean, 
/** A queue's or topic's numbers. */
channel: ChannelSignals | null, };

/** What the topology is asked with. */
export type TopologyParams = { 
/** How cards are grouped. */
group_by: GroupBy, };

/** A card or a line of the topology. */
export type TopologyRow = { "kind": "node" } & TopologyNode | { "kind": "edge" } & TopologyEdge;

/** What `try_now` is asked with. */
export type TryNowArgs = { 
/** The source. */
source: string, };

/** What a value looks like. */
export type ValueKind = "json" | "yaml" | "toml" | "hcl" | "xml" | "properties" | "text" | "binary" | "empty";

/** The names of the views. */
export type View = "shell" | "first_run" | "topology" | "services" | "health" | "breakers" | "config_tree" | "disagreements" | "sources" | "timeline" | "inspector";

/** What a pull answers. */
export type ViewPatch = { "view": "shell", "patch": Patch<ShellHead, ShellSource> } | { "view": "first_run", "patch": Patch<FirstRunHead, FoundRow> } | { "view": "topology", "patch": Patch<TopologyHead, TopologyRow> } | { "view": "services", "patch": Patch<ServicesHead, ServiceRow> } | { "view": "health", "patch": Patch<HealthHead, HealthRow> } | { "view": "breakers", "patch": Patch<BreakersHead, BreakerRow> } | { "view": "config_tree", "patch": Patch<ConfigTreeHead, ConfigTreeRow> } | { "view": "disagreements", "patch": Patch<DisagreementsHead, DisagreementRow> } | { "view": "sources", "patch": Patch<SourcesHead, SourceRow> } | { "view": "timeline", "patch": Patch<TimelineHead, TimelineRow> } | { "view": "inspector", "patch": Patch<InspectorHead, InspectorRow> };

/** A view with its parameters. */
export type ViewRequest = { "view": "shell" } | { "view": "first_run" } | { "view": "topology" } & TopologyParams | { "view": "services" } | { "view": "health" } | { "view": "breakers" } | { "view": "config_tree" } & ConfigTreeParams | { "view": "disagreements" } | { "view": "sources" } | { "view": "timeline" } & TimelineParams | { "view": "inspector" } & InspectorParams;
