import { expect, test } from 'vitest';
import type { Lane, TimelineRow } from '../host/contract/types';
import { bars, before, lanes, past, roomy, runs, SLOT_MS, ticks } from './timeline';

function event(at: number, id: string, from: string, to: string, lane: Lane = 'health'): TimelineRow {
  const tone = to === 'critical' ? 'critical' : 'normal';
  return { key: `${at}${id}`, at, lane, subject: { kind: 'service', id }, title: id, from, to, detail: '', tone, edit: null };
}

const quiet = new Set(['passing']);

test('a state lasts until the next event of the same thing, and the last one until now', () => {
  const rows = [event(200, 'a', 'passing', 'warning'), event(300, 'b', 'passing', 'critical'), event(500, 'a', 'warning', 'passing')];
  expect(runs(rows, 'health', quiet, 0, 1000)).toEqual([
    { from: 200, to: 500, state: 'warning', subject: 'service a' },
    { from: 300, to: 1000, state: 'critical', subject: 'service b' },
  ]);
});

test('what was so before the first event is drawn from the beginning', () => {
  expect(runs([event(500, 'a', 'critical', 'passing')], 'health', quiet, 100, 1000)).toEqual([
    { from: 100, to: 500, state: 'critical', subject: 'service a' },
  ]);
});

test('bars count transitions, not edits', () => {
  const rows = [event(10, 'a', '', 'critical'), event(20, 'a', '', 'passing'), event(SLOT_MS + 1, 'a', '', 'critical'), event(5, 'k', '', 'x', 'edits')];
  expect(bars(rows, 0, 1e6)).toEqual([
    { at: 0, critical: 1, warning: 0, normal: 1 },
    { at: SLOT_MS, critical: 1, warning: 0, normal: 0 },
  ]);
});

test.each([
  [5 * 60_000, 5, '−1 min'],
  [30 * 60_000, 6, '−5 min'],
  [6 * 3_600_000, 6, '−1 h'],
])('an axis of %d ms has %d marks', (span, n, first) => {
  expect(ticks(span)).toHaveLength(n);
  expect(ticks(span)[0]?.label).toBe(first);
});

test('of labels without room the newer one stays', () => {
  const placed = roomy([{ x: 200, width: 80, item: 'old' }, { x: 220, width: 80, item: 'new' }, { x: 20, width: 80, item: 'edge' }], 0);
  expect([...placed.keys()]).toEqual(['new']);
});

test('the past of a breaker begins with what it was before its first change', () => {
  const change = (at: number, from: string, to: string) => event(at, 'b', from, to, 'breakers');
  const said = past([change(60, 'open', 'half_open'), change(40, 'closed', 'open')], { state: 'half_open', since: 60 }, 50, 100);
  expect(said.map(({ from, to, state }) => [from, to, state])).toEqual([[50, 60, 'open'], [60, 100, 'half_open']]);
  expect(past([], { state: 'closed', since: 70 }, 50, 100)).toMatchObject([{ from: 70, to: 100, state: 'closed' }]);
});

test('each process of a breaker swims in the lane of its state, always on its own line', () => {
  const course = (process: string, now: string, ...changes: [number, string, string][]) => ({
    process,
    runs: past(changes.map(([at, from, to]) => ({ at, from, to })), { state: now, since: 0 }, 0, 100),
  });
  const drawn = lanes([course('a', 'half_open', [20, 'closed', 'open'], [60, 'open', 'half_open']), course('b', 'forced_open'), course('c', 'disabled')]);
  expect(drawn.lanes).toEqual(['open', 'half-open', 'closed']);
  expect(drawn.swum.map(({ process, lane, line, from, to }) => [process, lane, line, from, to])).toEqual([
    ['a', 'closed', 0, 0, 20], ['a', 'open', 0, 20, 60], ['a', 'half-open', 0, 60, 100], ['b', 'open', 1, 0, 100], ['c', 'closed', 2, 0, 100],
  ]);
  expect(lanes([course('d', 'unknown')]).lanes).toContain('unknown');
});

test('what a server kept stands before what this window saw, and one state is one run', () => {
  const kept = [{ from: 0, to: 30, state: 'closed' }, { from: 40, to: 60, state: 'open' }, { from: 60, to: 90, state: 'closed' }];
  const own = past([], { state: 'closed', since: 70 }, 0, 100);
  expect(before(kept, own, 10).map(({ from, to, state }) => [from, to, state])).toEqual([[10, 30, 'closed'], [40, 60, 'open'], [60, 100, 'closed']]);
  // A gap in what the server kept stays one.
  expect(before([{ from: 0, to: 50, state: 'closed' }], own, 0).map(({ from, to }) => [from, to])).toEqual([[0, 50], [70, 100]]);
  expect(before([], own, 0)).toEqual(own);
  expect(before(kept, [], 50).map(({ from, to }) => [from, to])).toEqual([[50, 60], [60, 90]]);
});
