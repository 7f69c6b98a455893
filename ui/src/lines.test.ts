import { expect, test } from 'vitest';
import { changedLines } from './lines';

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
