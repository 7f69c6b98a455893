/** Two thousand services in forty groups, for what is only seen at size. Deterministic. */
import type { GroupBox, HealthCounts, TopologyEdge, TopologyNode } from '../src/host/contract/types';
import type { Recording } from '../src/host/recorded';
import { nodes as patterns, NOW, shop } from './shop';

const GROUPS = 40;
const MEMBERS = 50;
const COLUMNS = 5;

export function crowd(): Recording {
  const full = shop();
  const [pattern] = patterns;
  if (pattern === undefined) throw new Error('the shop is empty');
  const boxes: [number, number, number, number][] = [];
  const nodes: TopologyNode[] = [];
  const edges: TopologyEdge[] = [];
  const groups: GroupBox[] = [];
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1_664_525 + 1_013_904_223) % 4_294_967_296) % n;
  for (let g = 0; g < GROUPS; g += 1) {
    const [gx, gy] = [(g % 8) * 1120, Math.floor(g / 8) * 900];
    const counts: HealthCounts = { passing: 0, unknown: 0, maintenance: 0, warning: 0, critical: 0 };
    for (let m = 0; m < MEMBERS; m += 1) {
      const roll = random(400);
      const health = roll === 0 ? 'critical' : roll < 5 ? 'warning' : 'passing';
      counts[health] += 1;
      const id = `team-${g}-service-${m}`;
      const more = { health, instances: 1, passing: health === 'passing' ? 1 : 0, segments: { passing: 0, unknown: 0, maintenance: 0, warning: 0, critical: 0, [health]: 1 } } as const;
      nodes.push({ ...pattern, ...more, key: `n:${id}`, id, name: id, group: `team-${g}`, slot: boxes.length, since: { at: NOW - 60_000, seen_changing: true } });
      boxes.push([gx + 12 + (m % COLUMNS) * 204, gy + 34 + Math.floor(m / COLUMNS) * 76, 144, 60]);
    }
    groups.push({ key: `g:team-${g}`, id: `team-${g}`, title: `team-${g}`, slot: 0, folded: false, services: MEMBERS, instances: MEMBERS, channels: 0, counts, worst: counts.critical > 0 ? 'critical' : counts.warning > 0 ? 'warning' : 'passing', stale: false });
  }
  for (const [g, group] of groups.entries()) {
    group.slot = boxes.length;
    boxes.push([(g % 8) * 1120, Math.floor(g / 8) * 900, 1000, 820]);
  }
  for (let e = 0; e < 6000; e += 1) {
    const [from, to] = [nodes[random(nodes.length)], nodes[random(nodes.length)]];
    if (from === undefined || to === undefined || from === to) continue;
    const signals = { rps: 1 + random(500), error_ratio: random(300) === 0 ? 0.2 : 0, p50_ms: 3, p95_ms: 9, p99_ms: 20 };
    edges.push({ key: `e:${e}`, id: `${e}`, from: from.key, to: to.key, bundled: 1, protocol: 'http', pattern: 'request_response', payload: 'json', state: 'observed', signals, tone: 'normal', stale: false, breaker: null });
  }
  return {
    ...full,
    layout: { number: 9, boxes },
    views: {
      ...full.views,
      topology: {
        head: { services: nodes.length, shown: nodes.length, folded: 0, layout: 9, group_by: 'namespace', groups, empty: null },
        rows: [...nodes.map((row) => ({ kind: 'node', ...row })), ...edges.map((row) => ({ kind: 'edge', ...row }))],
      },
    },
  };
}
