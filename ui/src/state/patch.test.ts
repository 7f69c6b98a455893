import { expect, test } from 'vitest';
import type { Patch } from '../host/contract/types';
import { applied, type Data } from './patch';

interface Row {
  key: string;
  n: number;
}
const data: Data<string, Row> = { revision: 4, head: 'h', rows: [{ key: 'a', n: 1 }, { key: 'b', n: 2 }, { key: 'c', n: 3 }] };
type Delta = Extract<Patch<string, Row>, { kind: 'delta' }>;
const delta: Delta = { kind: 'delta', since: 4, revision: 5, head: null, put: [], removed: [], order: null };

test('everything replaces everything', () => {
  expect(applied(data, { kind: 'full', revision: 1, head: 'x', rows: [] })).toEqual({ revision: 1, head: 'x', rows: [] });
});

test('rows change in place, new ones go to the end, removed ones go', () => {
  const after = applied(data, { ...delta, put: [{ key: 'b', n: 9 }, { key: 'd', n: 4 }], removed: ['a'] });
  expect(after?.rows.map(({ key, n }) => `${key}${n}`)).toEqual(['b9', 'c3', 'd4']);
  expect(after?.head).toBe('h');
});

test('a row that did not change stays the same object', () => {
  expect(applied(data, { ...delta, put: [{ key: 'b', n: 9 }] })?.rows[2]).toBe(data.rows[2]);
});

test('an order is kept when it is given', () => {
  const after = applied(data, { ...delta, put: [{ key: 'd', n: 4 }], order: ['d', 'c', 'b', 'a'] });
  expect(after?.rows.map(({ key }) => key)).toEqual(['d', 'c', 'b', 'a']);
});

test('a head alone leaves the rows as they are', () => {
  const after = applied(data, { ...delta, head: 'new' });
  expect(after).toEqual({ revision: 5, head: 'new', rows: data.rows });
  expect(after?.rows).toBe(data.rows);
});

test('a patch for another revision is a gap', () => {
  expect(applied(data, { ...delta, since: 3 })).toBeNull();
  expect(applied<string, Row>(null, { ...delta })).toBeNull();
});

test('an order that does not name every row is a gap', () => {
  expect(applied(data, { ...delta, order: ['a'] })).toBeNull();
});
