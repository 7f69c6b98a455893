/** The topology view's rows and positions as the scene that the renderer draws. Pure. */
import type {
  EdgeBreaker,
  GroupBox,
  HealthCounts,
  TopologyEdge,
  TopologyHead,
  TopologyNode,
  TopologyRow,
} from '../host/contract/types';
import { count, perSecond, rate } from '../format';
import type { Box } from '../graph/geometry';
import type { NodeKind, Scene, SceneBreaker, SceneEdge, SceneGroup, SceneNode } from '../graph/scene';

/** Where cards and groups stand, by slot. */
export interface Positions {
  readonly layout: number;
  readonly boxes: readonly Box[];
}

/** Reads the answer of `positions`: two 32-bit numbers, then four 32-bit floats a slot, little endian. */
export function positionsOf(bytes: ArrayBuffer): Positions | null {
  if (bytes.byteLength < 8) return null;
  const data = new DataView(bytes);
  const slots = data.getUint32(4, true);
  if (bytes.byteLength < 8 + slots * 16) return null;
  const boxes = Array.from({ length: slots }, (_, slot) => {
    const at = 8 + slot * 16;
    const number = (i: number) => data.getFloat32(at + i * 4, true);
    return { x: number(0), y: number(1), w: number(2), h: number(3) };
  });
  return { layout: data.getUint32(0, true), boxes };
}

export function sceneOf(head: TopologyHead, rows: readonly TopologyRow[], positions: Positions): Scene {
  const boxOf = (slot: number | null): Box | null => {
    const box = slot === null ? undefined : positions.boxes[slot];
    return box === undefined || box.w === 0 ? null : box;
  };
  const nodes: SceneNode[] = [];
  const edges: SceneEdge[] = [];
  const staleSince = new Map<string, number>();
  for (const row of rows) {
    if (row.kind === 'edge') {
      edges.push(edgeOf(row));
      continue;
    }
    if (row.stale_since !== null) staleSince.set(row.group, Math.max(staleSince.get(row.group) ?? 0, row.stale_since));
    const box = boxOf(row.slot);
    if (box !== null) nodes.push(nodeOf(row, box));
  }
  const groups: SceneGroup[] = [];
  for (const group of head.groups) {
    const box = boxOf(group.slot);
    if (box === null) continue;
    const stale = group.stale ? (staleSince.get(group.id) ?? null) : null;
    if (group.folded) nodes.push(stackOf(group, box, stale));
    else groups.push(groupOf(group, box, stale));
  }
  return { nodes, edges, groups };
}

function nodeOf(row: TopologyNode, box: Box): SceneNode {
  return {
    id: row.key,
    kind: kindOf(row),
    group: row.group,
    name: row.name,
    box,
    health: row.health,
    since: row.since.at,
    atLeast: !row.since.seen_changing,
    staleSince: row.stale ? (row.stale_since ?? row.since.at) : null,
    instances: row.segments,
    total: row.instances,
    rate: row.signals.rps,
    errors: row.signals.error_ratio,
    p95: row.signals.p95_ms,
    note: noteOf(row),
    differs: row.disagrees,
    detail: row.channel === null ? null : `${perSecond(row.channel.in_per_s)} in · ${perSecond(row.channel.out_per_s)} out`,
  };
}

function kindOf(row: TopologyNode): NodeKind {
  if (row.role !== 'channel') return row.role;
  return row.channel?.topic === true ? 'topic' : 'queue';
}

function noteOf(row: TopologyNode): string | null {
  if (row.role === 'external') return 'external';
  if (row.health !== 'unknown') return null;
  return row.instances === 0 ? 'no instances' : 'no check';
}

function edgeOf(row: TopologyEdge): SceneEdge {
  return {
    id: row.key,
    from: row.from,
    to: row.to,
    state: row.state,
    stale: row.stale,
    rate: row.signals.rps,
    errors: row.signals.error_ratio,
    p95: row.signals.p95_ms,
    breaker: row.breaker === null ? null : breakerOf(row.breaker),
  };
}

function breakerOf(breaker: EdgeBreaker): SceneBreaker {
  const parts = [
    breaker.rejected_per_s === null || breaker.rejected_per_s === 0 ? null : `${rate(breaker.rejected_per_s)}/s rejected`,
    breaker.of > 1 ? `${breaker.open} of ${breaker.of}` : null,
    breaker.others > 0 ? `+${breaker.others} more` : null,
  ].filter((part) => part !== null);
  return { state: breaker.state, since: breaker.since.at, detail: parts.length === 0 ? null : parts.join(' · '), quiet: breaker.of === 0 };
}

function groupOf(group: GroupBox, box: Box, staleSince: number | null): SceneGroup {
  return {
    id: group.id,
    title: group.title,
    ...held(group),
    box,
    worst: group.worst,
    staleSince,
  };
}

/** What is in a group, long and short. Queues and topics have no instances, so they are counted apart. */
function held({ services, instances, channels }: GroupBox): { counts: string; short: string } {
  const apart = channels === 0 ? null : count(channels, 'channel');
  if (services === 0 && apart !== null) return { counts: apart, short: `${channels} ch.` };
  const counts = `${count(services, 'service')} · ${count(instances, 'instance')}`;
  return { counts: apart === null ? counts : `${counts} · ${apart}`, short: `${services} · ${instances}` };
}

function stackOf(group: GroupBox, box: Box, staleSince: number | null): SceneNode {
  return {
    id: group.key,
    kind: 'folded',
    group: group.id,
    name: group.title,
    box,
    health: group.worst,
    since: null,
    atLeast: false,
    staleSince,
    instances: group.counts,
    total: sum(group.counts),
    rate: null,
    errors: null,
    p95: null,
    note: null,
    differs: false,
    detail: group.services === 0 ? held(group).counts : `${count(group.services, 'service')} · ${group.instances} inst.`,
  };
}

function sum(counts: HealthCounts): number {
  return counts.passing + counts.unknown + counts.maintenance + counts.warning + counts.critical;
}

/** What the image says to those who do not see it. */
export function summary(head: TopologyHead, counts: HealthCounts): string {
  const bad = [
    counts.critical > 0 ? `${counts.critical} critical` : null,
    counts.warning > 0 ? `${counts.warning} warning` : null,
  ].filter((part) => part !== null);
  const state = bad.length === 0 ? 'nothing critical' : bad.join(', ');
  return `Topology: ${count(head.services, 'service')} in ${count(head.groups.length, 'group')}, ${state}. Press T for the same as a table.`;
}
