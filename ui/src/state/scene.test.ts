import { expect, test } from 'vitest';
import type { GroupBox, TopologyHead, TopologyNode, TopologyRow } from '../host/contract/types';
import { positionsOf, sceneOf, summary } from './scene';

const NONE = { passing: 0, unknown: 0, maintenance: 0, warning: 0, critical: 0 };

function bytes(layout: number, ...boxes: number[][]): ArrayBuffer {
  const buffer = new ArrayBuffer(8 + boxes.length * 16);
  const data = new DataView(buffer);
  data.setUint32(0, layout, true);
  data.setUint32(4, boxes.length, true);
  for (const [slot, box] of boxes.entries()) for (const [i, n] of box.entries()) data.setFloat32(8 + slot * 16 + i * 4, n, true);
  return buffer;
}

function node(more: Partial<TopologyNode>): TopologyRow {
  return {
    kind: 'node', key: 'n:a', id: 'a', name: 'a', group: 'g', namespace: null, place: 'dc1', role: 'service', slot: 0, health: 'passing',
    since: { at: 5, seen_changing: true }, stale: false, stale_since: null, instances: 2, passing: 2, segments: { ...NONE, passing: 2 },
    signals: { rps: 1, error_ratio: 0, p50_ms: 1, p95_ms: 2, p99_ms: 3 }, tone: 'normal', sources: [], tags: [], disagrees: false, channel: null, ...more,
  };
}

const group: GroupBox = { key: 'g:g', id: 'g', title: 'g', slot: 1, folded: false, services: 3, instances: 4, channels: 1, counts: { ...NONE, passing: 3 }, worst: 'passing', stale: false };
const head: TopologyHead = { services: 1, shown: 1, folded: 0, layout: 7, group_by: 'namespace', groups: [group], empty: null };
const places = positionsOf(bytes(7, [10, 20, 144, 60], [0, 0, 200, 100]));
if (places === null) throw new Error('the positions are whole');

test('positions are read as they are sent, and a torn answer is none', () => {
  expect(places).toEqual({ layout: 7, boxes: [{ x: 10, y: 20, w: 144, h: 60 }, { x: 0, y: 0, w: 200, h: 100 }] });
  expect(positionsOf(new ArrayBuffer(4))).toBeNull();
  expect(positionsOf(bytes(7, [1, 2, 3, 4]).slice(0, 20))).toBeNull();
});

test('a card stands where its slot says; one without a slot is inside a folded group', () => {
  const scene = sceneOf(head, [node({}), node({ key: 'n:b', slot: null })], places);
  expect(scene.nodes.map(({ id, box }) => [id, box.x])).toEqual([['n:a', 10]]);
  expect(scene.groups[0]?.counts).toBe('3 services · 4 instances · 1 channel');
});

test('a group of queues and topics alone counts those, not instances that they cannot have', () => {
  const [messaging] = sceneOf({ ...head, groups: [{ ...group, services: 0, instances: 0, channels: 2 }] }, [], places).groups;
  expect([messaging?.counts, messaging?.short]).toEqual(['2 channels', '2 ch.']);
});

test('a slot that is not in use draws nothing', () => {
  const empty = positionsOf(bytes(7, [0, 0, 0, 0], [0, 0, 0, 0]));
  if (empty === null) throw new Error('the positions are whole');
  expect(sceneOf(head, [node({})], empty)).toEqual({ nodes: [], edges: [], groups: [] });
});

test('a folded group is one stack with the counts of its members', () => {
  const scene = sceneOf({ ...head, groups: [{ ...group, folded: true, worst: 'warning' }] }, [], places);
  expect(scene.nodes).toMatchObject([{ id: 'g:g', kind: 'folded', health: 'warning', detail: '3 services · 4 inst.', total: 3 }]);
  expect(scene.groups).toEqual([]);
});

test.each([
  [{ role: 'external' as const, health: 'unknown' as const }, 'external'],
  [{ health: 'unknown' as const }, 'no check'],
  [{ health: 'unknown' as const, instances: 0 }, 'no instances'],
  [{}, null],
])('%j is noted as %s', (more, note) => expect(sceneOf(head, [node(more)], places).nodes[0]?.note).toBe(note));

test('stale is not a state: the last known one stays, with its age', () => {
  const [stale] = sceneOf(head, [node({ stale: true, stale_since: 9 })], places).nodes;
  expect([stale?.health, stale?.staleSince]).toEqual(['passing', 9]);
});

test('the picture is summed up in words', () => {
  expect(summary(head, { ...NONE, critical: 1 })).toBe('Topology: 1 service in 1 group, 1 critical. Press T for the same as a table.');
  expect(summary(head, NONE)).toContain('nothing critical');
});

test('a breaker of which only limits are known is drawn and says nothing, for it counts nobody', () => {
  const signals = { rps: null, error_ratio: null, p50_ms: null, p95_ms: null, p99_ms: null };
  const since = { at: 5, seen_changing: false };
  const breaker = { id: 'b', kind: 'endpoint' as const, state: 'unknown' as const, since, open: 0, of: 0, rejected_per_s: null, others: 0 };
  const edge: TopologyRow = {
    kind: 'edge', key: 'e:a>b', id: 'a>b', from: 'n:a', to: 'n:b', bundled: 1, protocol: 'http', pattern: 'unknown', payload: 'unknown',
    state: 'declared', signals, tone: 'normal', stale: false, breaker,
  };
  const [told] = sceneOf(head, [edge], places).edges.map((one) => one.breaker);
  expect(told).toMatchObject({ state: 'unknown', detail: null, quiet: true });
});
