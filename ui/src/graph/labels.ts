/** Labels by budget: one in each cell of 96 × 48 px, the weightiest first, in one of eight places, never over another. */
import type { Box, Point } from './geometry';
import { overlap } from './geometry';
import type { Ink } from './ink';

interface Wish {
  readonly text: string;
  readonly at: Point;
  readonly weight: number;
}

const CELL = { w: 96, h: 48 } as const;
const HEIGHT = 14;

export class Labels {
  private readonly wishes: Wish[] = [];
  private readonly clear: Box[] = [];

  constructor(private readonly ink: Ink) {}

  offer(text: string, at: Point, weight: number): void {
    this.wishes.push({ text, at, weight });
  }

  /** Ground that no label may cover. */
  keepClear(box: Box): void {
    this.clear.push(box);
  }

  draw(): void {
    const placed: Box[] = [...this.clear];
    const cells = new Set<string>();
    for (const wish of this.wishes.toSorted((a, b) => b.weight - a.weight)) {
      const cell = `${Math.floor(wish.at[0] / CELL.w)}:${Math.floor(wish.at[1] / CELL.h)}`;
      if (cells.has(cell)) continue;
      const box = places(wish.at, this.ink.width(wish.text, 11, 600)).find((box) => !placed.some((other) => overlap(box, other)));
      if (box === undefined) continue;
      cells.add(cell);
      placed.push(box);
      this.ink.context.globalAlpha = 0.88;
      this.ink.box(box.x, box.y, box.w, box.h, 3);
      this.ink.fill('panel');
      this.ink.context.globalAlpha = 1;
      this.ink.text(wish.text, box.x + 3, box.y + 11, { tone: 'tx1', weight: 600 });
    }
  }
}

/** Eight places round a point, the nearest to reading order first. */
export function places([x, y]: Point, width: number): Box[] {
  const w = width + 6;
  const spots: Point[] = [
    [9, -7], [-9 - w, -7], [-w / 2, 8], [-w / 2, -22], [9, 6], [-9 - w, 6], [9, -20], [-9 - w, -20],
  ];
  return spots.map(([dx, dy]) => ({ x: x + dx, y: y + dy, w, h: HEIGHT }));
}
