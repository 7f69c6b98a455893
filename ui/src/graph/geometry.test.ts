import { describe, expect, test } from 'vitest';
import { at, chord, cut, distance, gap, overlap, ports, route, sunflower, union, width, type Curve } from './geometry';

const curve: Curve = [[0, 0], [60, 0], [90, 80], [150, 80]];

describe('curves', () => {
  test('the halves of a cut curve meet where it was cut, and end where it ended', () => {
    const [first, second] = cut(curve, 0.3);
    expect(first[0]).toEqual(curve[0]);
    expect(first[3]).toEqual(second[0]);
    expect(second[3]).toEqual(curve[3]);
    const [x, y] = at(curve, 0.3);
    expect(first[3][0]).toBeCloseTo(x);
    expect(first[3][1]).toBeCloseTo(y);
    const [hx, hy] = at(curve, 0.15);
    expect(at(first, 0.5)[0]).toBeCloseTo(hx);
    expect(at(first, 0.5)[1]).toBeCloseTo(hy);
  });

  test('the gap for a switch is as wide as the switch', () => {
    const [before, after] = gap(curve, 0.5, 12.5);
    const [mx, my] = at(curve, 0.5);
    for (const t of [before, after]) {
      const [x, y] = at(curve, t);
      expect(Math.hypot(x - mx, y - my)).toBeCloseTo(12.5, 1);
    }
  });

  test('a gap longer than the curve takes all of it', () => {
    expect(gap([[0, 0], [1, 0], [2, 0], [3, 0]], 0.5, 50)).toEqual([0, 1]);
  });

  test('the switch turns with its wire', () => {
    const straight: Curve = [[0, 0], [10, 10], [20, 20], [30, 30]];
    expect(chord(straight, [0.3, 0.7])).toBeCloseTo(Math.PI / 4);
  });

  test('a point beside a curve is that far from it', () => {
    const flat: Curve = [[0, 0], [30, 0], [60, 0], [90, 0]];
    expect(distance(flat, [45, 7])).toBeCloseTo(7);
    expect(distance(flat, [-3, 4])).toBeCloseTo(5);
  });
});

describe('ways between cards', () => {
  const card = (x: number, y: number) => ({ x, y, w: 144, h: 60 });

  test('flow goes from the right side to the left side', () => {
    const way = route(card(0, 0), card(300, 100), 30, 130);
    expect(way[0]).toEqual([144, 30]);
    expect(way[3]).toEqual([298, 130]);
  });

  test('a card below in the same column is reached straight down', () => {
    const way = route(card(0, 0), card(0, 200), 30, 230);
    expect(way[0][0]).toBe(way[3][0]);
    expect(way[3][1]).toBe(198);
  });

  test('a call against the flow leaves left and arrives right', () => {
    const way = route(card(400, 0), card(0, 100), 30, 130);
    expect(way[0][0]).toBe(400);
    expect(way[3][0]).toBe(146);
  });

  test('ports keep 12 px apart as long as the side has room', () => {
    expect(ports(card(0, 0), 2)).toEqual([24, 36]);
    const many = ports(card(0, 0), 9);
    expect(Math.min(...many)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...many)).toBeLessThanOrEqual(50);
  });
});

test('an edge is as wide as the logarithm of its rate, within limits', () => {
  expect(width(null)).toBe(1.25);
  expect(width(0.001)).toBe(1);
  expect(width(100)).toBeCloseTo(2.9);
  expect(width(1e9)).toBe(4);
});

test('boxes', () => {
  expect(union([])).toBeNull();
  expect(union([{ x: 0, y: 0, w: 2, h: 2 }, { x: 5, y: -1, w: 1, h: 1 }])).toEqual({ x: 0, y: -1, w: 6, h: 3 });
  expect(overlap({ x: 0, y: 0, w: 2, h: 2 }, { x: 2, y: 0, w: 2, h: 2 })).toBe(false);
});

test('members of a hull do not touch', () => {
  const places = sunflower(200);
  for (const [i, a] of places.entries()) {
    for (const b of places.slice(i + 1)) expect(Math.hypot(a[0] - b[0], a[1] - b[1])).toBeGreaterThan(4);
  }
});
