/** The whole ground in a corner, with the part that is on the screen framed. */
import type { Camera, View } from './camera';
import { toWorld } from './camera';
import { union, type Box, type Point } from './geometry';
import type { Palette } from './ink';
import type { Scene } from './scene';

const MARGIN = 6;

interface Scale {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

function scaleOf(scene: Scene, width: number, height: number): Scale | null {
  const all = union([...scene.groups, ...scene.nodes].map(({ box }) => box));
  if (all === null) return null;
  const k = Math.min((width - 2 * MARGIN) / all.w, (height - 2 * MARGIN) / all.h);
  return { k, x: (width - all.w * k) / 2 - all.x * k, y: (height - all.h * k) / 2 - all.y * k };
}

export function drawMinimap(canvas: HTMLCanvasElement, colours: Palette, ratio: number, scene: Scene, eye: Camera, view: View): void {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (width === 0) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const c = canvas.getContext('2d');
  const scale = scaleOf(scene, width, height);
  if (c === null || scale === null) return;
  c.scale(ratio, ratio);
  const rect = ({ x, y, w, h }: Box): [number, number, number, number] => [
    x * scale.k + scale.x, y * scale.k + scale.y, Math.max(2, w * scale.k), Math.max(2, h * scale.k),
  ];
  c.fillStyle = colours.raised;
  for (const group of scene.groups) c.fillRect(...rect(group.box));
  for (const node of scene.nodes) {
    const tone = { critical: 'critfill', warning: 'warnfill', maintenance: 'maintfill', unknown: 'unkfill', passing: 'tx3' } as const;
    c.fillStyle = colours[tone[node.health]];
    c.fillRect(...rect(node.box));
  }
  const [x0, y0] = toWorld(eye, [view.insets.left, view.insets.top]);
  const [x1, y1] = toWorld(eye, [view.width - view.insets.right, view.height - view.insets.bottom]);
  const [x, y, w, h] = rect({ x: x0, y: y0, w: x1 - x0, h: y1 - y0 });
  const [left, top] = [Math.max(1, x), Math.max(1, y)];
  c.strokeStyle = colours.accent;
  c.lineWidth = 1.5;
  c.strokeRect(left, top, Math.min(width - 1, x + w) - left, Math.min(height - 1, y + h) - top);
}

/** The world point under a point of the minimap. */
export function fromMinimap(scene: Scene, width: number, height: number, [x, y]: Point): Point | null {
  const scale = scaleOf(scene, width, height);
  return scale === null ? null : [(x - scale.x) / scale.k, (y - scale.y) / scale.k];
}
