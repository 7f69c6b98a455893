/** The topology as it stands: rows of the view put where the layout says. */
import type { Host } from '../host';
import type { GroupBy, Subject } from '../host/contract/types';
import { EMPTY, type Scene } from '../graph/scene';
import type { LiveView } from './live-view.svelte';
import { positionsOf, sceneOf, type Positions } from './scene';

export type Steering = 'fit' | 'in' | 'out';
export const GROUPINGS: readonly GroupBy[] = ['namespace', 'datacenter', 'team'];
export type Shown = 'all' | 'errors' | 'around';

export class Topology {
  groupBy = $state<GroupBy>('namespace');
  shown = $state<Shown>('all');
  asTable = $state(false);
  /** Somebody asked to bring this card into view; the number grows with each wish. */
  wish = $state.raw<{ readonly key: string; readonly number: number } | null>(null);

  /** The card with the keyboard's cursor, which may be a folded group. */
  cursor = $state<string | null>(null);
  /** What the keys ask of the camera; the number grows with each wish. */
  steering = $state.raw<{ readonly way: Steering; readonly number: number } | null>(null);

  private positions = $state.raw<Positions | null>(null);
  private fetching: number | null = null;
  private last: Scene = EMPTY;

  constructor(
    private readonly host: Host,
    private readonly view: LiveView<'topology'>,
  ) {}

  /** The scene; while positions of a new layout are on their way, the one before. */
  readonly scene: Scene = $derived.by(() => {
    const { head } = this.view;
    if (head !== null && this.positions !== null && this.positions.layout === head.layout) {
      this.last = sceneOf(head, this.view.rows, this.positions);
    } else if (head !== null && head.services === 0) this.last = EMPTY;
    return this.last;
  });

  /** Fetches positions when the layout has changed. */
  async place(layout: number): Promise<void> {
    if (this.positions?.layout === layout || this.fetching === layout) return;
    this.fetching = layout;
    try {
      this.positions = positionsOf(await this.host.call('positions', { layout })) ?? this.positions;
    } finally {
      if (this.fetching === layout) this.fetching = null;
    }
  }

  reveal(subject: Subject): void {
    const key = keyOf(subject);
    if (key !== null) this.wishFor(key);
  }

  wishFor(key: string): void {
    this.cursor = key;
    this.wish = { key, number: (this.wish?.number ?? 0) + 1 };
  }

  steer(way: Steering): void {
    this.steering = { way, number: (this.steering?.number ?? 0) + 1 };
  }

  turn(): void {
    this.asTable = !this.asTable;
  }

  regroup(): void {
    this.groupBy = GROUPINGS[(GROUPINGS.indexOf(this.groupBy) + 1) % GROUPINGS.length] ?? 'namespace';
  }
}

/** The card or line of a subject. */
export function keyOf(subject: Subject | null): string | null {
  if (subject?.kind === 'service') return `n:${subject.id}`;
  return subject?.kind === 'edge' ? `e:${subject.id}` : null;
}
