/**
 * The host over a recording: the second implementation of the seam, for the UI's own tests in a plain browser.
 * It answers from what was recorded and carries the changes that a test plays; it decides nothing by itself.
 */
import type { Commands } from './contract/commands';
import type { ConfigTreeParams, ConfigTreeRow, Failure, Notice, Subject, View, ViewPatch, ViewRequest } from './contract/types';
import { Refusal, type Args, type CommandName, type Host, type Result } from './index';

interface Keyed {
  readonly key: string;
  readonly [more: string]: unknown;
}

/** A view as it stands: a head and rows. */
export interface Still {
  readonly head: unknown;
  readonly rows: readonly Keyed[];
}

/** What a command is answered with. The first that fits is taken. */
export interface Answer {
  readonly command: CommandName;
  /** Parts of the argument that must be so. */
  readonly when?: unknown;
  readonly result?: unknown;
  readonly failure?: Failure;
  /** What changes in the views when it was asked. */
  readonly then?: readonly Change[];
  /** Taken once, so that the next answer of the list comes up. */
  readonly once?: boolean;
}

/** A new state of a view; rows by their key when only some change. */
export interface Change {
  readonly view: View;
  readonly subject?: Subject;
  readonly head?: unknown;
  readonly rows?: readonly Keyed[];
  readonly put?: readonly Keyed[];
  readonly removed?: readonly string[];
}

export interface Recording {
  /** The clock stands at this moment, milliseconds since the epoch. */
  readonly at: number;
  readonly layout: { readonly number: number; readonly boxes: readonly (readonly [number, number, number, number])[] };
  readonly views: Partial<Record<View, Still>>;
  /** Inspectors by `kind id`. */
  readonly inspectors: Readonly<Record<string, Still>>;
  readonly answers: readonly Answer[];
}

interface Served {
  readonly request: string;
  readonly revision: number;
  readonly still: Still;
}

export class RecordedHost implements Host {
  /** Every call, for tests that ask what was sent. */
  readonly calls: { readonly name: CommandName; readonly args: unknown }[] = [];
  private readonly views: Partial<Record<View, Still>>;
  private readonly inspectors: Record<string, Still>;
  private answers: Answer[];
  private layout: Recording['layout'];
  private passed = 0;
  private revision = 1;
  private readonly served = new Map<View, Served>();
  private told: View[] = [];
  private onNotice: ((notice: Notice) => void) | null = null;
  private readonly held = new Map<CommandName, Promise<void>>();

  constructor(private readonly recording: Recording) {
    this.views = { ...recording.views };
    this.inspectors = { ...recording.inspectors };
    this.answers = [...recording.answers];
    this.layout = recording.layout;
  }

  now(): number {
    return this.recording.at + this.passed;
  }

  /** Lets time go by. */
  advance(ms: number): void {
    this.passed += ms;
  }

  async subscribe(views: View[], onNotice: (notice: Notice) => void): Promise<void> {
    this.told = views;
    this.onNotice = onNotice;
    for (const view of views) onNotice({ view, revision: this.revision });
    return Promise.resolve();
  }

  async call<N extends Exclude<CommandName, 'subscribe'>>(name: N, args: Args<N>): Promise<Result<N>> {
    // The answer comes in a later turn, as from another process.
    await Promise.resolve();
    if (name === 'pull') return this.pull(args as Commands['pull']['args']) as Result<N>;
    if (name === 'positions') return this.positions() as Result<N>;
    this.calls.push({ name, args });
    await this.held.get(name);
    return this.answer(name, args) as Result<N>;
  }

  /** Lets calls of a command wait for their answers until the returned function is called. */
  hold(name: CommandName): () => void {
    let release = () => {};
    this.held.set(name, new Promise<void>((open) => (release = open)));
    return () => {
      this.held.delete(name);
      release();
    };
  }

  private answer(name: CommandName, args: unknown): unknown {
    const answer = this.answers.find((answer) => answer.command === name && within(answer.when, args));
    if (answer === undefined) {
      throw new Refusal({ code: 'recording.silent', message: `The recording has no answer to ${name} ${JSON.stringify(args)}.`, hint: '', source: null });
    }
    if (answer.once === true) this.answers = this.answers.filter((other) => other !== answer);
    for (const change of answer.then ?? []) this.play(change);
    if (answer.failure !== undefined) throw new Refusal(answer.failure);
    return answer.result ?? null;
  }

  /** Adds an answer in front of the others. */
  answerWith(answer: Answer): void {
    this.answers = [answer, ...this.answers];
  }

  /** Puts other places under what is drawn; the topology's head has to name their number. */
  lay(layout: Recording['layout']): void {
    this.layout = layout;
  }

  /** Changes a view and tells about it. */
  play(change: Change): void {
    const key = change.subject === undefined ? null : subjectKey(change.subject);
    const before = (key === null ? this.views[change.view] : this.inspectors[key]) ?? { head: null, rows: [] };
    const still: Still = { head: change.head ?? before.head, rows: rowsAfter(before.rows, change) };
    if (key === null) this.views[change.view] = still;
    else this.inspectors[key] = still;
    this.revision += 1;
    if (this.told.includes(change.view)) this.onNotice?.({ view: change.view, revision: this.revision });
  }

  /** The rows of a view as they stand. */
  rowsOf(view: View): readonly Keyed[] {
    return this.views[view]?.rows ?? [];
  }

  /** The revision that the window has of a view. */
  servedAt(view: View): number {
    return this.served.get(view)?.revision ?? 0;
  }

  private pull({ request, since }: Commands['pull']['args']): ViewPatch {
    const still = this.stillOf(request);
    const asked = JSON.stringify(request);
    const before = this.served.get(request.view);
    this.served.set(request.view, { request: asked, revision: this.revision, still });
    const patch =
      before !== undefined && before.request === asked && since === before.revision
        ? { kind: 'delta', since, revision: this.revision, ...difference(before.still, still) }
        : { kind: 'full', revision: this.revision, head: still.head, rows: still.rows };
    return { view: request.view, patch } as unknown as ViewPatch;
  }

  private stillOf(request: ViewRequest): Still {
    if (request.view === 'inspector') {
      const still = this.inspectors[subjectKey(request.subject)];
      if (still === undefined) throw new Refusal({ code: 'recording.silent', message: `Nothing was recorded about ${request.subject.id}.`, hint: '', source: null });
      return still;
    }
    const still = this.views[request.view] ?? { head: null, rows: [] };
    if (request.view !== 'config_tree') return still;
    return { head: still.head, rows: unfolded(still.rows as unknown as readonly ConfigTreeRow[], request) };
  }

  private positions(): ArrayBuffer {
    const { number, boxes } = this.layout;
    const bytes = new ArrayBuffer(8 + boxes.length * 16);
    const data = new DataView(bytes);
    data.setUint32(0, number, true);
    data.setUint32(4, boxes.length, true);
    for (const [slot, box] of boxes.entries()) {
      for (const [i, n] of box.entries()) data.setFloat32(8 + slot * 16 + i * 4, n, true);
    }
    return bytes;
  }
}

function subjectKey({ kind, id }: Subject): string {
  return `${kind} ${id}`;
}

function rowsAfter(before: readonly Keyed[], change: Change): readonly Keyed[] {
  if (change.rows !== undefined) return change.rows;
  const rows = new Map(before.map((row) => [row.key, row]));
  for (const key of change.removed ?? []) rows.delete(key);
  for (const row of change.put ?? []) rows.set(row.key, { ...rows.get(row.key), ...row });
  return [...rows.values()];
}

function difference(before: Still, after: Still) {
  const old = new Map(before.rows.map((row) => [row.key, row]));
  const now = new Set(after.rows.map(({ key }) => key));
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const keys = after.rows.map(({ key }) => key);
  // As the app does: no order where the rows that stay keep their places and the new ones go to the end.
  const appended = [...before.rows.filter(({ key }) => now.has(key)), ...after.rows.filter(({ key }) => !old.has(key))];
  return {
    head: same(before.head, after.head) ? null : after.head,
    put: after.rows.filter((row) => !same(old.get(row.key), row)),
    removed: before.rows.filter(({ key }) => !now.has(key)).map(({ key }) => key),
    order: appended.every(({ key }, i) => key === keys[i]) ? null : keys,
  };
}

/** The rows of the tree that are visible with these folders open. The recording holds all of them. */
function unfolded(rows: readonly ConfigTreeRow[], params: ConfigTreeParams): ConfigTreeRow[] {
  const search = params.search?.toLowerCase() ?? null;
  if (search !== null) {
    const found = rows.filter((row) => row.kind === 'store' || (row.kind === 'key' && row.path.toLowerCase().includes(search)));
    return found.map((row) => (row.kind === 'key' ? { ...row, depth: 1, label: row.path } : { ...row, expanded: true }));
  }
  const visible: ConfigTreeRow[] = [];
  let closed: number | null = null;
  for (const row of rows) {
    if (closed !== null && row.depth > closed) continue;
    const expanded = row.kind !== 'key' && params.expanded.includes(row.key);
    closed = row.kind === 'key' || expanded ? null : row.depth;
    visible.push({ ...row, expanded });
  }
  return visible;
}

/** Whether everything that is wanted is in the value, at any depth. */
function within(wanted: unknown, value: unknown): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted !== 'object' || wanted === null) return wanted === value;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(wanted).every(([key, part]) => within(part, (value as Record<string, unknown>)[key]));
}
