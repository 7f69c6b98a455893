import { expect, test } from 'vitest';
import { byName, byText } from './collation';

test('names are in the order of the language, numbers in texts in that of their size', () => {
  const names = ['zoo', 'app-9', 'Émile', 'app-10', 'emil', 'App'];
  expect(names.toSorted(byName)).toEqual(names.toSorted((a, b) => a.localeCompare(b, 'en')));
  expect(names.toSorted(byName)).toEqual(['App', 'app-10', 'app-9', 'emil', 'Émile', 'zoo']);
  expect(names.toSorted(byText).slice(1, 3)).toEqual(['app-9', 'app-10']);
});
