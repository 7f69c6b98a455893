import { expect, test } from 'vitest';
import { parentOf, typed, type TreeLine } from './tree';

const line = (label: string, level: number): TreeLine => ({ id: label, label, level, expanded: null });
const lines = [line('kv', 0), line('fleet', 1), line('payments', 2), line('pricing', 2), line('shop', 1)];

test('the parent is the nearest line above with a smaller level', () => {
  expect(parentOf(lines, 3)).toBe(1);
  expect(parentOf(lines, 4)).toBe(0);
  expect(parentOf(lines, 0)).toBe(0);
});

test('typing goes to the next label that begins so, and round again', () => {
  expect(typed(lines, 0, 'p')).toBe(2);
  expect(typed(lines, 2, 'P')).toBe(3);
  expect(typed(lines, 3, 'p')).toBe(2);
  expect(typed(lines, 1, 'zz')).toBe(1);
});
