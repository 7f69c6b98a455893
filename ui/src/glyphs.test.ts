import { expect, test } from 'vitest';
import { BREAKER, HEALTH, HEALTHS, ICON } from './glyphs';

const COMMANDS = /^[MLHVCSQTAZmlhvcsqtaz0-9\s,.\-]+$/;

test('every path is made of path commands and numbers alone', () => {
  const all = [
    ...HEALTHS.flatMap((state) => [HEALTH[state].silhouette, HEALTH[state].mark]),
    ...Object.values(BREAKER).flatMap(({ lever, arc, jumper }) => [lever, arc, jumper].filter((d) => d !== undefined)),
    ...Object.values(ICON),
  ];
  for (const d of all) expect(d).toMatch(COMMANDS);
});

test('no two states look the same without colour', () => {
  const shapes = HEALTHS.map((state) => [HEALTH[state].silhouette, HEALTH[state].filled, HEALTH[state].mark].join('|'));
  expect(new Set(shapes).size).toBe(HEALTHS.length);
  const switches = Object.values(BREAKER).map(({ lever, arc, jumper, dash, locked, question }) =>
    JSON.stringify([lever, arc, jumper, dash, locked, question]),
  );
  expect(new Set(switches).size).toBe(switches.length);
});
