import { describe, expect, test } from 'vitest';
import type { HealthState } from '../glyphs';
import { at } from './geometry';
import { places } from './labels';
import type { Scene, SceneEdge, SceneNode } from './scene';
import { problems, walk } from './walk';
import { bundled, rewired, standsAlike, wired } from './wires';

function node(id: string, x: number, y: number, health: HealthState = 'passing', group = 'g'): SceneNode {
  const instances = { critical: 0, warning: 0, maintenance: 0, unknown: 0, passing: 1 };
  return {
    id, kind: 'service', group, name: id, box: { x, y, w: 144, h: 60 }, health, since: null, atLeast: false, staleSince: null,
    instances, total: 1, rate: 1, errors: 0, p95: 1, note: null, differs: false, detail: null,
  };
}

function edge(from: string, to: string, errors = 0): SceneEdge {
  const base = { state: 'observed', stale: false, rate: 1, p95: 1, breaker: null } as const;
  return { ...base, id: `${from}>${to}`, from, to, errors };
}

const scene: Scene = {
  nodes: [
    node('web', 0, 100),
    node('cart', 200, 0),
    node('checkout', 200, 100, 'warning', 'h'),
    node('payments', 400, 300, 'critical', 'h'),
  ],
  edges: [edge('web', 'cart'), edge('web', 'checkout'), edge('checkout', 'payments', 0.3), edge('payments', 'payments')],
  groups: [],
};

describe('walking', () => {
  test.each([
    [null, 'ArrowRight', 'payments'],
    ['web', 'ArrowRight', 'checkout'],
    ['checkout', 'ArrowLeft', 'web'],
    ['checkout', 'ArrowUp', 'cart'],
    ['cart', 'ArrowDown', 'checkout'],
    ['payments', 'ArrowRight', 'payments'],
    ['gone', 'ArrowUp', 'payments'],
  ] as const)('from %s by %s to %s', (from, step, to) => expect(walk(scene, from, step)).toBe(to));

  test('there is nowhere to go where nothing is', () => {
    expect(walk({ nodes: [], edges: [], groups: [] }, null, 'ArrowUp')).toBeNull();
  });
});

test('problems come worst first', () => {
  expect(problems(scene).map(({ id }) => id)).toEqual(['payments', 'checkout']);
});

test('a call to itself and a call into nothing have no wire', () => {
  const wires = wired({ ...scene, edges: [...scene.edges, edge('web', 'nowhere')] });
  expect(wires.map(({ edge }) => edge.id)).toEqual(['web>cart', 'web>checkout', 'checkout>payments']);
});

test('the port of the upper partner is the upper port', () => {
  const wires = wired(scene);
  const start = (id: string) => wires.find(({ edge }) => edge.id === id)?.curve[0][1] ?? 0;
  expect(start('web>cart')).toBeLessThan(start('web>checkout'));
});

test('a bundle is as bad as the worst call in it', () => {
  expect(bundled(scene)).toEqual([{ from: 'g', to: 'h', harm: 0 }]);
  const bad: Scene = { ...scene, edges: [edge('web', 'checkout', 0.3), edge('cart', 'payments')] };
  expect(bundled(bad)).toEqual([{ from: 'g', to: 'h', harm: 2 }]);
});

test('a label has eight places, all of them beside its point', () => {
  const spots = places([100, 100], 50);
  expect(spots).toHaveLength(8);
  for (const { x, y, w, h } of spots) expect(x < 100 && x + w > 100 && y < 100 && y + h > 100).toBe(false);
});

test('ways are kept while only numbers change, and made anew when something moves', () => {
  const louder: Scene = { ...scene, edges: scene.edges.map((edge) => ({ ...edge, errors: 0.5 })) };
  expect(standsAlike(scene, louder)).toBe(true);
  const before = wired(scene);
  const after = rewired(before, louder);
  expect(after.map(({ curve }) => curve)).toEqual(before.map(({ curve }) => curve));
  expect(after.every(({ edge }) => edge.errors === 0.5)).toBe(true);
  const moved: Scene = { ...scene, nodes: scene.nodes.map((node) => ({ ...node, box: { ...node.box, x: node.box.x + 1 } })) };
  expect(standsAlike(scene, moved)).toBe(false);
});

test('a switch does not stand under a card', () => {
  const between: Scene = {
    nodes: [node('a', 0, 0), node('b', 600, 0), node('inTheWay', 300, 0)],
    edges: [edge('a', 'b')],
    groups: [],
  };
  const [wire] = wired(between);
  if (wire === undefined) throw new Error('the edge has a way');
  const [x] = at(wire.curve, wire.middle());
  expect(x < 300 - 12 || x > 444 + 12).toBe(true);
});
