/** Where the eye is: the world point at the screen's upper left corner, and the zoom. Pure. */
import { union, type Box, type Point } from './geometry';

export interface Camera {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

export const LEAST = 0.04;
export const MOST = 2;
/** Zoom by one key or button. */
export const NOTCH = 1.25;

/** Room between what is fitted and the edge of the view. */
const MARGIN = 16;

/** The free part of the canvas: what lies over it takes room at its sides. */
export interface Insets {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export interface View {
  readonly width: number;
  readonly height: number;
  readonly insets: Insets;
}

export function toScreen(camera: Camera, [x, y]: Point): Point {
  return [(x - camera.x) * camera.zoom, (y - camera.y) * camera.zoom];
}

export function toWorld(camera: Camera, [x, y]: Point): Point {
  return [x / camera.zoom + camera.x, y / camera.zoom + camera.y];
}

/** Zooms while the world point under `around` (screen) stays where it is. */
export function zoomed(camera: Camera, factor: number, around: Point): Camera {
  const zoom = Math.max(LEAST, Math.min(MOST, camera.zoom * factor));
  const [wx, wy] = toWorld(camera, around);
  return { x: wx - around[0] / zoom, y: wy - around[1] / zoom, zoom };
}

export function panned(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.zoom, y: camera.y - dy / camera.zoom };
}

/** Shows all boxes, never larger than life. */
export function fitted(boxes: Iterable<Box>, view: View): Camera {
  const all = union(boxes);
  const [width, height] = free(view);
  if (all === null || width <= 0 || height <= 0) return { x: 0, y: 0, zoom: 1 };
  const zoom = Math.max(LEAST, Math.min(1, (width - 2 * MARGIN) / all.w, (height - 2 * MARGIN) / all.h));
  return centred(all, zoom, view);
}

/** Brings a box into view: the camera as it is when it can be seen already. */
export function revealing(camera: Camera, box: Box, view: View, least = 0.9): Camera {
  const zoom = Math.max(camera.zoom, least);
  if (zoom === camera.zoom && within(camera, box, view)) return camera;
  return centred(box, zoom, view);
}

function within(camera: Camera, box: Box, view: View): boolean {
  const [left, top] = toScreen(camera, [box.x, box.y]);
  const [right, bottom] = toScreen(camera, [box.x + box.w, box.y + box.h]);
  const { insets } = view;
  return (
    left >= insets.left && top >= insets.top && right <= view.width - insets.right && bottom <= view.height - insets.bottom
  );
}

function free({ width, height, insets }: View): Point {
  return [width - insets.left - insets.right, height - insets.top - insets.bottom];
}

function centred(box: Box, zoom: number, view: View): Camera {
  const [width, height] = free(view);
  return {
    x: box.x + box.w / 2 - (view.insets.left + width / 2) / zoom,
    y: box.y + box.h / 2 - (view.insets.top + height / 2) / zoom,
    zoom,
  };
}

/** How much is drawn of a card. */
export type Detail = 'dot' | 'disc' | 'compact' | 'full';

const STEPS: readonly (readonly [Detail, number])[] = [
  ['full', 0.9],
  ['compact', 0.35],
  ['disc', 0.1],
  ['dot', 0],
];

/** The level for a zoom; it changes with 10 % of hysteresis, so that it does not flicker at a border. */
export function detail(zoom: number, before: Detail | null): Detail {
  for (const [level, from] of STEPS) {
    const least = before !== null && rank(before) >= rank(level) ? from * 0.9 : from;
    if (zoom >= least) return level;
  }
  return 'dot';
}

function rank(level: Detail): number {
  return 3 - STEPS.findIndex(([name]) => name === level);
}

/** Between two cameras, eased out. */
export function eased(from: Camera, to: Camera, t: number): Camera {
  const k = 1 - (1 - Math.max(0, Math.min(1, t))) ** 3;
  const mix = (a: number, b: number) => a + (b - a) * k;
  return { x: mix(from.x, to.x), y: mix(from.y, to.y), zoom: mix(from.zoom, to.zoom) };
}
