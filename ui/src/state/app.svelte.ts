/** What the window is showing: the one place that says where the person is. */
import { getContext, setContext } from 'svelte';
import { screenLine, sourcesOf } from '../command-line';
import { parse, type Filter } from '../filter';
import { asFailure, type Args, type CommandName, type Host, type Result } from '../host';
import type { BreakerSwitch, Failure, Screen, Subject, Theme } from '../host/contract/types';
import { ConfigDesk } from './config-desk.svelte';
import { Past } from './signal-history.svelte';
import { Traces } from './traces.svelte';
import { Topology } from './topology.svelte';
import { Views } from './views.svelte';

/** What stands over the screen. */
export type Overlay =
  | { readonly kind: 'palette'; readonly commands: boolean }
  | { readonly kind: 'evidence'; readonly subject: Subject; readonly fact: string }
  | { readonly kind: 'keys' }
  | { readonly kind: 'register'; readonly like: string | null }
  | { readonly kind: 'deregister'; readonly source: string; readonly instance: string; readonly name: string }
  | { readonly kind: 'switch'; readonly breaker: string; readonly to: BreakerSwitch }
  | { readonly kind: 'logs'; readonly instance: string; readonly name: string }
  | { readonly kind: 'connect' }
  | { readonly kind: 'token'; readonly spec: string };

export class App {
  screen = $state<Screen>('topology');
  selection = $state.raw<Subject | null>(null);
  inspecting = $state(false);
  /** The row of the inspector that was asked for. */
  pointed = $state<string | null>(null);
  /** The disagreement that the person is at. */
  disputed = $state<string | null>(null);
  /** Shows what was found on this computer, also when something is connected already. */
  adding = $state(false);
  overlay = $state.raw<Overlay | null>(null);
  /** Terms of the filter that stand, and the one that is being typed. */
  filterTerms = $state.raw<readonly string[]>([]);
  filterDraft = $state('');
  theme = $state<Theme>('system');
  /** How far back the timeline and the lines of the inspector reach, in milliseconds. */
  span = $state(30 * 60_000);
  /** The latest thing that went wrong with what the person asked for. */
  failure = $state.raw<Failure | null>(null);
  /** One sentence about what was just done. */
  said = $state('');

  readonly views: Views;
  readonly topology: Topology;
  readonly desk: ConfigDesk;
  readonly traces = new Traces();
  /** How the signals of what is inspected went. */
  readonly past: Past<'history'>;
  /** In which states the breaker was that is looked at. */
  readonly breakerPast: Past<'breaker_history'>;
  private readonly parsed: Filter = $derived(parse([...this.filterTerms, this.filterDraft].join(' ')));

  constructor(readonly host: Host) {
    this.views = new Views(host);
    this.topology = new Topology(host, this.views.topology);
    this.desk = new ConfigDesk(this);
    this.past = new Past(host, 'history');
    this.breakerPast = new Past(host, 'breaker_history');
  }

  get filter(): Filter {
    return this.parsed;
  }

  /** Nothing is connected, or the person asked for more: the first screen. */
  get atFirstRun(): boolean {
    return this.adding || this.views.shell.head?.live === 'nothing';
  }

  go(screen: Screen): void {
    this.adding = false;
    this.screen = screen;
  }

  /** Selects without opening anything: the cursor of a table or of the topology. */
  select(subject: Subject | null): void {
    this.selection = subject;
    if (subject === null) this.inspecting = false;
  }

  inspect(subject: Subject, row: string | null = null): void {
    this.selection = subject;
    this.pointed = row;
    this.inspecting = true;
  }

  /** Opens a thing where it lives. */
  open(subject: Subject): void {
    if (subject.kind === 'config') {
      this.go('config');
      void this.desk.open(subject.id);
      return;
    }
    if (subject.kind === 'source') this.go('sources');
    else if (this.screen === 'config' || this.screen === 'sources') this.go('topology');
    this.inspect(subject);
    if (this.screen === 'topology') this.topology.reveal(subject);
  }

  /** Goes where both claims stand side by side. */
  showDisagreement(id: string): void {
    this.go('disagreements');
    this.disputed = id;
    this.inspecting = false;
  }

  /** Opens the log of an instance of what is inspected: the one named, or else the first that is not well. False when there is none. */
  readLog(instance: string | null = null): boolean {
    const rows = this.views.inspector.rows.flatMap((row) => (row.kind === 'instance' && row.logs?.possible === true ? [row] : []));
    const row = rows.find(({ id }) => id === instance) ?? (instance === null ? (rows.find(({ health }) => health !== 'passing') ?? rows[0]) : undefined);
    if (row === undefined) return false;
    this.overlay = { kind: 'logs', instance: row.id, name: row.native_id };
    return true;
  }

  clearFilter(): void {
    this.filterTerms = [];
    this.filterDraft = '';
  }

  /** Closes the topmost: overlay, then the inspector, then the filter. True when there was something. */
  back(): boolean {
    if (this.overlay !== null) this.overlay = null;
    else if (this.failure !== null) this.failure = null;
    else if (this.adding) this.adding = false;
    else if (this.screen === 'config' && this.desk.back()) return true;
    else if (this.inspecting) this.inspecting = false;
    else if (this.filter.text.trim() !== '') this.clearFilter();
    else if (this.selection !== null) this.selection = null;
    else return false;
    return true;
  }

  /** Asks the host on the person's behalf; a failure is shown, and nothing comes back. */
  async ask<N extends Exclude<CommandName, 'subscribe'>>(name: N, args: Args<N>): Promise<Result<N> | undefined> {
    try {
      const answer = await this.host.call(name, args);
      this.failure = null;
      return answer;
    } catch (thrown) {
      this.failure = asFailure(thrown);
      return undefined;
    }
  }

  async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.said = 'Copied.';
    } catch {
      this.said = 'The system does not let this window copy.';
    }
  }

  /** What the screen shows, as a line for a terminal. */
  async copyLine(): Promise<void> {
    const answer = await this.ask('pull', { request: { view: 'sources' }, since: null });
    const connections = answer?.view === 'sources' && answer.patch.kind === 'full' ? answer.patch.head.connections : [];
    await this.copy(screenLine(this.screen, sourcesOf(connections), this.desk.current));
  }

  async readPreferences(): Promise<void> {
    const preferences = await this.ask('preferences_read', {});
    if (preferences !== undefined) this.theme = preferences.theme;
  }

  switchTheme(): void {
    const order: readonly Theme[] = ['system', 'dark', 'light'];
    this.theme = order[(order.indexOf(this.theme) + 1) % order.length] ?? 'system';
    void this.ask('preferences_write', { theme: this.theme });
    this.said = `Theme: ${this.theme === 'system' ? 'as the system has it' : this.theme}`;
  }
}

const KEY = Symbol('app');

export function provideApp(host: Host): App {
  return setContext(KEY, new App(host));
}

export function useApp(): App {
  return getContext<App>(KEY);
}
