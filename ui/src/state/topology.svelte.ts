/** The topology as it stands: rows of the view put where the layout says. */
import type { Host } from '../host';
import type { GroupBy, Subject } from '../host/contract/types';
import type { Camera } from '../graph/camera';
import { EMPTY, type Scene } from '../graph/scene';
import type { LiveView } from './live-view.svelte';
import { positionsOf, sceneOf, type Positions } from './scene';

export type Steering = 'fit' | 'in' | 'out';
/** How long a source that is new here may still move cards. */
export const SETTLING_MS = 8000;
export const GROUPINGS: readonly GroupBy[] = ['namespace', 'datacenter', 'team'];
export type Shown = 'all' | 'errors' | 'around';

export class Topology {
  groupBy = $state<GroupBy>('namespace');
  shown = $state<Shown>('all');
  asTable = $state(false);
  /** Somebody asked to bring this card into view; whoever draws takes the wish. */
  wish = $state.raw<{ readonly key: string } | null>(null);

  /** The card with the keyboard's cursor, which may be a folded group. */
  cursor = $state<string | null>(null);
  /** What the keys ask of the camera, taken likewise. */
  steering = $state.raw<{ readonly way: Steering } | null>(null);

  /** When each source was first seen here. */
  private readonly arrived = new Map<string, number>();
  /** Where the person left the camera; `null` while it shows everything. */
  eye: Camera | null = null;

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

  /** Whether a source is so new that its picture is still being put together. */
  settling(sources: readonly string[], now: number): boolean {
    for (const key of this.arrived.keys()) if (!sources.includes(key)) this.arrived.delete(key);
    for (const key of sources) if (!this.arrived.has(key)) this.arrived.set(key, now);
    return [...this.arrived.values()].some((first) => now - first < SETTLING_MS);
  }

  reveal(subject: Subject): void {
    const key = keyOf(subject);
    if (key !== null) this.wishFor(key);
  }

  wishFor(key: string): void {
    this.cursor = key;
    this.wish = { key };
  }

  steer(way: Steering): void {
    this.steering = { way };
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
