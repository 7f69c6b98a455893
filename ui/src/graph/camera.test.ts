import { expect, test } from 'vitest';
import { detail, eased, fitted, MOST, revealing, toScreen, toWorld, zoomed, type View } from './camera';

const view: View = { width: 800, height: 600, insets: { top: 48, right: 0, bottom: 0, left: 0 } };

test('what lies under the pointer stays there while zooming', () => {
  const before = { x: 10, y: 20, zoom: 0.5 };
  const after = zoomed(before, 1.7, [300, 200]);
  const [x, y] = toScreen(after, toWorld(before, [300, 200]));
  expect(x).toBeCloseTo(300);
  expect(y).toBeCloseTo(200);
  expect(zoomed(before, 1000, [0, 0]).zoom).toBe(MOST);
});

test('fit shows everything in the free part, never larger than life', () => {
  const camera = fitted([{ x: 0, y: 0, w: 4000, h: 100 }], view);
  const [left, top] = toScreen(camera, [0, 0]);
  const [right, bottom] = toScreen(camera, [4000, 100]);
  expect(left).toBeGreaterThanOrEqual(15.9);
  expect(right).toBeLessThanOrEqual(784.1);
  expect(top).toBeGreaterThanOrEqual(48);
  expect(bottom).toBeLessThanOrEqual(600);
  expect(fitted([{ x: 5, y: 5, w: 10, h: 10 }], view).zoom).toBe(1);
  expect(fitted([], view)).toEqual({ x: 0, y: 0, zoom: 1 });
});

test('what can be seen already does not move the camera', () => {
  const camera = { x: 0, y: 0, zoom: 1 };
  expect(revealing(camera, { x: 100, y: 100, w: 144, h: 60 }, view)).toBe(camera);
});

test('what is out of sight comes in by the shortest way, at the same zoom', () => {
  const moved = revealing({ x: 0, y: 0, zoom: 0.5 }, { x: 2000, y: 0, w: 144, h: 60 }, view);
  expect(moved.zoom).toBe(0.5);
  const [right, top] = [toScreen(moved, [2144, 0])[0], toScreen(moved, [2000, 0])[1]];
  expect([800 - right, top - 48]).toEqual([16, 16]);
});

test('a card that is too small to be read is flown to', () => {
  const moved = revealing({ x: 0, y: 0, zoom: 0.2 }, { x: 2000, y: 100, w: 144, h: 60 }, view);
  expect(moved.zoom).toBe(0.9);
  expect(toScreen(moved, [2072, 130])[0]).toBeCloseTo(400);
});

test('levels change with hysteresis', () => {
  expect([0.05, 0.2, 0.5, 0.95].map((zoom) => detail(zoom, null))).toEqual(['dot', 'disc', 'compact', 'full']);
  expect(detail(0.85, 'full')).toBe('full');
  expect(detail(0.85, 'compact')).toBe('compact');
  expect(detail(0.8, 'full')).toBe('compact');
});

test('a flight ends where it should', () => {
  const to = { x: 5, y: 6, zoom: 2 };
  expect(eased({ x: 0, y: 0, zoom: 1 }, to, 1)).toEqual(to);
});
