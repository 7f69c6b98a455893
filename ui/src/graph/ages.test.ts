import { expect, test } from 'vitest';
import { Ages } from './ages';

const SECOND = 1000;

test('what shows no age is never out of date', () => {
  expect(new Ages(0).outdated(3600 * SECOND)).toBe(false);
});

test('an age is out of date once it reads otherwise, and no sooner', () => {
  const ages = new Ages(3 * 3600 * SECOND);
  ages.of(0);
  expect(ages.outdated(3 * 3600 * SECOND + SECOND)).toBe(false);
  expect(ages.outdated(4 * 3600 * SECOND)).toBe(true);
  ages.of(3 * 3600 * SECOND - 5 * SECOND);
  expect(ages.outdated(3 * 3600 * SECOND + SECOND)).toBe(true);
});
