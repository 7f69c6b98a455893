/** Curves and boxes of the topology, in pixels at zoom 1. Pure. */

export type Point = readonly [x: number, y: number];
/** A cubic curve: start, two handles, end. */
export type Curve = readonly [Point, Point, Point, Point];

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export const CARD = { w: 144, h: 60 } as const;
/** Room before the arrow's tip. */
const TIP = 2;

export function middle(box: Box): Point {
  return [box.x + box.w / 2, box.y + box.h / 2];
}

export function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

export function union(boxes: Iterable<Box>): Box | null {
  let left = Infinity;
  let top = Infinity;
  let right = -Infinity;
  let bottom = -Infinity;
  for (const box of boxes) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.w);
    bottom = Math.max(bottom, box.y + box.h);
  }
  return left === Infinity ? null : { x: left, y: top, w: right - left, h: bottom - top };
}

/** The point of a curve at t in 0..1. */
export function at(curve: Curve, t: number): Point {
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  const [p, q, r, s] = curve;
  return [a * p[0] + b * q[0] + c * r[0] + d * s[0], a * p[1] + b * q[1] + c * r[1] + d * s[1]];
}

function between(a: Point, b: Point, t: number): Point {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
}

/** The two halves of a curve, cut at t (de Casteljau). */
export function cut(curve: Curve, t: number): readonly [Curve, Curve] {
  const [p, q, r, s] = curve;
  const [a, b, c] = [between(p, q, t), between(q, r, t), between(r, s, t)];
  const [d, e] = [between(a, b, t), between(b, c, t)];
  const f = between(d, e, t);
  return [
    [p, a, d, f],
    [f, e, c, s],
  ];
}

/** Where the curve is `radius` away from its point at t, on both sides: the wire is cut there for the switch. */
export function gap(curve: Curve, t: number, radius: number): readonly [before: number, after: number] {
  const [x, y] = at(curve, t);
  const far = (u: number) => {
    const [px, py] = at(curve, u);
    return Math.hypot(px - x, py - y) >= radius;
  };
  return [reach(t, 0, far), reach(t, 1, far)];
}

/** The nearest parameter from t towards the end for which `far` holds, by halving; the end where it never does. */
function reach(from: number, end: number, far: (u: number) => boolean): number {
  if (!far(end)) return end;
  let near = from;
  let away = end;
  for (let step = 0; step < 12; step += 1) {
    const half = (near + away) / 2;
    if (far(half)) away = half;
    else near = half;
  }
  return away;
}

/** The angle of the straight line between the two ends of a gap. */
export function chord(curve: Curve, [before, after]: readonly [number, number]): number {
  const a = at(curve, before);
  const b = at(curve, after);
  return Math.atan2(b[1] - a[1], b[0] - a[0]);
}

/** The way that an edge takes between two boxes; the ports are y positions on the facing sides. */
export function route(from: Box, to: Box, portFrom: number, portTo: number): Curve {
  const forward = to.x - (from.x + from.w);
  if (forward >= 20) {
    const [x0, x1] = [from.x + from.w, to.x - TIP];
    const handle = Math.max(28, Math.min(96, (x1 - x0) / 2));
    return [[x0, portFrom], [x0 + handle, portFrom], [x1 - handle, portTo], [x1, portTo]];
  }
  if (Math.abs(to.x - from.x) < from.w / 2 && !overlap(from, to)) return upright(from, to);
  return backward(from, to, portFrom, portTo);
}

/** Same column: straight up or down, where the two overlap in x. */
function upright(from: Box, to: Box): Curve {
  const left = Math.max(from.x, to.x);
  const right = Math.min(from.x + from.w, to.x + to.w);
  const x = left + (right - left) * 0.7;
  const down = to.y > from.y;
  const [y0, y1] = down ? [from.y + from.h, to.y - TIP] : [from.y, to.y + to.h + TIP];
  const third = (y1 - y0) / 3;
  return [[x, y0], [x, y0 + third], [x, y1 - third], [x, y1]];
}

/** Against the flow: out of the left side, into the right side. */
function backward(from: Box, to: Box, portFrom: number, portTo: number): Curve {
  const [x0, x1] = [from.x, to.x + to.w + TIP];
  const handle = Math.max(36, Math.min(120, Math.abs(x0 - x1) / 2));
  return [[x0, portFrom], [x0 - handle, portFrom], [x1 + handle, portTo], [x1, portTo]];
}

/** Ports of `n` edges spread over one side of a box, at most 12 px apart. */
export function ports(box: Box, n: number): number[] {
  const step = Math.min(12, (box.h - 20) / Math.max(1, n - 1));
  return Array.from({ length: n }, (_, i) => box.y + box.h / 2 + (i - (n - 1) / 2) * step);
}

/** Width of an observed edge by its rate. */
export function width(rps: number | null | undefined): number {
  if (rps === null || rps === undefined || rps <= 0) return 1.25;
  return Math.max(1, Math.min(4, 0.6 + 1.15 * Math.log10(rps)));
}

/** The least distance of a point to a curve, by its chords: exact enough to pick an edge with the mouse. */
export function distance(curve: Curve, point: Point, pieces = 16): number {
  let least = Infinity;
  let last = curve[0];
  for (let i = 1; i <= pieces; i += 1) {
    const next = at(curve, i / pieces);
    least = Math.min(least, toSegment(point, last, next));
    last = next;
  }
  return least;
}

function toSegment(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length));
  return Math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/** Places of the members of a round hull: a sunflower, the first in the middle. */
export function sunflower(n: number, spacing = 5): Point[] {
  const golden = Math.PI * (3 - Math.sqrt(5));
  return Array.from({ length: n }, (_, i) => {
    const radius = spacing * 1.03 * Math.sqrt(i + 0.5);
    return [radius * Math.cos(i * golden), radius * Math.sin(i * golden)] as const;
  });
}
