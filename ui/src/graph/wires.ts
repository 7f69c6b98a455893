/** Edges with their breakers and labels, and the bundles that stand for them from far away. */
import { BREAKER } from '../glyphs';
import { errorTone, latency, percent, perSecond, THIN } from '../format';
import type { Ages } from './ages';
import { toScreen, type Camera } from './camera';
import { at, chord, cut, gap, middle, overlap, ports, route, width, type Box, type Curve, type Point } from './geometry';
import type { Ink, Tone } from './ink';
import type { Scene, SceneBreaker, SceneEdge } from './scene';

/** An edge with its way in the world. */
export interface Wire {
  readonly edge: SceneEdge;
  readonly curve: Curve;
  readonly bounds: Box;
  /** Where on the curve its switch and its marks stand: in the middle, or beside it where a card covers the middle. */
  readonly middle: () => number;
}

/** Below this zoom a breaker says its state and age alone. */
const TERSE = 0.6;

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
    return [{ edge, curve, bounds: bounds(curve), middle: once(() => uncovered(curve, scene)) }];
  });
}

/** Worked out when it is first asked for: most edges never show a switch. */
function once<T>(work: () => T): () => T {
  let result: T | undefined;
  return () => (result ??= work());
}

const PLACES = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82] as const;

/** The place nearest to the middle of a curve that no card covers. */
function uncovered(curve: Curve, scene: Scene): number {
  const covered = (t: number) => {
    const [x, y] = at(curve, t);
    const spot = { x: x - SWITCH, y: y - SWITCH, w: 2 * SWITCH, h: 2 * SWITCH };
    return scene.nodes.some(({ box }) => overlap(box, spot));
  };
  return PLACES.find((t) => !covered(t)) ?? 0.5;
}

/** Whether the same cards stand in the same places with the same edges between them: then the ways are the same, too. */
export function standsAlike(before: Scene, after: Scene): boolean {
  return (
    before.nodes.length === after.nodes.length &&
    before.edges.length === after.edges.length &&
    before.nodes.every((node, i) => node.id === after.nodes[i]?.id && node.box === after.nodes[i]?.box) &&
    before.edges.every((edge, i) => edge.id === after.edges[i]?.id && edge.from === after.edges[i]?.from && edge.to === after.edges[i]?.to)
  );
}

/** The same ways with what their edges say now. */
export function rewired(wires: readonly Wire[], scene: Scene): Wire[] {
  const edges = new Map(scene.edges.map((edge) => [edge.id, edge]));
  return wires.map((wire) => ({ ...wire, edge: edges.get(wire.edge.id) ?? wire.edge }));
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
    const [before, after] = gap(curve, wire.middle(), SWITCH);
    trace(c, before > 0 ? cut(curve, before)[0] : curve);
    ink.stroke(tone, thick);
    beyond(ink, curve, after, breaker, tone, thick, alpha);
  }
  c.setLineDash([]);
  c.globalAlpha = alpha;
  arrow(ink, curve, isOpen(breaker) ? 'tx3' : tone, 7 * k);
  if (edge.state === 'undeclared') drawQuestion(ink, at(curve, wire.middle()));
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

/** The switch on an edge. */
export function drawBreaker(ink: Ink, camera: Camera, wire: Wire, ground: Tone, dimmed: boolean): void {
  const { breaker } = wire.edge;
  if (breaker === null) return;
  const c = ink.context;
  c.globalAlpha = dimmed ? 0.25 : 1;
  const curve = onScreen(camera, wire.curve);
  const [x, y] = at(curve, wire.middle());
  if (breaker.state === 'closed') {
    const angle = chord(curve, gap(curve, wire.middle(), 9));
    c.save();
    c.translate(x, y);
    c.rotate(angle);
    ink.box(-10, -5, 20, 10, 5);
    ink.fill(ground);
    c.restore();
    ink.breaker('closed', x, y, 18, angle, ground);
  } else ink.breaker(breaker.state, x, y, 30, chord(curve, gap(curve, wire.middle(), SWITCH)), ground);
  c.globalAlpha = 1;
}

/** What a breaker says of itself, beside its switch where nothing else stands; `taken` grows by it. */
export function drawBreakerLabel(ink: Ink, camera: Camera, wire: Wire, ground: Tone, ages: Ages, taken: Box[]): void {
  const { breaker } = wire.edge;
  if (breaker === null || breaker.state === 'closed' || breaker.quiet) return;
  const curve = onScreen(camera, wire.curve);
  const all = breakerLines(breaker, ages);
  const steep = Math.abs(Math.sin(chord(curve, gap(curve, wire.middle(), SWITCH)))) > 0.6;
  const middle = at(curve, wire.middle());
  // Where the whole has no room the state alone is tried; where that has none, the switch itself says it.
  const fit = (lines: typeof all) => {
    const w = Math.max(...lines.map(({ text, weight }) => ink.width(text, 11, weight))) + 8;
    const box = labelSpots(middle, w, lines.length * 14 + 4, steep).find((spot) => !taken.some((other) => overlap(spot, other)));
    return box === undefined ? null : { box, lines };
  };
  const fitted = (camera.zoom < TERSE ? null : fit(all)) ?? fit(all.slice(0, 1));
  if (fitted === null) return;
  const { box, lines } = fitted;
  taken.push(box);
  ink.box(box.x, box.y, box.w, box.h, 4);
  ink.fill(ground);
  for (const [i, { text, weight, tone }] of lines.entries()) {
    ink.text(text, box.x + box.w / 2, box.y + 13 + i * 14, { tone, weight, align: 'center' });
  }
}

function breakerLines(breaker: SceneBreaker, ages: Ages): { text: string; weight: 400 | 600; tone: Tone }[] {
  const { tone, word } = BREAKER[breaker.state];
  const said = breaker.since === null ? word : `${word} ${ages.of(breaker.since)}`;
  const lines: { text: string; weight: 400 | 600; tone: Tone }[] = [{ text: said, weight: 600, tone: tone === 'tx3' ? 'tx2' : (tone as Tone) }];
  if (breaker.detail !== null) lines.push({ text: breaker.detail, weight: 400, tone: 'tx2' });
  return lines;
}

/** Below on flat edges, at the sides of steep ones; the other places after those. */
function labelSpots([x, y]: Point, w: number, h: number, steep: boolean): Box[] {
  const below = { x: x - w / 2, y: y + 8, w, h };
  const above = { x: x - w / 2, y: y - 18 - h, w, h };
  const left = { x: x - 20 - w, y: y - h / 2, w, h };
  const right = { x: x + 20, y: y - h / 2, w, h };
  // A short wire between two cards has no room beside it: then the label stands over or under them.
  const far = [30, 52].flatMap((away) => [{ ...below, y: below.y + away }, { ...above, y: above.y - away }]);
  return steep ? [left, right, below, above, ...far] : [below, above, left, right, ...far];
}

/** `96/s · 31.4 % · 204 ms` beside the middle of an edge under the pointer, where it covers no name. */
export function drawEdgeLabel(ink: Ink, camera: Camera, wire: Wire, taken: readonly Box[]): void {
  const { edge } = wire;
  const text = `${perSecond(edge.rate)} · ${percent(edge.errors)} · p95${THIN}${latency(edge.p95)}`;
  const [x, y] = at(onScreen(camera, wire.curve), wire.middle());
  const w = ink.width(text, 11, 500) + 12;
  const near = edge.breaker === null ? [-24, 8, -44, 28] : [-40, 12, -60, 32];
  const spots = [...near, -84, 60, -108, 84].map((away) => ({ x: x - w / 2, y: y + away, w, h: 18 }));
  const box = spots.find((spot) => !taken.some((other) => overlap(spot, other))) ?? spots[0];
  if (box === undefined) return;
  ink.box(box.x, box.y, box.w, box.h, 4);
  ink.fill('panel');
  ink.stroke('line2');
  ink.text(text, x, box.y + 13, { tone: 'tx1', weight: 500, align: 'center' });
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
