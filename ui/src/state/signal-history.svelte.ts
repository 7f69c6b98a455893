/** How what is looked at went, from the server that keeps it: asked once when it is opened, taken back when it is closed. */
import { untrack } from 'svelte';
import { asFailure, type Host, type Result } from '../host';
import type { BreakerHistory, Failure, HistoryPoint, SignalHistory, Subject } from '../host/contract/types';
import type { Sample } from './traces.svelte';

/** How far back is asked. */
export const REACH_MS = 30 * 60_000;
/** Who walks through a list passes by many things: only where a person stays is asked. */
const SETTLE_MS = 250;

/** The window's numbers for its questions. */
let asked = 0;

/** One at a time of a kind. */
export class Past<K extends 'history' | 'breaker_history'> {
  /** What came of the thing that is looked at. */
  answer = $state.raw<Result<K> | null>(null);
  failure = $state.raw<Failure | null>(null);
  /** True while an answer may come. */
  asking = $state(false);

  private ask = 0;

  constructor(private readonly host: Host, private readonly kind: K) {}

  async open(subject: Subject): Promise<void> {
    this.close();
    asked += 1;
    const ask = asked;
    this.ask = ask;
    this.asking = true;
    try {
      const answer = await this.host.call(this.kind, { subject: { kind: subject.kind, id: subject.id }, reach_s: REACH_MS / 1000, ask });
      if (ask === this.ask) this.answer = answer;
    } catch (thrown) {
      if (ask === this.ask) this.failure = asFailure(thrown);
    }
    if (ask === this.ask) this.asking = false;
  }

  /** Asks once a person has stayed for a moment; what is returned takes it back. */
  settle(subject: Subject): () => void {
    const timer = setTimeout(() => void this.open(subject), SETTLE_MS);
    return () => {
      clearTimeout(timer);
      untrack(() => this.close());
    };
  }

  /** Takes the question back, and forgets the answer. */
  close(): void {
    const ask = this.asking ? this.ask : 0;
    this.ask = 0;
    this.asking = false;
    this.answer = null;
    this.failure = null;
    if (ask === 0) return;
    // When this gets lost, the next question takes it back at the latest.
    this.host.call('history_close', { ask }).catch(() => {});
  }
}

/** What the server kept, and before and after that what this window watched. Pure. */
export function together(history: Pick<SignalHistory, 'points'> | null, watched: readonly Sample[]): readonly Sample[] {
  return between(history?.points ?? [], watched);
}

function between(kept: readonly HistoryPoint[], watched: readonly Sample[]): readonly Sample[] {
  const [first, last] = [kept[0]?.at, kept.at(-1)?.at];
  if (first === undefined || last === undefined) return watched;
  const sample = ({ at, rps, error_ratio, p95_ms }: HistoryPoint): Sample => ({ at, signals: { rps, error_ratio, p50_ms: null, p95_ms, p99_ms: null } });
  return [...watched.filter(({ at }) => at < first), ...kept.map(sample), ...watched.filter(({ at }) => at > last)];
}

/** The same of what a breaker refused. */
export function refusals(history: BreakerHistory | null, watched: readonly Sample[]): readonly Sample[] {
  const rates = (history?.rejected ?? []).map(({ at, rejected_per_s }) => ({ at, rps: rejected_per_s, error_ratio: null, p95_ms: null }));
  return between(rates, watched);
}

/** The lowest and the highest number of some lines, and how many of them there are, in words for who does not see them. Pure. */
export function spoken(lines: readonly (readonly { readonly value: number }[])[], now: string, text: (value: number) => string): string {
  const values = lines.flat().map(({ value }) => value);
  if (values.length === 0) return 'nothing was measured';
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const gaps = lines.length - 1;
  return `lowest ${text(low)}, highest ${text(high)}, now ${now}${gaps === 0 ? '' : gaps === 1 ? ', with one gap' : `, with ${gaps} gaps`}`;
}
