/** Which lines of a text differ from the text it came from. Pure; bounded in work. */

import type { DiffLine } from './host/contract/types';

/** Above this product of line counts the middle is marked as a whole instead of being compared. */
const COMPARED = 1_000_000;

/** The numbers (from 0) of the lines of `next` that `base` does not have in that order. */
export function changedLines(base: string, next: string): Set<number> {
  const a = base.split('\n');
  const b = next.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const left = a.slice(head, a.length - tail);
  const right = b.slice(head, b.length - tail);
  const kept = left.length * right.length > COMPARED ? new Set<number>() : common(left, right);
  const changed = new Set<number>();
  for (const i of right.keys()) if (!kept.has(i)) changed.add(head + i);
  return changed;
}

/** Places in `b` of the longest common subsequence of lines. */
function common(a: readonly string[], b: readonly string[]): Set<number> {
  const wide = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * wide);
  const length = (i: number, j: number) => longest[i * wide + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * wide + j] = a[i] === b[j] ? length(i + 1, j + 1) + 1 : Math.max(length(i + 1, j), length(i, j + 1));
    }
  }
  const kept = new Set<number>();
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      kept.add(j);
      i += 1;
      j += 1;
    } else if (length(i + 1, j) >= length(i, j + 1)) i += 1;
    else j += 1;
  }
  return kept;
}

/** The lines of a difference side by side: what went and what came in its place stand in one row. */
export function paired(lines: readonly DiffLine[]): [DiffLine | null, DiffLine | null][] {
  const rows: [DiffLine | null, DiffLine | null][] = [];
  let removed: DiffLine[] = [];
  let added: DiffLine[] = [];
  const settle = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i += 1) rows.push([removed[i] ?? null, added[i] ?? null]);
    [removed, added] = [[], []];
  };
  for (const line of lines) {
    if (line.kind === 'added') added.push(line);
    else if (line.kind === 'removed') {
      if (added.length > 0) settle();
      removed.push(line);
    } else {
      settle();
      rows.push([line, line]);
    }
  }
  settle();
  return rows;
}
