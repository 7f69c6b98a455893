/**
 * A shop of seventeen services in which payments fails: every state of a card, an edge and a breaker in one picture.
 * Laid out by hand; what a real fleet answers is recorded beside it.
 */
import type {
  AlertRow, BreakerRow, BreakerState, ClaimCard, ConfigBody, ConfigPlan, ConfigTreeRow, ConfigValue, DisagreementRow,
  DisagreementsHead, FoundRow, GroupBox, Health, HealthCounts, InspectorRow, Offer, Pip, ServiceRow, ShellHead,
  Signals, SourceRow, Tone, TopologyEdge, TopologyNode,
} from '../src/host/contract/types';
import type { Answer, Recording, Still } from '../src/host/recorded';

export const NOW = Date.UTC(2026, 10, 24, 13, 24, 6);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const YES: Offer = { possible: true, reason: '' };
const C: Pip = { letter: 'C', source: 'consul:dc1', differs: false };
const S: Pip = { letter: 'S', source: 'scrape:shop', differs: false };

const NONE: HealthCounts = { passing: 0, unknown: 0, maintenance: 0, warning: 0, critical: 0 };
const STATES: Readonly<Record<string, Health>> = { p: 'passing', w: 'warning', c: 'critical', m: 'maintenance', u: 'unknown' };
const toneOf = (ratio: number | null): Tone => (ratio === null || ratio < 0.01 ? 'normal' : ratio < 0.05 ? 'warning' : 'critical');
const signals = (rps: number | null, error_ratio: number | null, p95_ms: number | null): Signals => ({
  rps, error_ratio, p95_ms, p50_ms: p95_ms === null ? null : p95_ms / 3, p99_ms: p95_ms === null ? null : p95_ms * 1.8,
});

type Spec = [name: string, group: string, x: number, y: number, instances: string, rps: number | null, errors: number | null, p95: number | null, more?: Partial<TopologyNode>];

const SPECS: readonly Spec[] = [
  ['storefront', 'edge', 24, 104, 'pppp', 1240, 0.001, 96],
  ['mobile-bff', 'edge', 24, 180, 'p', 410, 0.001, 71],
  ['auth', 'identity', 24, 304, 'ppp', 366, 0, 18],
  ['search', 'shop', 228, 104, 'pp', 212, 0, 64],
  ['catalog', 'shop', 228, 180, 'ppppp', 852, 0, 22, { disagrees: true }],
  ['cart', 'shop', 228, 256, 'ppp', 181, 0.001, 31],
  ['checkout', 'shop', 228, 364, 'ppw', 134, 0.098, 412, { since: { at: NOW - 134 * SECOND, seen_changing: true } }],
  ['inventory', 'shop', 436, 232, 'ppp', 188, 0.002, 40],
  ['orders', 'shop', 436, 472, 'ppw', 61, 0.032, 233, { since: { at: NOW - 86 * SECOND, seen_changing: true } }],
  ['shipping', 'shop', 436, 552, 'mm', null, null, null, { since: { at: NOW - 34 * MINUTE, seen_changing: false } }],
  ['fraud', 'pay', 648, 224, 'pp', 94, 0, 27],
  ['payments', 'pay', 648, 340, 'pcc', 96, 0.314, 204, { since: { at: NOW - 188 * SECOND, seen_changing: true }, disagrees: true }],
  ['acquirer-nord', 'pay', 860, 224, '', 94, 0.31, null, { role: 'external', health: 'unknown' }],
  ['ledger', 'pay', 860, 340, 'ppp', 66, 0, 12],
  ['warehouse', 'dc2', 860, 104, 'pp', 40, 0.003, 88, { stale: true, stale_since: NOW - 232 * SECOND }],
  ['notifications', 'data', 860, 564, 'u', 58, 0, 33],
  ['postgres', 'data', 860, 492, 'pp', 1900, 0, 4],
  ['order.placed', 'data', 648, 536, '', null, null, null, { role: 'channel', channel: { topic: true, in_per_s: 61, out_per_s: 58 } }],
];
const WORST: readonly Health[] = ['critical', 'warning', 'maintenance', 'unknown', 'passing'];

function counts(list: readonly Health[]): HealthCounts {
  return list.reduce((sum, state) => ({ ...sum, [state]: sum[state] + 1 }), NONE);
}

function worst(sum: HealthCounts): Health {
  return WORST.find((state) => sum[state] > 0) ?? 'unknown';
}

function node([name, group, , , instances, rps, errors, p95, more]: Spec, slot: number): TopologyNode {
  const segments = counts([...instances].map((letter) => STATES[letter] ?? 'unknown'));
  return {
    key: `n:${name}`, id: name, name, group, namespace: group === 'dc2' ? null : group, place: group === 'dc2' ? 'dc2' : 'dc1', role: 'service', slot,
    health: instances === '' ? 'passing' : worst(segments), since: { at: NOW - 6 * 24 * 60 * MINUTE, seen_changing: false }, stale: false, stale_since: null,
    instances: instances.length, passing: segments.passing, segments, signals: signals(rps, errors, p95), tone: toneOf(errors),
    sources: [{ ...C, differs: more?.disagrees === true }, S], tags: ['v4'], disagrees: false, channel: null, ...more,
  };
}

type EdgeSpec = [from: string, to: string, rps: number | null, errors?: number, more?: Partial<TopologyEdge>];
const breaker = (state: BreakerState, since: number, open: number, of: number, rejected_per_s: number | null): Partial<TopologyEdge> => ({
  breaker: { id: `b-${state}`, kind: 'failure', state, since: { at: NOW - since, seen_changing: true }, open, of, rejected_per_s, others: 0 },
});
const EDGES: readonly EdgeSpec[] = [
  ['storefront', 'search', 210], ['storefront', 'catalog', 640, 0, breaker('closed', 6 * 24 * 60 * MINUTE, 0, 4, 0)], ['storefront', 'cart', 150], ['storefront', 'checkout', 96],
  ['mobile-bff', 'catalog', 212], ['mobile-bff', 'cart', 31], ['mobile-bff', 'checkout', 38], ['auth', 'checkout', null, 0, { state: 'declared' }],
  ['catalog', 'inventory', 120, 0, breaker('closed', 6 * 24 * 60 * MINUTE, 0, 5, 0)], ['cart', 'inventory', 68], ['cart', 'checkout', 40],
  ['checkout', 'payments', 118, 0.31, breaker('open', 134 * SECOND, 2, 3, 118.2)], ['checkout', 'orders', 61],
  ['checkout', 'shipping', null, 0, { state: 'declared', ...breaker('forced_open', 34 * MINUTE, 3, 3, null) }],
  ['orders', 'payments', 22, 0.032, breaker('half_open', 8 * SECOND, 1, 3, 4.1)], ['orders', 'order.placed', 61, 0, { protocol: 'messaging', pattern: 'publish_subscribe' }], ['orders', 'postgres', 180, 0, { protocol: 'tcp' }],
  ['payments', 'fraud', 94, 0, breaker('disabled', MINUTE, 0, 3, null)], ['payments', 'acquirer-nord', 94, 0.31], ['payments', 'ledger', 66, 0, breaker('closed', 6 * 24 * 60 * MINUTE, 0, 3, 0)],
  ['inventory', 'warehouse', 40, 0, { stale: true }], ['ledger', 'postgres', 140], ['order.placed', 'notifications', 58], ['order.placed', 'shipping', null, 0, { state: 'declared' }],
  ['catalog', 'warehouse', 3, 0, { state: 'undeclared' }],
];

function edge([from, to, rps, errors = 0, more]: EdgeSpec): TopologyEdge {
  return {
    key: `e:${from}>${to}`, id: `${from}>${to}`, from: `n:${from}`, to: `n:${to}`, bundled: 1, protocol: 'http', pattern: 'request_response', payload: 'json',
    state: 'observed', signals: signals(rps, errors, 40), tone: toneOf(errors), stale: false, breaker: null, ...more,
  };
}

const GROUPS: readonly [id: string, x: number, y: number, w: number, h: number][] = [
  ['edge', 12, 68, 168, 184], ['identity', 12, 268, 168, 104], ['shop', 212, 68, 384, 556], ['dc2', 848, 68, 168, 104], ['pay', 632, 188, 384, 252], ['data', 632, 456, 384, 176],
];
export const nodes = SPECS.map(node);
const edges = EDGES.map(edge);

function group(id: string, slot: number): GroupBox {
  const members = nodes.filter((node) => node.group === id);
  const sum = counts(members.map(({ health }) => health));
  return {
    key: `g:${id}`, id, title: id, slot, folded: false, services: members.filter(({ role }) => role !== 'channel').length, instances: members.reduce((n, member) => n + member.instances, 0),
    channels: members.filter(({ role }) => role === 'channel').length, counts: sum, worst: worst(sum), stale: id === 'dc2',
  };
}
const platform: GroupBox = {
  key: 'g:platform', id: 'platform', title: 'platform', slot: SPECS.length + GROUPS.length, folded: true, services: 14, instances: 31, channels: 0,
  counts: { ...NONE, passing: 13, warning: 1 }, worst: 'warning', stale: false,
};
const boxes: [number, number, number, number][] = [
  ...SPECS.map(([name, , x, y]): [number, number, number, number] => [x, y, 144, name === 'order.placed' ? 44 : 60]),
  ...GROUPS.map(([, x, y, w, h]): [number, number, number, number] => [x, y, w, h]),
  [24, 424, 144, 76],
];

const total = counts(nodes.map(({ health }) => health));
const refused = { code: 'consul.unreachable', message: 'Consul dc2 does not answer: connection refused by 10.8.0.4:8500.', hint: 'See whether the agent runs there and the port is right.', source: 'consul:dc2' };
export const shellHead: ShellHead = {
  version: '0.1.0', profile: 'shop-prod', access: 'read-write', read_only: null, demo: false, live: 'partly', live_words: 'Not live: consul dc2 failing', services: total,
  badges: [{ screen: 'health', count: 1, tone: 'critical' }, { screen: 'breakers', count: 2, tone: 'critical' }, { screen: 'disagreements', count: 2, tone: 'warning' }, { screen: 'sources', count: 1, tone: 'warning' }],
  announcement: { at: NOW - 188 * SECOND, text: 'payments is critical' },
};

function service(row: TopologyNode): ServiceRow {
  const { key: _, id, group: __, slot: ___, segments: ____, disagrees, channel: ______, ...rest } = row;
  return {
    ...rest, key: id, disagreements: Number(disagrees), callers: edges.filter(({ to }) => to === row.key).length, callees: edges.filter(({ from }) => from === row.key).length,
    breaker: edges.find((edge) => edge.to === row.key && edge.breaker !== null)?.breaker?.state ?? null,
    worst_output: row.health === 'critical' ? 'GET /health: 503, body says acquirer-nord: timeout after 200ms' : '',
  };
}

const BREAKERS: readonly BreakerRow[] = edges.flatMap((edge) => {
  if (edge.breaker === null) return [];
  const { id, kind, state, since, open, of, rejected_per_s } = edge.breaker;
  const [caller, callee] = [edge.from.slice(2), edge.to.slice(2)];
  return [{ key: `${id}-${edge.id}`, caller: { id: caller, name: caller }, callee: { id: callee, name: callee }, name: `${callee}-client`, kind, state, since, open, of, rejected_per_s, derived: false, failing: state === 'open' ? 0.81 : 0.004, opens_at: '≥ 50 % failed', threshold: 0.5, edge: edge.id, stale: false, sources: [S], history: null }];
});

const source = (name: string, more: Partial<SourceRow>): SourceRow => ({
  key: `consul:${name}`, letter: 'C', source_kind: 'consul', name: `consul ${name}`, state: 'live', since: NOW - 41 * MINUTE, address: 'http://127.0.0.1:8500', product: 'Consul 1.22.7', fault: null, partial: [], notes: [],
  next_try: null, abilities: ['read config', 'edit config', 'register services'], facts: 412, connection: 'consul=http://127.0.0.1:8500', requests: 1893, failures: 0, bytes: 4_812_331, last_answer: NOW - 400, ...more,
});
export const SOURCES: readonly SourceRow[] = [
  source('dc1', {}),
  source('dc2', { state: 'failing', since: NOW - 232 * SECOND, address: 'http://10.8.0.4:8500', fault: refused, next_try: NOW + 12 * SECOND, failures: 19, last_answer: NOW - 232 * SECOND,
    partial: [{ code: 'consul.acl_denied', message: 'Your token may not read payments/.', hint: 'Ask for policy key_prefix "payments/" read.', source: 'consul:dc2' }] }),
  source('shop', { key: 'scrape:shop', letter: 'S', source_kind: 'scrape', name: 'scrape shop', abilities: [], product: null, facts: 96, notes: ['41 questions make the whole picture. So that the server is not burdened they are spread over 2 beats: numbers are up to 30 s old.'] }),
];

const RETRY = ['# read by payments, fraud and ledger at start and on change', 'policy: exponential', 'attempts: 5', 'backoff:', '  initial_ms: 50', '  max_ms: 250', '  jitter: 0.2', 'retry_on:', '  - connect-failure', '  - timeout', 'hedge:', '  enabled: false', 'max_in_flight: 40', ''];
export const body = (text: string, kind: ConfigBody['kind'] = 'yaml'): ConfigBody => ({ kind, text, crlf: false, hex: [], bytes_hex: null, size_bytes: text.length, complaint: null });
const idOf = (path: string) => `consul:dc1/kv/${path}`;

function treeRow(kind: ConfigTreeRow['kind'], path: string, depth: number, keys: number | null, more: Partial<ConfigTreeRow> = {}): ConfigTreeRow {
  const label = path === '' ? 'consul dc1' : (path.replace(/\/$/, '').split('/').at(-1) ?? path);
  return {
    key: kind === 'store' ? 's:consul:dc1' : kind === 'folder' ? `f:${idOf(path)}` : `k:${idOf(path)}`, kind, id: kind === 'key' ? idOf(path) : null, source: 'consul:dc1', path, label, depth, keys, expanded: false,
    version: kind === 'key' ? '48190' : null, size_bytes: kind === 'key' ? 212 : null, flags: null, lock_session: null, seen: NOW - MINUTE, stale: false, edit: kind === 'store' ? YES : null, ...more,
  };
}
export const TREE: readonly ConfigTreeRow[] = [
  treeRow('store', '', 0, 9), treeRow('folder', 'fleet/', 1, 2), treeRow('folder', 'fleet/payments/', 2, 2), treeRow('key', 'fleet/payments/error_ratio', 3, null, { version: '48213' }), treeRow('key', 'fleet/payments/latency_ms', 3, null),
  treeRow('folder', 'payments/', 1, 4), treeRow('folder', 'payments/acquirer/', 2, 3), treeRow('key', 'payments/acquirer/endpoint', 3, null), treeRow('key', 'payments/acquirer/lock', 3, null, { lock_session: '5c7b' }), treeRow('key', 'payments/acquirer/retry.yaml', 3, null), treeRow('key', 'payments/limits.json', 2, null),
  treeRow('folder', 'shop/', 1, 3), treeRow('key', 'shop/blob', 2, null), treeRow('key', 'shop/name', 2, null),
];

export function value(path: string, text: string, version: string, more: Partial<ConfigValue> = {}): ConfigValue {
  return { id: idOf(path), source: 'consul:dc1', path, exists: true, value: body(text), version, created_version: '31007', flags: '0', lock_session: null, limit_bytes: 524_288, seen: NOW, edit: YES, ...more };
}

export function plan(path: string, before: string, after: string, guard: string): ConfigPlan {
  const piece = (text: string) => [{ text, changed: true }];
  return {
    plan: `plan-${guard}`, profile: 'shop-prod', source: 'consul:dc1', request: `PUT /v1/txn?dc=dc1 · ${guard}`, warnings: [], undo_of: null, apply: YES,
    keys: [{ id: idOf(path), path, action: 'change', before: body(before), after: body(after), guard, beneath: [], permission: 'Token may write payments/ · policy pay-rw', permitted: true, notes: ['Flags kept (0)'],
      diff: [{ kind: 'removed', before: 1, after: null, pieces: piece(before) }, { kind: 'added', before: null, after: 1, pieces: piece(after) }] }],
  };
}

const fact = (key: string, label: string, text: string, more: Partial<Extract<InspectorRow, { kind: 'fact' }>> = {}): InspectorRow => ({
  kind: 'fact', key, section: 'facts', label, value: text, tone: 'normal', at: null, link: null, pips: [C, S], ...more,
});
const instance = (address: string, health: Health, passing: number): InspectorRow => ({
  kind: 'instance', key: `i:${address}`, section: 'instances', id: address, native_id: `payments-${address}`, address, node: 'ip-10-42-7-12', health, since: { at: NOW - 188 * SECOND, seen_changing: true },
  passing, checks: 3, sidecar: false, tags: ['v4'], meta: [], stale: false, deregister: YES, logs: YES, note: '', terminating: null, pips: [C],
});
const breakerRow = (from: string, to: string, state: BreakerState, since: number): InspectorRow => ({
  kind: 'breaker', key: `b:${from}${to}`, section: 'breakers', id: `${from}${to}`, caller: { id: from, name: from }, callee: { id: to, name: to }, name: `${to}-client`, breaker_kind: 'failure', state, since: { at: NOW - since, seen_changing: true }, open: 2, of: 3, rejected_per_s: 118, pips: [S],
});
const call = (incoming: boolean, other: string, rps: number, errors: number): InspectorRow => ({
  kind: 'call', key: `c:${other}`, section: 'calls', incoming, other: { id: other, name: other }, edge: `${other}`, words: 'observed, http, request/response', signals: signals(rps, errors, 40), tone: toneOf(errors), pips: [S],
});

const FORCED = 'b-forced_open-checkout>shipping';
const NO_SWITCH = { possible: false, reason: 'It cannot be switched from here: a Hystrix stream can only be read.' };
/** A breaker's head with its three actions. */
const switched = (id: string, title: string, offer: { readonly possible: boolean; readonly reason: string }): Still => ({
  head: {
    subject: { kind: 'breaker', id }, known: true, title, state: 'forced-open, 3 of 3 instances', health: null, breaker: 'forced_open', since: { at: NOW - 34 * MINUTE, seen_changing: true }, stale: false, stale_since: null, chips: [],
    actions: ([['force_open', 'Force open…'], ['disable', 'Disable…'], ['close', 'Close…']] as const).map(([does, label]) => ({ does, label, target: id, offer })),
    empty: [],
  },
  rows: [
    fact('state', 'State', 'forced-open, 3 of 3 instances', { pips: [S] }),
    ...['10.42.7.31:8080', '10.42.7.58:8080', '10.42.9.14:8080'].map((process, i): InspectorRow => ({
      kind: 'process', key: `process:${process}`, section: 'processes', process, state: 'forced_open', since: { at: NOW - (34 - i) * MINUTE, seen_changing: true }, derived: false, rejected_per_s: null, failing: null, stale: false,
      past: [{ at: NOW - (34 - i) * MINUTE, from: 'closed', to: 'forced_open' }],
    })),
  ],
});

const payments: Still = {
  head: {
    subject: { kind: 'service', id: 'payments' }, known: true, title: 'payments', state: 'critical', health: 'critical', breaker: null, since: { at: NOW - 188 * SECOND, seen_changing: true }, stale: false, stale_since: null,
    chips: [{ label: 'ns', value: 'pay' }, { label: 'team', value: 'money-in' }],
    actions: [
      { does: 'edit_config', label: 'Edit config', target: idOf('fleet/payments/error_ratio'), offer: YES },
      { does: 'deregister', label: 'Deregister 10.42.7.58…', target: '10.42.7.58:8080', offer: YES },
      { does: 'register', label: 'Register another…', target: 'payments', offer: { possible: false, reason: 'The token may not write services.' } },
    ],
    empty: [{ section: 'rules', reason: 'No intention or config entry names it.' }],
  },
  rows: [
    fact('state', 'State', 'critical, 2 of 3 instances', { tone: 'critical', pips: [C, { ...S, differs: true }] }),
    fact('joined', 'Joined', '2 sources by ip:port'), fact('edges', 'Edges', '2 in · 3 out, 0 undeclared', { pips: [S] }),
    { kind: 'signals', key: 'signals', section: 'signals', signals: signals(96, 0.314, 204), tone: 'critical', history: null, pips: [S] },
    call(true, 'checkout', 118, 0.31), call(true, 'orders', 22, 0.03), call(false, 'ledger', 66, 0),
    instance('10.42.7.31:8080', 'passing', 3), instance('10.42.7.58:8080', 'critical', 2), instance('10.42.9.14:8080', 'critical', 2),
    { kind: 'check', key: 'k:http', section: 'checks', name: 'HTTP :8080/health', method: 'http', at: 'payments-1', health: 'critical', since: { at: NOW - 188 * SECOND, seen_changing: true }, output: 'GET /health: 503, body says\nacquirer-nord: timeout after 200ms', seen: NOW - 4 * SECOND, of_node: false, instances: 2, pips: [C] },
    { kind: 'check', key: 'k:serf', section: 'checks', name: 'Serf Health Status', method: '', at: 'ip-10-42-7-12', health: 'passing', since: { at: NOW - 41 * 24 * 60 * MINUTE, seen_changing: false }, output: 'Agent alive and reachable', seen: NOW - 4 * SECOND, of_node: true, instances: 3, pips: [C] },
    breakerRow('checkout', 'payments', 'open', 134 * SECOND), breakerRow('orders', 'payments', 'half_open', 8 * SECOND), breakerRow('payments', 'ledger', 'closed', 6 * 24 * 60 * MINUTE),
    { kind: 'config', key: 'cfg', section: 'config', id: idOf('fleet/payments/error_ratio'), path: 'fleet/payments/error_ratio', reason: 'by name', version: '48213', size_bytes: 3, seen: NOW - 6 * MINUTE, pips: [C] },
  ],
};

const claim = (letter: string, place: string, says: string, more: Partial<ClaimCard> = {}): ClaimCard => ({
  letter, source: place, name: place.replace(':', ' '), says, query: `GET /${letter}`, how: 'pushed', seen: NOW - 4 * SECOND, doubt: false, ...more,
});
const alert = (name: string, state: AlertRow['state'], severity: string, service: string | null): AlertRow => ({
  key: `a:${name}`, name, state, severity, health: state === 'firing' ? 'critical' : null, since: { at: NOW - 160 * SECOND, seen_changing: true }, summary: `${name} says so`,
  service: service === null ? null : { id: service, name: service }, labels: [{ label: 'team', value: 'money' }], seen: NOW - 9 * SECOND, stale: false, source: 'prometheus:p',
});
const DISAGREEMENTS_HEAD: DisagreementsHead = {
  total: 2, empty: null,
  kinds: [{ kind: 'zombie', title: 'Zombie registration', count: 1 }, { kind: 'ready_but_failing', title: 'Ready but failing', count: 1 }, { kind: 'selects_nothing', title: 'Selects nothing', count: 0 }],
  compared: ['The registrations and checks of consul dc1 with the pods of kube prod.'], not_compared: ['consul dc2 is failing: what is old contradicts nothing.'],
};
const DISAGREEMENTS: readonly DisagreementRow[] = [
  { key: 'zombie catalog-7c4b', kind: 'zombie', title: 'Zombie registration', subject: 'catalog-7c4b', service: { id: 'catalog', name: 'catalog' }, since: { at: NOW - 41 * MINUTE, seen_changing: true },
    claims: [claim('C', 'consul:dc1', 'catalog-7c4b at 10.42.3.77:8080, passing', { doubt: true }), claim('K', 'kube:prod', 'no pod has 10.42.3.77', { query: '', how: '', seen: null })],
    meaning: 'Who finds the service by the registry is sent to where nothing of it runs.',
    steps: [{ does: 'deregister', label: 'Deregister…', source: 'consul:dc1', instance: 'consul:dc1/n1/catalog-7c4b', name: 'catalog-7c4b', offer: YES }, { does: 'show', label: 'Show catalog', subject: { kind: 'service', id: 'payments' }, fact: null }] },
  { key: 'ready payments-2', kind: 'ready_but_failing', title: 'Ready but failing', subject: 'pay/payments-2', service: { id: 'payments', name: 'payments' }, since: { at: NOW - 188 * SECOND, seen_changing: false },
    claims: [claim('C', 'consul:dc1', 'HTTP :8080/health critical: 503', { doubt: true }), claim('K', 'kube:prod', 'ready passing')],
    meaning: 'Kubernetes sends it calls; who finds it by the registry is kept away.',
    steps: [{ does: 'show', label: 'Show the pod', subject: { kind: 'service', id: 'payments' }, fact: 'i:10.42.7.58:8080' }, { does: 'copy', label: 'Copy the command', text: 'kubectl --context=prod -n pay describe pod payments-2' }] },
];

const FOUND: readonly FoundRow[] = [];
const event = (ago: number, lane: 'health' | 'breakers' | 'edits' | 'sources', id: string, from: string, to: string, tone: Tone = 'normal') => ({
  key: `${ago}${id}`, at: NOW - ago, lane, subject: { kind: lane === 'edits' ? ('config' as const) : ('service' as const), id: lane === 'edits' ? idOf(id) : id }, title: id, from, to, detail: '', tone, edit: lane === 'edits' ? '7' : null,
});

const trip = (ago: number, now: BreakerState, caller: string, callee: string, from: string, to: string) => ({
  ...event(ago, 'breakers', `${caller} → ${callee}`, from, to, to === 'open' ? 'critical' : 'normal'), subject: { kind: 'breaker' as const, id: `b-${now}-${caller}>${callee}` },
});

const answers: readonly Answer[] = [
  { command: 'preferences_read', result: { theme: 'system' } },
  { command: 'preferences_write' },
  { command: 'fold' }, { command: 'relayout' }, { command: 'try_now' }, { command: 'found' }, { command: 'disconnect' },
  { command: 'config_history', result: [
    { edit: '7', at: NOW - 380 * SECOND, actor: 'on-call', why: 'try a shorter timeout', state: 'applied', code: null, source: 'consul:dc1', undo_of: null, undo: YES,
      keys: [{ id: idOf('fleet/payments/error_ratio'), path: 'fleet/payments/error_ratio', action: 'change', before_version: '44871', after_version: '48213', summary: '0.0 → 0.3' }] },
  ] },
  { command: 'logs_open', result: { log: 1, pod: 'pay/payments-2', container: 'app', command: 'binnaclectl --source kube=prod logs pay/payments-2 -c app -f',
    containers: [{ name: 'app', role: '', restarts: 0, has_previous: false }, { name: 'proxy', role: 'sidecar', restarts: 2, has_previous: true }] } },
  { command: 'logs_close' },
  { command: 'logs_next', once: true, result: { dropped: 0, ended: null, lines: [...Array(300).keys()].map((i) => ({ at: NOW - (300 - i) * SECOND, text: i === 7 ? 'GET /pay 503 acquirer-nord' : `GET /pay 200 ${i}`, left_out: 0 })) } },
  { command: 'logs_next', result: { dropped: 0, ended: { failure: null }, lines: [{ at: NOW, text: 'the last word', left_out: 0 }] } },
  { command: 'palette', when: { query: '' }, result: [{ subject: { kind: 'service', id: 'payments' }, title: 'payments', detail: 'pay · dc1', health: 'critical' }] },
  { command: 'palette', when: { query: 'pay' }, result: [{ subject: { kind: 'service', id: 'payments' }, title: 'payments', detail: 'pay · dc1', health: 'critical' }, { subject: { kind: 'config', id: idOf('fleet/payments/error_ratio') }, title: 'fleet/payments/error_ratio', detail: 'key of consul dc1', health: null }] },
  { command: 'palette', when: { query: 'error' }, result: [{ subject: { kind: 'config', id: idOf('fleet/payments/error_ratio') }, title: 'fleet/payments/error_ratio', detail: 'key of consul dc1', health: null }] },
  { command: 'palette', result: [] },
  { command: 'evidence', result: {
    title: 'payments is critical', rule: 'Worst claim wins: critical > warning > maintenance > unknown > passing. Two of three instances report trouble.', more: 0,
    meaning: 'The scrape still reaches all instances, because it asks /metrics and not /health. Callers see errors until their breakers open.',
    cards: [
      { letter: 'C', source: 'consul:dc1', says: 'critical on 2 of 3 instances', query: 'GET /v1/health/service/payments?index=48226&wait=5m', metric: null, object: 'Checks[1]: HTTP GET …/health: 503, timeout after 200ms', how: 'pushed', seen: NOW - 4 * SECOND, version: '48226', stale: false, differs: false },
      { letter: 'S', source: 'scrape:shop', says: 'up: all three answer', query: 'GET http://10.42.7.31:8080/metrics', metric: { name: 'up', declared: 'gauge', unit: '', help: 'Whether the last scrape was answered.', contradiction: 'up is read as a counter, and declared as a gauge' }, object: 'up', how: 'asked every 1 s', seen: NOW - 900, version: '', stale: false, differs: true },
    ],
  } },
  { command: 'config_read', when: { id: idOf('payments/acquirer/retry.yaml') }, result: value('payments/acquirer/retry.yaml', RETRY.join('\n'), '48190') },
  { command: 'config_read', when: { id: idOf('shop/blob') }, result: value('shop/blob', '', '77', { value: { kind: 'binary', text: null, crlf: false, hex: ['00000000  00 01 ff fe  ....'], bytes_hex: '0001fffe', size_bytes: 4, complaint: null } }) },
  { command: 'config_read', when: { id: idOf('fleet/payments/error_ratio') }, result: value('fleet/payments/error_ratio', '0.3', '48213', { value: body('0.3', 'text') }) },
  { command: 'switch_plan', when: { breaker: FORCED, to: 'close' }, result: {
    plan: 's1', name: 'shipping', request: { method: 'POST', path: '/actuator/circuitbreakers/shipping', body: '{"updateState":"CLOSE"}' },
    notes: ['It begins anew with nothing counted, and opens again by itself if calls fail.'], undo: 'Undo forces it open again.',
    facts: [{ label: 'now', value: 'FORCED_OPEN' }, { label: 'at', value: 'http://10.42.7.58:8080/actuator' }], apply: YES,
  } },
  { command: 'switch_apply', result: { stuck: true, sentence: 'The system says the same.' } },
  { command: 'config_plan_undo', result: { kind: 'ready', plan: { ...plan('fleet/payments/error_ratio', '0.3', '0.0', 'cas = 48213'), undo_of: '7' } } },
];

export function shop(): Recording {
  const groups = GROUPS.map(([id], i) => group(id, SPECS.length + i));
  return {
    at: NOW,
    layout: { number: 3, boxes },
    views: {
      shell: { head: shellHead, rows: SOURCES.map(({ key, letter, name, state, since, last_answer, fault }) => ({ key, letter, name, state, since, last_answer, fault })) },
      first_run: { head: { looking: false, looked_at: NOW - 2 * SECOND, demo: false, profiles: [], profiles_fault: null }, rows: FOUND },
      topology: {
        head: { services: 31, shown: 17, folded: 14, layout: 3, group_by: 'namespace', groups: [...groups, platform], empty: null },
        rows: [...nodes.map((row) => ({ kind: 'node', ...row })), ...edges.map((row) => ({ kind: 'edge', ...row }))],
      },
      services: { head: { total: nodes.length, counts: total, instances: 41, empty: null }, rows: nodes.map(service) },
      health: {
        head: { services: total, checks: { ...NONE, passing: 90, critical: 2 }, problems: 3, firing: 1, pending: 1, no_alerts: null, empty: null },
        rows: [
          { kind: 'problem', key: 'p:payments', cause: 'service', title: 'payments is critical', health: 'critical', since: { at: NOW - 188 * SECOND, seen_changing: true }, reach: '2 services behind it fail with it, 2 breakers open.', detail: 'GET /health: 503, body says acquirer-nord: timeout after 200ms', code: null, subjects: [{ kind: 'service', id: 'payments' }], behind: [], changed: null },
          { kind: 'problem', key: 'p:dc2', cause: 'source', title: 'consul dc2 does not answer', health: 'warning', since: { at: NOW - 232 * SECOND, seen_changing: true }, reach: '1 service is stale.', detail: '', code: 'consul.unreachable', subjects: [{ kind: 'source', id: 'consul:dc2' }], behind: [], changed: null },
          { kind: 'problem', key: 'p:shipping', cause: 'maintenance', title: 'shipping is in maintenance', health: 'maintenance', since: { at: NOW - 34 * MINUTE, seen_changing: false }, reach: '2 instances.', detail: 'Put there by on-call, until 15:00.', code: null, subjects: [{ kind: 'service', id: 'shipping' }], behind: [], changed: null },
          { kind: 'alert', ...alert('PaymentsErrors', 'firing', 'critical', 'payments') },
          { kind: 'alert', ...alert('DiskFillsUp', 'pending', 'warning', null) },
          ...['10.42.7.58:8080', '10.42.9.14:8080'].map((address) => ({ kind: 'check', key: `c:${address}`, service: { id: 'payments', name: 'payments' }, instance: address, address, name: 'HTTP :8080/health', method: 'http', health: 'critical', since: { at: NOW - 188 * SECOND, seen_changing: true }, output: 'GET /health: 503, body says acquirer-nord: timeout after 200ms', of_node: false, node: 'ip-10-42-7-12', stale: false, source: 'consul:dc1' })),
        ],
      },
      breakers: { head: { total: BREAKERS.length, open: 2, half_open: 1, empty: null }, rows: BREAKERS },
      disagreements: { head: DISAGREEMENTS_HEAD, rows: DISAGREEMENTS },
      config_tree: { head: { keys: 9, matched: 9, left_off: 0, empty: null }, rows: TREE },
      sources: { head: { connections: [{ spec: 'consul=http://127.0.0.1:8500', profile: 'shop-prod', found: null, read_only: null, token: 'none: anonymous', wants_token: true, remembered: false, sources: ['consul:dc1', 'consul:dc2'], requests: 1893, failures: 19, bytes: 4_812_331, last_answer: NOW - 400, inside: [], inside_fault: null }], kinds: ['consul', 'scrape', 'hystrix'], demo: false }, rows: SOURCES },
      timeline: {
        head: { from: NOW - 41 * MINUTE, edits: 1, transitions: 6 },
        rows: [
          event(27 * MINUTE, 'health', 'shipping', 'passing', 'maintenance'), trip(20 * MINUTE, 'closed', 'catalog', 'inventory', 'closed', 'open'), trip(19 * MINUTE, 'closed', 'catalog', 'inventory', 'open', 'closed'),
          event(380 * SECOND, 'edits', 'fleet/payments/error_ratio', '', '0.0 → 0.3'), event(275 * SECOND, 'health', 'payments', 'passing', 'warning', 'warning'), event(232 * SECOND, 'sources', 'consul dc2', 'live', 'failing', 'warning'),
          event(188 * SECOND, 'health', 'payments', 'warning', 'critical', 'critical'), trip(134 * SECOND, 'open', 'checkout', 'payments', 'closed', 'open'),
        ],
      },
    },
    inspectors: {
      'service payments': payments,
      [`breaker ${FORCED}`]: switched(FORCED, 'checkout → shipping', YES),
      'breaker b-open-checkout>payments': switched('b-open-checkout>payments', 'checkout → payments', NO_SWITCH),
    },
    answers,
  };
}
