import { expect, test } from 'vitest';
import type { DiffLine } from './host/contract/types';
import { changedLines, paired } from './lines';

test.each([
  ['a\nb\nc', 'a\nb\nc', []],
  ['a\nb\nc', 'a\nB\nc', [1]],
  ['a\nc', 'a\nb\nc', [1]],
  ['a\nb\nc', 'a\nc', []],
  ['a\nb\nc\nd', 'x\nb\ny\nd', [0, 2]],
  ['', 'a', [0]],
])('from %j to %j', (base, next, lines) => expect([...changedLines(base, next)]).toEqual(lines));

test('two large texts without a common line are answered at once', () => {
  const text = (word: string) => Array.from({ length: 20_000 }, (_, i) => `${word}${i}`).join('\n');
  expect(changedLines(text('a'), text('b')).size).toBe(20_000);
});

test('what came stands beside what went', () => {
  const line = (kind: DiffLine['kind'], text: string): DiffLine => ({ kind, before: null, after: null, pieces: [{ text, changed: false }] });
  const lines = [line('same', 'a'), line('removed', 'b'), line('removed', 'c'), line('added', 'd'), line('removed', 'e'), line('same', 'f'), line('added', 'g')];
  const said = paired(lines).map((row) => row.map((line) => line?.pieces[0]?.text ?? '').join('|'));
  expect(said).toEqual(['a|a', 'b|d', 'c|', 'e|', 'f|f', '|g']);
});
