/** What the topology screen needs of whoever draws it. The way of drawing stays behind it and can be measured. */
import type { Camera, View } from './camera';
import type { Point } from './geometry';
import type { Emphasis, Scene } from './scene';

export type Hit = { readonly kind: 'node' | 'edge' | 'group'; readonly id: string };

export interface Renderer {
  /** Shows another state of the fleet; nothing moves that did not move in the data. */
  show(scene: Scene): void;
  emphasise(emphasis: Emphasis): void;
  /** Width, height and pixel ratio of the canvas, and what lies over its sides. */
  resize(view: View, ratio: number): void;
  /** The theme changed. */
  repaint(): void;
  /** A second went by: draws again where an age that is shown reads otherwise. */
  tick(): void;
  look(camera: Camera): void;
  /** Flies there within a moment; at once where motion is not wanted. */
  fly(camera: Camera): void;
  readonly camera: Camera;
  /** What lies under a point of the screen. */
  hit(point: Point): Hit | null;
  /** Where a node stands on the screen; null when it is not in the scene. */
  place(id: string): { x: number; y: number; w: number; h: number } | null;
  destroy(): void;
}

export interface RendererEvents {
  /** The camera moved; for the zoom's number. */
  readonly onCamera: (camera: Camera) => void;
}
