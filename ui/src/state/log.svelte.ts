/** The log that a person looks at: fetched in batches, at most one a frame, and kept here alone, in a ring. */
import { asFailure, type Host } from '../host';
import type { Failure, LogRow, LogsOpenArgs, LogsOpened } from '../host/contract/types';

/** How many lines are kept; the oldest go first. */
export const LINES_KEPT = 10_000;
/** How many characters they may have together. */
export const TEXT_KEPT = 4 * 1024 * 1024;

export interface NumberedRow extends LogRow {
  /** Counted from the first line that came. */
  readonly number: number;
}

/** Adds lines at the end; the oldest go when there are too many. Pure. */
export function kept(before: readonly NumberedRow[], lines: readonly LogRow[]): readonly NumberedRow[] {
  const next = (before.at(-1)?.number ?? 0) + 1;
  const all = [...before, ...lines.map((line, i) => ({ ...line, number: next + i }))];
  let text = all.reduce((sum, { text }) => sum + text.length, 0);
  let first = Math.max(0, all.length - LINES_KEPT);
  for (let i = 0; i < first; i += 1) text -= all[i]?.text.length ?? 0;
  while (text > TEXT_KEPT && first < all.length) {
    text -= all[first]?.text.length ?? 0;
    first += 1;
  }
  return first === 0 ? all : all.slice(first);
}

/** What is copied: the lines as they are, with their moments where they have them. Pure. */
export function asText(rows: readonly LogRow[]): string {
  return rows.map(({ at, text }) => (at === null ? text : `${new Date(at).toISOString()} ${text}`)).join('\n');
}

export class Log {
  opened = $state.raw<LogsOpened | null>(null);
  rows = $state.raw<readonly NumberedRow[]>([]);
  /** Lines that were lost because they came too fast. */
  dropped = $state(0);
  /** True while lines may come. */
  running = $state(false);
  failure = $state.raw<Failure | null>(null);

  private turn = 0;

  constructor(
    private readonly host: Host,
    private readonly frame: () => Promise<void> = () => new Promise((next) => requestAnimationFrame(() => next())),
  ) {}

  /** Opens a log, and reads it until it ends or `close` is called. What stood here goes. */
  async open(args: LogsOpenArgs): Promise<void> {
    await this.close();
    const turn = this.turn;
    this.rows = [];
    this.dropped = 0;
    this.failure = null;
    this.running = true;
    try {
      const opened = await this.host.call('logs_open', args);
      if (turn !== this.turn) return void (await this.host.call('logs_close', { log: opened.log }));
      this.opened = opened;
      await this.read(turn, opened.log);
    } catch (thrown) {
      if (turn === this.turn) this.failure = asFailure(thrown);
    }
    if (turn === this.turn) this.running = false;
  }

  private async read(turn: number, log: number): Promise<void> {
    while (turn === this.turn) {
      const { lines, dropped, ended } = await this.host.call('logs_next', { log });
      if (turn !== this.turn) return;
      if (lines.length > 0) this.rows = kept(this.rows, lines);
      this.dropped += dropped;
      if (ended !== null) {
        this.failure = ended.failure;
        return;
      }
      await this.frame();
    }
  }

  /** Reads no more; what came stays to be looked at. */
  async close(): Promise<void> {
    this.turn += 1;
    const open = this.running ? this.opened : null;
    this.running = false;
    if (open === null) return;
    try {
      await this.host.call('logs_close', { log: open.log });
    } catch {
      // It is closed when another one is opened, at the latest.
    }
  }
}
