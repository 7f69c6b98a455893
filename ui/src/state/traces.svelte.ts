/** What was measured of services and calls while this window watched: the lines of the inspector. Nobody else keeps them. */
import type { Signals } from '../host/contract/types';

export interface Sample {
  readonly at: number;
  readonly signals: Signals;
}

/** Between two samples that are kept. */
export const PERIOD_MS = 10_000;
/** An hour of them. */
const KEPT = 360;
/** Above this many things the rest is watched only while it is inspected. */
const WATCHED = 1500;

export class Traces {
  private readonly kept = new Map<string, Sample[]>();
  private version = $state(0);

  /** Takes what stands at this moment; sooner than a period after the latest sample it is left out. What was not seen for an hour is forgotten. */
  note(things: Iterable<{ readonly key: string; readonly signals: Signals }>, at: number, most = WATCHED): void {
    let news = false;
    for (const { key, signals } of things) {
      const samples = this.kept.get(key);
      if (samples === undefined) {
        if (this.kept.size >= most) continue;
        this.kept.set(key, [{ at, signals }]);
      } else {
        const last = samples.at(-1);
        if (last !== undefined && at - last.at < PERIOD_MS) continue;
        // Of a time in which nothing was measured its two ends say all.
        if (samples.length > 1 && [...samples.slice(-2), { signals }].every(isEmpty)) samples.pop();
        samples.push({ at, signals });
        if (samples.length > KEPT) samples.shift();
      }
      news = true;
    }
    for (const [key, samples] of this.kept) if ((samples.at(-1)?.at ?? at) <= at - KEPT * PERIOD_MS) this.kept.delete(key);
    if (news) this.version += 1;
  }

  /** The samples of a thing, oldest first. */
  of(key: string): readonly Sample[] {
    return this.version >= 0 ? [...(this.kept.get(key) ?? [])] : [];
  }
}

function isEmpty({ signals }: Pick<Sample, 'signals'>): boolean {
  return Object.values(signals).every((value) => value === null);
}

export interface Point {
  readonly at: number;
  readonly value: number;
}

/** Runs of points without a hole: where nobody watched, or nothing was measured, the line is broken. `step` is the usual time between two. */
export function unbroken(samples: readonly Sample[], value: (signals: Signals) => number | null, from: number, step = PERIOD_MS): Point[][] {
  const lines: Point[][] = [];
  let before: number | null = null;
  for (const { at, signals } of samples) {
    const here = value(signals);
    if (at < from || here === null) {
      before = null;
      continue;
    }
    if (before === null || at - before > Math.max(3 * PERIOD_MS, 1.5 * step)) lines.push([]);
    lines.at(-1)?.push({ at, value: here });
    before = at;
  }
  return lines;
}
