/** Edges with their breakers and labels, and the bundles that stand for them from far away. */
import { BREAKER } from '../glyphs';
import { age, errorTone, latency, percent, perSecond, THIN } from '../format';
import { toScreen, type Camera } from './camera';
import { at, chord, cut, gap, middle, ports, route, width, type Box, type Curve, type Point } from './geometry';
import type { Ink, Tone } from './ink';
import type { Scene, SceneBreaker, SceneEdge } from './scene';

/** An edge with its way in the world. */
export interface Wire {
  readonly edge: SceneEdge;
  readonly curve: Curve;
  readonly bounds: Box;
}

/** Half of a switch: the wire is cut that far from its middle. */
const SWITCH = 12.5;

/** Gives every edge its way: ports are ordered by where the other end lies. */
export function wired(scene: Scene): Wire[] {
  const boxes = new Map(scene.nodes.map((node) => [node.id, node.box]));
  const leaving = portsOf(scene.edges, boxes, (edge) => edge.from, (edge) => edge.to);
  const arriving = portsOf(scene.edges, boxes, (edge) => edge.to, (edge) => edge.from);
  return scene.edges.flatMap((edge) => {
    const [from, to] = [boxes.get(edge.from), boxes.get(edge.to)];
    if (from === undefined || to === undefined || edge.from === edge.to) return [];
    const curve = route(from, to, leaving.get(edge.id) ?? middle(from)[1], arriving.get(edge.id) ?? middle(to)[1]);
    return [{ edge, curve, bounds: bounds(curve) }];
  });
}

function portsOf(
  edges: readonly SceneEdge[],
  boxes: ReadonlyMap<string, Box>,
  end: (edge: SceneEdge) => string,
  other: (edge: SceneEdge) => string,
): Map<string, number> {
  const sides = new Map<string, SceneEdge[]>();
  for (const edge of edges) {
    const side = sides.get(end(edge));
    if (side === undefined) sides.set(end(edge), [edge]);
    else side.push(edge);
  }
  const places = new Map<string, number>();
  const height = (edge: SceneEdge) => {
    const box = boxes.get(other(edge));
    return box === undefined ? 0 : middle(box)[1];
  };
  for (const [id, side] of sides) {
    const box = boxes.get(id);
    if (box === undefined) continue;
    const spread = ports(box, side.length);
    for (const [i, edge] of side.toSorted((a, b) => height(a) - height(b)).entries()) places.set(edge.id, spread[i] ?? 0);
  }
  return places;
}

function bounds(curve: Curve): Box {
  const xs = curve.map(([x]) => x);
  const ys = curve.map(([, y]) => y);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x: x - 4, y: y - 4, w: Math.max(...xs) - x + 8, h: Math.max(...ys) - y + 8 };
}

export function onScreen(camera: Camera, curve: Curve): Curve {
  const [p, q, r, s] = curve;
  return [toScreen(camera, p), toScreen(camera, q), toScreen(camera, r), toScreen(camera, s)];
}

export interface WireState {
  readonly near: boolean;
  readonly dimmed: boolean;
}

/** How bad an edge is; bad ones are drawn last. */
export function harm(edge: SceneEdge): number {
  const tone = edge.state === 'observed' ? errorTone(edge.errors) : null;
  return tone === 'crit' ? 2 : tone === 'warn' ? 1 : 0;
}

function toneOf(edge: SceneEdge, near: boolean): Tone {
  if (edge.state === 'undeclared') return 'tx2';
  const tone = harm(edge);
  return tone === 2 ? 'critfill' : tone === 1 ? 'warnfill' : near ? 'edgehi' : 'edge';
}

export function drawWire(ink: Ink, camera: Camera, wire: Wire, state: WireState): void {
  const { edge } = wire;
  const c = ink.context;
  const curve = onScreen(camera, wire.curve);
  const tone = toneOf(edge, state.near);
  const alpha = (state.dimmed ? 0.2 : 1) * (edge.stale ? 0.55 : 1);
  const k = Math.max(0.5, Math.min(1, camera.zoom));
  c.globalAlpha = alpha;
  c.lineCap = edge.state === 'undeclared' ? 'round' : 'butt';
  c.setLineDash(edge.state === 'declared' ? [6, 5] : edge.state === 'undeclared' ? [1.5, 4] : []);
  const thick = (edge.state === 'observed' ? width(edge.rate) : edge.state === 'declared' ? 1.25 : 2) * k;
  const breaker = edge.breaker;
  if (breaker === null || breaker.state === 'closed') {
    trace(c, curve);
    ink.stroke(tone, thick);
  } else {
    const [before, after] = gap(curve, 0.5, SWITCH);
    trace(c, before > 0 ? cut(curve, before)[0] : curve);
    ink.stroke(tone, thick);
    beyond(ink, curve, after, breaker, tone, thick, alpha);
  }
  c.setLineDash([]);
  c.globalAlpha = alpha;
  arrow(ink, curve, isOpen(breaker) ? 'tx3' : tone, 7 * k);
  if (edge.state === 'undeclared') drawQuestion(ink, at(curve, 0.5));
  c.globalAlpha = 1;
}

function isOpen(breaker: SceneBreaker | null): boolean {
  return breaker !== null && (breaker.state === 'open' || breaker.state === 'forced_open');
}

/** The wire behind an open switch carries nothing: dashed and pale. */
function beyond(ink: Ink, curve: Curve, after: number, breaker: SceneBreaker, tone: Tone, thick: number, alpha: number): void {
  if (after >= 1) return;
  const c = ink.context;
  if (isOpen(breaker)) {
    c.globalAlpha = alpha * 0.45;
    c.setLineDash([3, 4]);
  }
  trace(c, cut(curve, after)[1]);
  if (isOpen(breaker)) ink.stroke('tx3', 1.25);
  else ink.stroke(tone, thick);
}

export function trace(c: CanvasRenderingContext2D, [p, q, r, s]: Curve): void {
  c.beginPath();
  c.moveTo(...p);
  c.bezierCurveTo(...q, ...r, ...s);
}

function arrow(ink: Ink, [, , from, tip]: Curve, tone: Tone, size: number): void {
  const [dx, dy] = [tip[0] - from[0], tip[1] - from[1]];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [(dx / length) * size, (dy / length) * size];
  const c = ink.context;
  c.beginPath();
  c.moveTo(tip[0] + 1, tip[1]);
  c.lineTo(tip[0] - ux + uy / 2, tip[1] - uy - ux / 2);
  c.lineTo(tip[0] - ux - uy / 2, tip[1] - uy + ux / 2);
  ink.fill(tone);
}

function drawQuestion(ink: Ink, [x, y]: Point): void {
  ink.box(x - 8, y - 8, 16, 16, 8);
  ink.fill('canvas');
  ink.stroke('tx2', 1.25);
  ink.text('?', x, y + 4, { tone: 'tx1', weight: 700, align: 'center' });
}

/** The switch on an edge and what it says of itself. */
export function drawBreaker(ink: Ink, camera: Camera, wire: Wire, ground: Tone, dimmed: boolean, now: number): void {
  const { breaker } = wire.edge;
  if (breaker === null) return;
  const c = ink.context;
  c.globalAlpha = dimmed ? 0.25 : 1;
  const curve = onScreen(camera, wire.curve);
  const [x, y] = at(curve, 0.5);
  if (breaker.state === 'closed') {
    const angle = chord(curve, gap(curve, 0.5, 9));
    c.save();
    c.translate(x, y);
    c.rotate(angle);
    ink.box(-10, -5, 20, 10, 5);
    ink.fill(ground);
    c.restore();
    ink.breaker('closed', x, y, 18, angle, ground);
  } else {
    const angle = chord(curve, gap(curve, 0.5, SWITCH));
    ink.breaker(breaker.state, x, y, 30, angle, ground);
    breakerLabel(ink, breaker, [x, y], angle, ground, now);
  }
  c.globalAlpha = 1;
}

function breakerLabel(ink: Ink, breaker: SceneBreaker, [x, y]: Point, angle: number, ground: Tone, now: number): void {
  const tone = BREAKER[breaker.state].tone;
  const word = BREAKER[breaker.state].word;
  const said = breaker.since === null ? word : `${word} ${age(now - breaker.since)}`;
  const steep = Math.abs(Math.sin(angle)) > 0.6;
  const lines: [string, 400 | 600, Tone][] = [[said, 600, tone === 'tx3' ? 'tx2' : (tone as Tone)]];
  if (breaker.detail !== null) lines.push([breaker.detail, 400, 'tx2']);
  const w = Math.max(...lines.map(([text, weight]) => ink.width(text, 11, weight)));
  const h = lines.length * 14 + 4;
  const left = steep ? x - 26 - w : x - w / 2;
  const top = steep ? y - h / 2 : y + 8;
  ink.box(left - 6, top, w + 12, h, 4);
  ink.fill(ground);
  for (const [i, [text, weight, lineTone]] of lines.entries()) {
    const align = steep ? 'right' : 'center';
    ink.text(text, steep ? left + w : x, top + 13 + i * 14, { tone: lineTone, weight, align });
  }
}

/** `96/s · 31.4 % · 204 ms` beside the middle of an edge under the pointer. */
export function drawEdgeLabel(ink: Ink, camera: Camera, wire: Wire): void {
  const { edge } = wire;
  const text = `${perSecond(edge.rate)} · ${percent(edge.errors)} · p95${THIN}${latency(edge.p95)}`;
  const [x, y] = at(onScreen(camera, wire.curve), 0.5);
  const w = ink.width(text, 11, 500);
  const top = edge.breaker === null ? y - 24 : y - 40;
  ink.box(x - w / 2 - 6, top, w + 12, 18, 4);
  ink.fill('panel');
  ink.stroke('line2');
  ink.text(text, x, top + 13, { tone: 'tx1', weight: 500, align: 'center' });
}

/** All edges between two groups as one hairline, coloured only when something in it is bad. */
export interface Bundle {
  readonly from: string;
  readonly to: string;
  readonly harm: number;
}

export function bundled(scene: Scene): Bundle[] {
  const groupOf = new Map(scene.nodes.map((node) => [node.id, node.group]));
  const bundles = new Map<string, Bundle>();
  for (const edge of scene.edges) {
    const [from, to] = [groupOf.get(edge.from), groupOf.get(edge.to)];
    if (from === undefined || to === undefined || from === to) continue;
    const key = JSON.stringify([from, to]);
    const before = bundles.get(key);
    bundles.set(key, { from, to, harm: Math.max(before?.harm ?? 0, harm(edge)) });
  }
  return [...bundles.values()];
}
