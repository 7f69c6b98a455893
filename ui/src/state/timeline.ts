/** What happened, laid out on one axis of time. Pure. */
import type { Lane, TimelineRow } from '../host/contract/types';
import { sortedBy } from '../sorted';

/** Above this many events in the span single marks say nothing: bars per slot are drawn instead. */
export const CROWDED = 40;
export const SLOT_MS = 30_000;

export interface Run {
  readonly from: number;
  readonly to: number;
  readonly state: string;
  readonly subject: string;
}

/** States of one subject after another, as far as they are worth a colour. A state lasts until the subject's next event. */
export function runs(rows: readonly TimelineRow[], lane: Lane, quiet: ReadonlySet<string>, from: number, now: number): Run[] {
  const subjects = sortedBy(
    rows.filter((row) => row.lane === lane),
    (row) => `${row.subject.kind} ${row.subject.id}`,
  );
  const all: Run[] = [];
  for (const [subject, events] of subjects) {
    const ordered = events.toSorted((a, b) => a.at - b.at);
    const [first] = ordered;
    if (first !== undefined && first.from !== '' && !quiet.has(first.from)) {
      all.push({ from, to: first.at, state: first.from, subject });
    }
    for (const [i, event] of ordered.entries()) {
      const to = ordered[i + 1]?.at ?? now;
      if (!quiet.has(event.to) && to > from) all.push({ from: Math.max(from, event.at), to, state: event.to, subject });
    }
  }
  return all;
}

/** The states of one breaker from `from` on: what it was before its first change here, and what it is since the last. */
export function past(events: readonly Pick<TimelineRow, 'at' | 'from' | 'to'>[], now: { readonly state: string; readonly since: number }, from: number, to: number): Run[] {
  const ordered = events.toSorted((a, b) => a.at - b.at);
  const [first] = ordered;
  const starts = first === undefined ? [{ at: now.since, state: now.state }] : [{ at: from, state: first.from }, ...ordered.map(({ at, to }) => ({ at, state: to }))];
  return starts.flatMap(({ at, state }, i) => {
    const run = { from: Math.max(from, at), to: starts[i + 1]?.at ?? to, state, subject: '' };
    return run.to > run.from && state !== '' ? [run] : [];
  });
}

/** What a server kept of a process, up to where this window's own knowledge of it begins: that has the very moments of changes. */
export function before(kept: readonly Omit<Run, 'subject'>[], own: readonly Run[], from: number): Run[] {
  const begins = Math.min(...own.map((run) => run.from));
  const earlier = kept.flatMap(({ from: since, to, state }) => {
    const run = { from: Math.max(from, since), to: Math.min(begins, to), state, subject: '' };
    return run.to > run.from ? [run] : [];
  });
  const [last, first] = [earlier.at(-1), own[0]];
  // One state on both sides is one run.
  if (last === undefined || first === undefined || last.state !== first.state || last.to < first.from) return [...earlier, ...own];
  return [...earlier.slice(0, -1), { ...first, from: last.from }, ...own.slice(1)];
}

export interface Bar {
  readonly at: number;
  readonly critical: number;
  readonly warning: number;
  readonly normal: number;
}

/** How many transitions fell into each slot. */
export function bars(rows: readonly TimelineRow[], from: number, now: number): Bar[] {
  const slots = new Map<number, { critical: number; warning: number; normal: number }>();
  for (const row of rows) {
    if (row.lane === 'edits' || row.at < from || row.at > now) continue;
    const at = Math.floor(row.at / SLOT_MS) * SLOT_MS;
    const slot = slots.get(at) ?? { critical: 0, warning: 0, normal: 0 };
    slot[row.tone] += 1;
    slots.set(at, slot);
  }
  return [...slots].map(([at, counts]) => ({ at, ...counts })).toSorted((a, b) => a.at - b.at);
}

/** Marks of the axis: moments with the words under them, about six. */
export function ticks(span: number): { readonly ago: number; readonly label: string }[] {
  const minute = 60_000;
  const step = [1, 2, 5, 10, 20, 60, 120, 240].map((n) => n * minute).find((step) => span / step <= 6.5) ?? 240 * minute;
  const marks = [];
  for (let ago = step; ago <= span; ago += step) {
    const label = ago >= 60 * minute && ago % (60 * minute) === 0 ? `−${ago / 60 / minute} h` : `−${ago / minute} min`;
    marks.push({ ago, label });
  }
  return marks;
}

/** The labels that have room: newest first, none over another. Each is given as its right edge and width. */
export function roomy<T>(items: readonly { readonly x: number; readonly width: number; readonly item: T }[], left: number): Map<T, number> {
  const taken: [number, number][] = [];
  const placed = new Map<T, number>();
  for (const { x, width, item } of items.toSorted((a, b) => b.x - a.x)) {
    const span: [number, number] = [x - 10 - width, x + 8];
    if (span[0] < left || taken.some(([a, b]) => span[0] < b && a < span[1])) {
      taken.push([x - 6, x + 6]);
      continue;
    }
    taken.push(span);
    placed.set(item, x - 10);
  }
  return placed;
}

/** The lanes of a breaker, from above. Which of them are drawn, what is in them decides. */
const LANES = ['open', 'half-open', 'closed', 'unknown'] as const;
export type LaneName = (typeof LANES)[number];
const LANE_OF: ReadonlyMap<string, LaneName> = new Map([
  ['open', 'open'], ['forced_open', 'open'], ['half_open', 'half-open'], ['closed', 'closed'], ['disabled', 'closed'], ['unknown', 'unknown'],
]);

/** One process of a breaker: what it was, one state after another. */
export interface Course {
  readonly process: string;
  readonly runs: readonly Run[];
}

export interface Swum {
  readonly process: string;
  readonly state: string;
  readonly from: number;
  readonly to: number;
  readonly lane: LaneName;
  /** Its line in the lane, the same in each lane. */
  readonly line: number;
}

/** The courses in their lanes: open, half-open and closed always, unknown where somebody was in it. */
export function lanes(courses: readonly Course[]): { readonly lanes: readonly LaneName[]; readonly swum: readonly Swum[] } {
  const swum = courses.flatMap(({ process, runs }, line) =>
    runs.flatMap(({ state, from, to }) => {
      const lane = LANE_OF.get(state);
      return lane === undefined ? [] : [{ process, state, from, to, lane, line }];
    }),
  );
  return { lanes: LANES.filter((lane) => lane !== 'unknown' || swum.some((one) => one.lane === lane)), swum };
}
