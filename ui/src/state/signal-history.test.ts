import { expect, test } from 'vitest';
import type { SignalHistory } from '../host/contract/types';
import { RecordedHost, type Recording } from '../host/recorded';
import { Past, refusals, spoken, together } from './signal-history.svelte';
import { unbroken } from './traces.svelte';

const STEP = 15_000;
const history = (rates: readonly (number | null)[]): SignalHistory => ({
  source: 'prometheus:p', name: 'prometheus p', step_ms: STEP, window_ms: 60_000, processes: 1, queries: [], missing: [],
  points: rates.map((rps, i) => ({ at: i * STEP, rps, error_ratio: null, p95_ms: null })),
});
const watched = (at: number, rps: number) => ({ at, signals: { rps, error_ratio: null, p50_ms: null, p95_ms: null, p99_ms: null } });
const values = (lines: readonly (readonly { value: number }[])[]) => lines.map((line) => line.map(({ value }) => value));

test('a gap in what the server kept is never drawn over, and what was watched goes on after its end', () => {
  const all = together(history([1, 2, null, 4]), [watched(STEP * 2, 9), watched(STEP * 3 + 5_000, 5), watched(STEP * 3 + 15_000, 6)]);
  expect(values(unbroken(all, ({ rps }) => rps, 0))).toEqual([[1, 2], [4, 5, 6]]);
});

test('steps that are far apart are still one line', () => {
  const wide = { ...history([]), step_ms: 240_000, points: [0, 1, 2].map((i) => ({ at: i * 240_000, rps: i, error_ratio: null, p95_ms: null })) };
  expect(values(unbroken(together(wide, []), ({ rps }) => rps, 0, wide.step_ms))).toEqual([[0, 1, 2]]);
});

test('without a server there is what this window watched', () => {
  expect(together(null, [watched(1, 1)])).toEqual([watched(1, 1)]);
  expect(together(history([]), [watched(1, 1)])).toEqual([watched(1, 1)]);
});

test('what a breaker refused goes on after what the server kept', () => {
  const kept = { source: 'p', name: 'p', courses: [], rejected: [{ at: 0, rejected_per_s: 3 }, { at: STEP, rejected_per_s: null }], calls: [], step_ms: STEP, queries: [], missing: [] };
  const all = refusals(kept, [watched(STEP / 2, 9), watched(STEP * 2, 5)]);
  expect(values(unbroken(all, ({ rps }) => rps, 0))).toEqual([[3], [5]]);
});

test('a line is told in words', () => {
  const line = [{ value: 3 }, { value: 1 }];
  const text = (value: number) => `${value}/s`;
  expect(spoken([line], '2/s', text)).toBe('lowest 1/s, highest 3/s, now 2/s');
  expect(spoken([line, line], '–', text)).toBe('lowest 1/s, highest 3/s, now –, with one gap');
  expect(spoken([], '–', text)).toBe('nothing was measured');
});

const EMPTY: Recording = { at: 0, layout: { number: 0, boxes: [] }, views: {}, inspectors: {}, answers: [] };

test('a question is taken back when nobody looks any more, and its late answer is not shown', async () => {
  const host = new RecordedHost({ ...EMPTY, answers: [{ command: 'history', result: history([1]) }, { command: 'history_close' }] });
  const past = new Past(host, 'history');
  const release = host.hold('history');
  const opened = past.open({ kind: 'service', id: 'a' });
  expect(past.asking).toBe(true);
  past.close();
  release();
  await opened;
  const ask = (host.calls.find(({ name }) => name === 'history')?.args as { ask: number }).ask;
  expect(host.calls.filter(({ name }) => name === 'history_close').map(({ args }) => args)).toEqual([{ ask }]);
  expect([past.answer, past.failure, past.asking]).toEqual([null, null, false]);
});

test('an answer is kept until something else is looked at, and nothing is taken back then', async () => {
  const host = new RecordedHost({ ...EMPTY, answers: [{ command: 'history', result: history([1]) }, { command: 'history_close' }] });
  const past = new Past(host, 'history');
  await past.open({ kind: 'edge', id: 'a -> b' });
  expect(past.answer?.points.length).toBe(1);
  past.close();
  expect(past.answer).toBe(null);
  expect(host.calls.map(({ name }) => name)).toEqual(['history']);
});
