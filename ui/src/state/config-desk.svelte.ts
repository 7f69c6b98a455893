/**
 * Editing config keys: drafts, then a plan, then apply, verified, undo. Nothing here writes: the host does, under the
 * guard that the plan shows. A refused guard opens the merge, and its result becomes a new plan.
 */
import type {
  AppliedKey,
  AuditRow,
  ConfigApplied,
  ConfigConflict,
  ConfigDraft,
  ConfigPlan,
  ConfigPlanned,
  ConfigValue,
  DraftIntent,
  Merged,
  MergeChoice,
  Offer,
} from '../host/contract/types';
import type { App } from './app.svelte';

/** An open key: its value as it was read, and what the person made of it. */
export interface Tab {
  readonly value: ConfigValue;
  /** Text, or bytes in hexadecimal where the value is not text. */
  readonly draft: string;
  readonly deleting: boolean;
}

/** A conflict under merge. */
export interface Merging {
  readonly conflict: ConfigConflict;
  readonly choices: readonly MergeChoice[];
  readonly merged: Merged | null;
  /** Where no merge by lines is possible: the whole side that was chosen. */
  readonly side: 'theirs' | 'yours' | null;
}

export type Stage =
  | { readonly kind: 'editing' }
  | { readonly kind: 'planning' }
  | { readonly kind: 'planned'; readonly plan: ConfigPlan }
  | { readonly kind: 'applying'; readonly plan: ConfigPlan }
  | { readonly kind: 'applied'; readonly plan: ConfigPlan; readonly edit: string; readonly keys: readonly AppliedKey[]; readonly undo: Offer }
  | { readonly kind: 'refused'; readonly at: 'plan' | 'apply'; readonly sentence: string; readonly merging: readonly Merging[] };

const EDITING: Stage = { kind: 'editing' };
const HISTORY_LIMIT = 50;

export class ConfigDesk {
  tabs = $state.raw<readonly Tab[]>([]);
  current = $state<string | null>(null);
  stage = $state.raw<Stage>(EDITING);
  why = $state('');
  /** Differences with before and after beside each other, where there is room. */
  beside = $state(false);
  /** What the person typed to confirm a deletion. */
  confirmed = $state('');
  history = $state.raw<readonly AuditRow[]>([]);
  reading = $state<string | null>(null);
  /** A key was opened to be edited, and its editor has not taken the focus yet. */
  summoned = $state(false);

  expanded = $state.raw<readonly string[]>([]);
  search = $state('');
  cursor = $state<string | null>(null);

  constructor(private readonly app: App) {}

  get tab(): Tab | null {
    return this.tabs.find((tab) => tab.value.id === this.current) ?? null;
  }

  get edited(): readonly Tab[] {
    return this.tabs.filter(isEdited);
  }

  /** The version that the watch knows of the open key, when it is another than what was read. */
  get movedTo(): string | null {
    const { tab } = this;
    if (tab === null) return null;
    const row = this.app.views.config_tree.rows.find((row) => row.id === tab.value.id);
    const known = row?.version ?? null;
    return known === null || known === tab.value.version ? null : known;
  }

  fold(key: string, open: boolean): void {
    this.expanded = open ? [...this.expanded, key] : this.expanded.filter((other) => other !== key);
  }

  async open(id: string): Promise<void> {
    if (this.stage.kind !== 'applying') this.stage = EDITING;
    this.current = id;
    if (!this.tabs.some((tab) => tab.value.id === id)) await this.read(id);
    this.summoned = this.current === id;
    await this.recall();
  }

  /** Reads the key from its store; a draft of it stays as it is, on the new ground. */
  async read(id: string): Promise<void> {
    this.reading = id;
    const value = await this.app.ask('config_read', { id });
    if (this.reading === id) this.reading = null;
    if (value === undefined) {
      if (this.current === id && this.tab === null) this.current = null;
      return;
    }
    const before = this.tabs.find((tab) => tab.value.id === id);
    const tab: Tab =
      before !== undefined && isEdited(before) ? { ...before, value } : { value, draft: editable(value), deleting: false };
    this.tabs = before === undefined ? [...this.tabs.filter(isEdited), tab] : this.tabs.map((other) => (other === before ? tab : other));
    this.seek();
  }

  /** Looks for the open key in the tree. */
  seek(): void {
    const value = this.tab?.value;
    this.wanted = value?.exists === true ? { id: value.id, source: value.source, path: value.path } : null;
  }

  /** The key that the tree is to show: folders above it are opened one after another, as the tree learns of them. */
  wanted = $state.raw<{ readonly id: string; readonly source: string; readonly path: string } | null>(null);

  /** Takes the next step toward the wanted key in the tree as it is now. */
  reveal(): void {
    const { wanted } = this;
    const { rows, answers } = this.app.views.config_tree;
    if (wanted === null || !answers) return;
    const row = rows.find((row) => row.id === wanted.id);
    if (row !== undefined) {
      this.cursor = row.key;
      this.wanted = null;
      return;
    }
    const above = rows.filter((row) => row.source === wanted.source && row.kind !== 'key' && wanted.path.startsWith(row.path));
    const [deepest] = above.toSorted((a, b) => b.depth - a.depth);
    if (deepest !== undefined && !deepest.expanded && !this.expanded.includes(deepest.key)) this.fold(deepest.key, true);
  }

  write(draft: string): void {
    this.change((tab) => ({ ...tab, draft, deleting: false }));
  }

  remove(): void {
    this.change((tab) => ({ ...tab, deleting: true }));
    void this.plan();
  }

  discard(): void {
    this.change((tab) => ({ ...tab, draft: editable(tab.value), deleting: false }));
    this.stage = EDITING;
  }

  private change(how: (tab: Tab) => Tab): void {
    this.tabs = this.tabs.map((tab) => (tab.value.id === this.current ? how(tab) : tab));
    if (this.stage.kind === 'planned' || this.stage.kind === 'applied') this.stage = EDITING;
  }

  /** Plans all drafts of the open key's source: they go in one transaction. */
  async plan(): Promise<void> {
    const source = this.tab?.value.source;
    const drafts = this.edited.filter((tab) => tab.value.source === source).map(draftOf);
    if (drafts.length > 0) await this.planned(() => this.app.ask('config_plan', { drafts }));
  }

  async planUndo(edit: string): Promise<void> {
    await this.planned(() => this.app.ask('config_plan_undo', { edit }));
  }

  /** The latest edit that can be undone. */
  get undoable(): AuditRow | null {
    return this.history.find((row) => row.undo.possible) ?? null;
  }

  private async planned(ask: () => Promise<ConfigPlanned | undefined>): Promise<void> {
    const before = this.stage;
    this.stage = { kind: 'planning' };
    this.confirmed = '';
    const answer = await ask();
    if (answer === undefined) this.stage = before.kind === 'planning' ? EDITING : before;
    else if (answer.kind === 'ready') this.stage = { kind: 'planned', plan: answer.plan };
    else this.stage = { kind: 'refused', at: 'plan', sentence: answer.sentence, merging: answer.conflicts.map(started) };
  }

  /** Why the plan cannot be applied now; `null` when it can. */
  get held(): string | null {
    if (this.stage.kind !== 'planned') return 'There is no plan to apply.';
    const { plan } = this.stage;
    if (!plan.apply.possible) return plan.apply.reason;
    const name = deletionOf(plan);
    return name === null || this.confirmed === name ? null : `Type ${name} to delete it.`;
  }

  /** The edit that is under way; what comes after it waits for it. */
  private underWay: Promise<void> = Promise.resolve();

  /** Waits until no edit is under way. */
  settled(): Promise<void> {
    return this.underWay;
  }

  apply(): Promise<void> {
    if (this.stage.kind !== 'planned' || this.held !== null) return Promise.resolve();
    this.underWay = this.applied(this.stage.plan);
    return this.underWay;
  }

  private async applied(plan: ConfigPlan): Promise<void> {
    this.stage = { kind: 'applying', plan };
    const answer = await this.app.ask('config_apply', { plan: plan.plan, why: this.why });
    if (answer === undefined) this.stage = EDITING;
    else this.took(plan, answer);
    await this.recall();
  }

  private took(plan: ConfigPlan, answer: ConfigApplied): void {
    if (answer.kind === 'refused') {
      this.stage = { kind: 'refused', at: 'apply', sentence: answer.sentence, merging: answer.conflicts.map(started) };
      return;
    }
    this.why = '';
    this.stage = { kind: 'applied', plan, edit: answer.edit, keys: answer.keys, undo: answer.undo };
    const written = new Set(answer.keys.map((key) => key.id));
    this.tabs = this.tabs.map((tab) => (written.has(tab.value.id) ? { ...tab, draft: editable(tab.value), deleting: false } : tab));
    for (const id of written) if (this.tabs.some((tab) => tab.value.id === id)) void this.read(id);
  }

  async recall(): Promise<void> {
    const rows = await this.app.ask('config_history', { id: null, limit: HISTORY_LIMIT });
    if (rows !== undefined) this.history = rows;
  }

  /** Settles one conflict of one key. */
  async choose(id: string, number: number, choice: MergeChoice): Promise<void> {
    const merging = this.mergingOf(id);
    if (merging === null) return;
    const { base, theirs, yours } = merging.conflict;
    const texts = [base, theirs, yours].map((body) => body?.text ?? '');
    const choices = merging.choices.map((before, at) => (at === number ? choice : before));
    const [b = '', t = '', y = ''] = texts;
    const merged = await this.app.ask('config_merge', { base: b, theirs: t, yours: y, choices });
    if (merged !== undefined) this.settle(id, { ...merging, choices, merged });
  }

  async chooseAll(choice: MergeChoice): Promise<void> {
    if (this.stage.kind !== 'refused') return;
    for (const { conflict, merged, choices } of this.stage.merging) {
      if (merged === null) this.chooseSide(conflict.id, choice === 'theirs' ? 'theirs' : 'yours');
      for (const number of choices.keys()) await this.choose(conflict.id, number, choice);
    }
  }

  chooseSide(id: string, side: 'theirs' | 'yours'): void {
    const merging = this.mergingOf(id);
    if (merging !== null) this.settle(id, { ...merging, side });
  }

  private mergingOf(id: string): Merging | null {
    if (this.stage.kind !== 'refused') return null;
    return this.stage.merging.find(({ conflict }) => conflict.id === id) ?? null;
  }

  private settle(id: string, merging: Merging): void {
    if (this.stage.kind !== 'refused') return;
    this.stage = { ...this.stage, merging: this.stage.merging.map((other) => (other.conflict.id === id ? merging : other)) };
  }

  /** Conflicts that are not settled yet. */
  get unsettled(): number {
    if (this.stage.kind !== 'refused') return 0;
    return this.stage.merging.reduce((sum, { merged, side }) => sum + (merged === null ? (side === null ? 1 : 0) : merged.open), 0);
  }

  /** Makes a new plan of the merge's result, under the new guard. */
  async planResult(): Promise<void> {
    if (this.stage.kind !== 'refused' || this.unsettled > 0) return;
    const { merging } = this.stage;
    const conflicting = new Set(merging.map(({ conflict }) => conflict.id));
    const rest = this.edited.filter((tab) => !conflicting.has(tab.value.id)).map(draftOf);
    const settled = merging.flatMap((one) => resolved(one) ?? []);
    if (settled.length + rest.length === 0) await this.giveUp();
    else await this.planned(() => this.app.ask('config_plan', { drafts: [...settled, ...rest] }));
  }

  /** Goes back to the editor; the draft stays, and the next plan will be refused again until it is merged. */
  keepDraft(): void {
    this.stage = EDITING;
  }

  async giveUp(): Promise<void> {
    if (this.stage.kind !== 'refused') return;
    const ids = new Set(this.stage.merging.map(({ conflict }) => conflict.id));
    this.tabs = this.tabs.map((tab) =>
      ids.has(tab.value.id) ? { ...tab, draft: editable(tab.value), deleting: false } : tab,
    );
    this.stage = EDITING;
    for (const id of ids) if (this.tabs.some((tab) => tab.value.id === id)) await this.read(id);
  }

  /** One step back: from a plan or its outcome to the editor. */
  back(): boolean {
    if (this.stage.kind === 'editing' || this.stage.kind === 'applying' || this.stage.kind === 'planning') return false;
    this.stage = EDITING;
    this.tabs = this.tabs.map((tab) => (tab.deleting ? { ...tab, deleting: false } : tab));
    return true;
  }
}

/** The value as the editor takes it. */
export function editable(value: ConfigValue): string {
  return value.value?.text ?? value.value?.bytes_hex ?? '';
}

/** Values that are not text are edited as bytes. */
export function isHex(value: ConfigValue): boolean {
  return value.value !== null && value.value.text === null;
}

export function isEdited(tab: Tab): boolean {
  return tab.deleting || tab.draft !== editable(tab.value);
}

function draftOf(tab: Tab): ConfigDraft {
  const { id, exists, version } = tab.value;
  return { id, intent: intentOf(tab), flags: null, expect: exists ? version : 'absent' };
}

function intentOf(tab: Tab): DraftIntent {
  if (tab.deleting) return { kind: 'delete' };
  return isHex(tab.value) ? { kind: 'hex', hex: tab.draft } : { kind: 'text', text: tab.draft, crlf: tab.value.value?.crlf ?? false };
}

function started(conflict: ConfigConflict): Merging {
  const conflicts = conflict.merge?.chunks.filter((chunk) => chunk.kind === 'conflict') ?? [];
  return { conflict, choices: conflicts.map((chunk) => chunk.choice), merged: conflict.merge, side: null };
}

/** What is to be written after a merge; `null` when theirs stays. */
function resolved({ conflict, merged, side }: Merging): ConfigDraft | null {
  const guard = { id: conflict.id, flags: null, expect: conflict.theirs_version };
  const crlf = (conflict.theirs ?? conflict.yours)?.crlf ?? false;
  if (merged?.text !== null && merged?.text !== undefined) {
    return merged.text === conflict.theirs?.text ? null : { ...guard, intent: { kind: 'text', text: merged.text, crlf } };
  }
  if (side !== 'yours') return null;
  const { yours } = conflict;
  if (yours === null) return { ...guard, intent: { kind: 'delete' } };
  if (yours.text !== null) return { ...guard, intent: { kind: 'text', text: yours.text, crlf } };
  return { ...guard, intent: { kind: 'hex', hex: yours.bytes_hex ?? '' } };
}

/** The path that must be typed before a plan that deletes may be applied. */
export function deletionOf(plan: ConfigPlan): string | null {
  return plan.keys.find((key) => key.action === 'delete')?.path ?? null;
}
