/** What the topology shows, as plain data: the renderer knows nothing else. Lengths in pixels at zoom 1. */
import type { BreakerState, HealthState } from '../glyphs';
import type { Box } from './geometry';

export type NodeKind = 'service' | 'gateway' | 'external' | 'queue' | 'topic' | 'folded';

export interface SceneNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly group: string;
  readonly name: string;
  readonly box: Box;
  readonly health: HealthState;
  /** Since when it is so, milliseconds since the epoch; null when nobody says. */
  readonly since: number | null;
  /** True when the change was not seen: the age is a lower bound. */
  readonly atLeast: boolean;
  /** Since when its sources are silent; null while they are not. */
  readonly staleSince: number | null;
  /** Instances by state, the counts of the spine's segments. */
  readonly instances: Readonly<Record<HealthState, number>>;
  readonly total: number;
  readonly rate: number | null;
  readonly errors: number | null;
  readonly p95: number | null;
  /** Beside the state word, such as `no check`, `external`. */
  readonly note: string | null;
  /** Sources state incompatible facts about it. */
  readonly differs: boolean;
  /** Second line of a pipe and of a folded stack. */
  readonly detail: string | null;
}

export interface SceneBreaker {
  readonly state: BreakerState;
  readonly since: number | null;
  /** Under the state, such as `118/s rejected · 2 of 3`. */
  readonly detail: string | null;
  /** Nobody tells its state, and the switch alone says that: words at each edge of a mesh would hide what is wrong. */
  readonly quiet: boolean;
}

export interface SceneEdge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly state: 'observed' | 'declared' | 'undeclared';
  readonly stale: boolean;
  readonly rate: number | null;
  readonly errors: number | null;
  readonly p95: number | null;
  readonly breaker: SceneBreaker | null;
}

export interface SceneGroup {
  readonly id: string;
  readonly title: string;
  /** `7 services · 20 instances`. */
  readonly counts: string;
  /** `7 · 20`, where the long form has no room. */
  readonly short: string;
  readonly box: Box;
  readonly worst: HealthState;
  readonly staleSince: number | null;
}

export interface Scene {
  readonly nodes: readonly SceneNode[];
  readonly edges: readonly SceneEdge[];
  readonly groups: readonly SceneGroup[];
}

export const EMPTY: Scene = { nodes: [], edges: [], groups: [] };

/** What of the scene is picked out. */
export interface Emphasis {
  readonly selected: string | null;
  readonly hovered: string | null;
  /** When set, everything else is dimmed. */
  readonly only: ReadonlySet<string> | null;
}

const RANK: Record<HealthState, number> = { passing: 0, unknown: 1, maintenance: 2, warning: 3, critical: 4 };

/** Worst first. */
export function byHarm(a: HealthState, b: HealthState): number {
  return RANK[b] - RANK[a];
}
