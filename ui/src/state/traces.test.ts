import { expect, test } from 'vitest';
import type { Signals } from '../host/contract/types';
import { PERIOD_MS, Traces, unbroken } from './traces.svelte';

const signals = (rps: number | null): Signals => ({ rps, error_ratio: null, p50_ms: null, p95_ms: null, p99_ms: null });

test('one sample a period is kept, and no more than an hour of them', () => {
  const traces = new Traces();
  for (let i = 0; i < 800; i += 1) traces.note([{ key: 'n:a', signals: signals(i) }], (i * PERIOD_MS) / 2);
  const kept = traces.of('n:a');
  expect(kept.length).toBe(360);
  expect(kept.at(-1)?.at).toBe(399 * PERIOD_MS);
});

test('a crowd is not watched as a whole, what is known goes on', () => {
  const traces = new Traces();
  traces.note([{ key: 'a', signals: signals(1) }, { key: 'b', signals: signals(1) }], 0, 1);
  traces.note([{ key: 'a', signals: signals(2) }, { key: 'b', signals: signals(2) }], PERIOD_MS, 1);
  expect([traces.of('a').length, traces.of('b').length]).toEqual([2, 0]);
});

test('what is gone for an hour is forgotten, and makes room', () => {
  const traces = new Traces();
  const hour = 360 * PERIOD_MS;
  traces.note([{ key: 'gone', signals: signals(1) }], 0, 1);
  traces.note([{ key: 'new', signals: signals(1) }], hour - 1, 1);
  expect([traces.of('gone').length, traces.of('new').length]).toEqual([1, 0]);
  traces.note([{ key: 'new', signals: signals(1) }], hour, 1);
  traces.note([{ key: 'new', signals: signals(2) }], hour + PERIOD_MS, 1);
  expect([traces.of('gone').length, traces.of('new').length]).toEqual([0, 1]);
});

test('a time without measurements costs two samples, however long it is', () => {
  const traces = new Traces();
  const values = [1, ...Array<null>(100).fill(null), 2, null];
  for (const [i, value] of values.entries()) traces.note([{ key: 'a', signals: signals(value) }], i * PERIOD_MS);
  const kept = traces.of('a').map(({ at, signals: { rps } }) => [at / PERIOD_MS, rps]);
  expect(kept).toEqual([[0, 1], [1, null], [100, null], [101, 2], [102, null]]);
});

test('the line is broken where nobody watched and where nothing was measured', () => {
  const at = (n: number, rps: number | null) => ({ at: n * PERIOD_MS, signals: signals(rps) });
  const samples = [at(0, 9), at(1, 1), at(2, 2), at(3, null), at(4, 4), at(20, 5)];
  expect(unbroken(samples, ({ rps }) => rps, PERIOD_MS).map((line) => line.map(({ value }) => value))).toEqual([[1, 2], [4], [5]]);
});
