import { expect, test } from 'vitest';
import { following, moved, ordered, roomFor, turned, visible, type Column } from './table';

const columns: Column[] = [
  { id: 'name', title: 'name', width: '1fr', sortable: true, least: 100 },
  { id: 'rate', title: 'rate', width: '80px', numeric: true, sortable: true, least: 80, drop: 1 },
  { id: 'why', title: 'why', width: '1fr', least: 200, drop: 2 },
];
const [name, rate] = columns as [Column, Column];

test('a header chosen twice turns the order round; numbers start with the largest', () => {
  const first = turned({ column: 'name', descending: false }, rate);
  expect(first).toEqual({ column: 'rate', descending: true });
  expect(turned(first, rate).descending).toBe(false);
  expect(turned(first, name)).toEqual({ column: 'name', descending: false });
});

test('where there is no room the least important columns give way', () => {
  const shown = (width: number) => roomFor(columns, width).map(({ id }) => id);
  expect(shown(436)).toEqual(['name', 'rate', 'why']);
  expect(shown(435)).toEqual(['name', 'rate']);
  expect(shown(10)).toEqual(['name']);
});

test('S goes through the sortable columns and round again', () => {
  const second = following({ column: 'name', descending: false }, columns);
  expect(second.column).toBe('rate');
  expect(following(second, columns).column).toBe('name');
});

test('what has no value goes last, whichever way', () => {
  const rows = [{ v: 2 }, { v: null }, { v: 10 }];
  expect(ordered(rows, (row) => row.v, true).map((row) => row.v)).toEqual([10, 2, null]);
  expect(ordered(rows, (row) => row.v, false).map((row) => row.v)).toEqual([2, 10, null]);
  expect(ordered(['a10', 'a2'], (row) => row, false)).toEqual(['a2', 'a10']);
});

test('only what is on the screen is drawn, and some around it', () => {
  expect(visible(0, 320, 32, 5000)).toEqual([0, 16]);
  expect(visible(3200, 320, 32, 5000)).toEqual([94, 116]);
  expect(visible(0, 320, 32, 3)).toEqual([0, 3]);
});

test('the cursor stays inside the list', () => {
  expect(moved('ArrowDown', 2, 3, 10)).toBe(2);
  expect(moved('ArrowUp', 0, 3, 10)).toBe(0);
  expect(moved('PageDown', 0, 30, 10)).toBe(10);
  expect(moved('End', 0, 30, 10)).toBe(29);
  expect(moved('x', 0, 30, 10)).toBeNull();
  expect(moved('ArrowDown', -1, 0, 10)).toBeNull();
});
