import { expect, test } from 'vitest';
import { asText, kept, LINES_KEPT, TEXT_KEPT } from './log.svelte';

const row = (text: string) => ({ at: null, text, left_out: 0 });

test('the oldest lines go, and the others keep their numbers', () => {
  const first = kept([], [row('a'), row('b')]);
  expect(first.map(({ number, text }) => [number, text])).toEqual([[1, 'a'], [2, 'b']]);
  const many = kept(first, Array.from({ length: LINES_KEPT }, () => row('x')));
  expect(many.length).toBe(LINES_KEPT);
  expect(many[0]?.number).toBe(3);
});

test('the text that is kept has an end too', () => {
  const wide = 'x'.repeat(TEXT_KEPT / 2);
  expect(kept([], [row(wide), row(wide), row('last')]).map(({ number }) => number)).toEqual([2, 3]);
});

test('lines are copied with their moments', () => {
  expect(asText([{ at: 0, text: 'a', left_out: 0 }, row('b')])).toBe('1970-01-01T00:00:00.000Z a\nb');
});
