/** Every command that a key or the palette reaches: the one list of them. */
import type { Screen } from '../host/contract/types';
import { problems, walk, type Step } from '../graph/walk';
import type { App } from './app.svelte';
import { keyOf } from './topology.svelte';

export interface Command {
  readonly id: string;
  readonly title: string;
  /** As it is written for people. */
  readonly keys?: string;
  readonly run: (app: App) => void;
  /** Whether it makes sense now; a command that does not is not offered. */
  readonly when?: (app: App) => boolean;
}

export const SCREENS: readonly { readonly id: Screen; readonly title: string }[] = [
  { id: 'topology', title: 'Topology' },
  { id: 'services', title: 'Services' },
  { id: 'health', title: 'Health' },
  { id: 'breakers', title: 'Breakers' },
  { id: 'config', title: 'Config' },
  { id: 'disagreements', title: 'Disagreements' },
  { id: 'sources', title: 'Sources' },
];

const onTopology = (app: App) => app.screen === 'topology' && !app.atFirstRun;
const onConfig = (app: App) => app.screen === 'config' && !app.atFirstRun;

export const COMMANDS: readonly Command[] = [
  { id: 'find', title: 'Find anything', keys: '/', run: (app) => (app.overlay = { kind: 'palette', commands: false }) },
  { id: 'palette', title: 'Commands', keys: 'Ctrl K', run: (app) => (app.overlay = { kind: 'palette', commands: true }) },
  ...SCREENS.map(
    ({ id, title }, i): Command => ({ id: `screen-${id}`, title: `Show ${title}`, keys: String(i + 1), run: (app) => app.go(id) }),
  ),
  {
    id: 'evidence',
    title: 'Show the evidence of what is selected',
    keys: 'E',
    when: (app) => app.selection !== null,
    run: (app) => {
      if (app.selection !== null) app.overlay = { kind: 'evidence', subject: app.selection, fact: 'state' };
    },
  },
  {
    id: 'logs',
    title: 'Read the log of a pod of what is inspected',
    keys: 'L',
    when: (app) => app.inspecting && app.views.inspector.rows.some((row) => row.kind === 'instance' && row.logs?.possible === true),
    run: (app) => void app.readLog(),
  },
  { id: 'next', title: 'Next problem', keys: 'J', run: (app) => problem(app, 1) },
  { id: 'previous', title: 'Previous problem', keys: 'K', run: (app) => problem(app, -1) },
  { id: 'fit', title: 'Fit the topology into the window', keys: 'F', when: onTopology, run: (app) => app.topology.steer('fit') },
  { id: 'in', title: 'Zoom in', keys: '+', when: onTopology, run: (app) => app.topology.steer('in') },
  { id: 'out', title: 'Zoom out', keys: '−', when: onTopology, run: (app) => app.topology.steer('out') },
  { id: 'table', title: 'Show the topology as a table, or back', keys: 'T', when: onTopology, run: (app) => app.topology.turn() },
  { id: 'group', title: 'Group the topology by something else', keys: 'G', when: onTopology, run: (app) => app.topology.regroup() },
  {
    id: 'relayout',
    title: 'Place the topology anew',
    when: onTopology,
    run: (app) => void app.ask('relayout', { group_by: app.topology.groupBy }),
  },
  {
    id: 'plan',
    title: 'Plan the edit, or apply the plan',
    keys: 'Ctrl ↵',
    when: onConfig,
    run: (app) => void (app.desk.stage.kind === 'planned' ? app.desk.apply() : app.desk.plan()),
  },
  {
    id: 'undo',
    title: 'Plan the undo of the last edit',
    keys: 'Ctrl Z',
    run: (app) => void planUndo(app),
  },
  { id: 'register', title: 'Register a service…', run: (app) => (app.overlay = { kind: 'register', like: null }) },
  { id: 'connect', title: 'Add a source by address…', run: (app) => (app.overlay = { kind: 'connect' }) },
  { id: 'found', title: 'Show what was found on this computer', run: (app) => (app.adding = true) },
  { id: 'demo', title: 'Start the demo fleet', when: (app) => app.views.shell.head?.demo === false, run: (app) => void startDemo(app) },
  { id: 'line', title: 'Copy this screen as a binnaclectl line', when: (app) => !app.atFirstRun, run: (app) => void app.copyLine() },
  { id: 'theme', title: 'Switch the theme: system, dark, light', run: (app) => app.switchTheme() },
  { id: 'keys', title: 'All keys', keys: '?', run: (app) => (app.overlay = { kind: 'keys' }) },
  { id: 'quit', title: 'Quit Binnacle', keys: 'Ctrl Q', run: (app) => void app.ask('quit', {}) },
];

export async function startDemo(app: App): Promise<void> {
  const done = await app.ask('connect_demo', {});
  if (done !== undefined) app.go('topology');
}

async function planUndo(app: App): Promise<void> {
  app.go('config');
  // The last edit may be the one that is being applied at this moment.
  await app.desk.settled();
  await app.desk.recall();
  const edit = app.desk.undoable;
  if (edit === null) app.said = 'There is no edit that can be undone.';
  else await app.desk.planUndo(edit.edit);
}

/** The next thing that does not pass, round and round. */
function problem(app: App, direction: 1 | -1): void {
  const list = problems(app.topology.scene).filter((node) => node.kind !== 'folded');
  if (list.length === 0) {
    app.said = 'Nothing is critical or in warning.';
    return;
  }
  const here = list.findIndex((node) => node.id === keyOf(app.selection));
  const next = list[here < 0 ? (direction > 0 ? 0 : list.length - 1) : (here + direction + list.length) % list.length];
  if (next !== undefined) app.open({ kind: 'service', id: next.id.slice(2) });
}

/** Walks the topology by an arrow key. */
export function step(app: App, key: Step): void {
  const next = walk(app.topology.scene, app.topology.cursor ?? keyOf(app.selection), key);
  if (next === null) return;
  app.topology.cursor = next;
  if (next.startsWith('n:')) {
    const subject = { kind: 'service', id: next.slice(2) } as const;
    app.select(subject);
    app.topology.reveal(subject);
  } else {
    // A folded group is no subject: the cursor alone stands on it.
    app.select(null);
    app.topology.wishFor(next);
  }
}

const NAMED: Readonly<Record<string, string>> = { Enter: '↵', '-': '−', '=': '+' };

/** The way a pressed key is written in the list: `Ctrl K`, `−`, `F`. */
export function written(event: KeyboardEvent): string {
  const control = event.ctrlKey || event.metaKey ? 'Ctrl ' : '';
  const key = NAMED[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  return control + key;
}

/** The command of a pressed key. While text is typed only chords count, and undo belongs to the text. */
export function commandOf(app: App, event: KeyboardEvent): Command | null {
  if (event.altKey) return null;
  const wanted = written(event);
  const typing = isTyping(event.target);
  if (typing && (!wanted.startsWith('Ctrl ') || wanted === 'Ctrl Z')) return null;
  const command = COMMANDS.find(({ keys }) => keys === wanted);
  if (command === undefined || command.when?.(app) === false) return null;
  return command;
}

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['button', 'checkbox', 'radio'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target.isContentEditable;
}
