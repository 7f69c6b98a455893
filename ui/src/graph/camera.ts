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

/** From here on a card has its name on it. */
const NAMED = 0.35;

/** Brings a box into view with as little as it takes: nothing, a pan, or a flight to it where it is too small to be read. */
export function revealing(camera: Camera, box: Box, view: View): Camera {
  if (camera.zoom < NAMED) return centred(box, 0.9, view);
  const [left, top] = toScreen(camera, [box.x, box.y]);
  const [width, height] = [box.w * camera.zoom, box.h * camera.zoom];
  const { insets } = view;
  const dx = inward(left, width, insets.left + MARGIN, view.width - insets.right - MARGIN);
  const dy = inward(top, height, insets.top + MARGIN, view.height - insets.bottom - MARGIN);
  return dx === 0 && dy === 0 ? camera : panned(camera, dx, dy);
}

/** How far a span has to move to lie between two borders; its start, where it is longer than that. */
function inward(start: number, length: number, least: number, most: number): number {
  if (start < least || length > most - least) return least - start;
  return start + length > most ? most - start - length : 0;
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
