import { describe, expect, test } from 'vitest';
import { matches, parse, without, type Filterable } from './filter';

const payments: Filterable = {
  name: 'payments',
  health: 'critical',
  ns: 'pay',
  kind: 'service',
  source: ['consul:dc1', 'scrape:demo'],
  errors: 0.314,
  rate: 96,
  p95: 204,
};

describe('what holds', () => {
  test.each([
    ['', true],
    ['pay', true],
    ['PAY', true],
    ['checkout', false],
    ['health:critical', true],
    ['health:critical,warning ns:pay*', true],
    ['health:warning', false],
    ['-health:warning', true],
    ['-health:critical', false],
    ['ns:*y', true],
    ['ns:p*y', true],
    ['ns:p*yy', false],
    ['name:pay', false],
    ['source:consul*', true],
    ['errors>1%', true],
    ['edge:errors>1%', true],
    ['errors>50%', false],
    ['rate>=96', true],
    ['rate>1k', false],
    ['p95<0.3s', true],
    ['tag:gold', false],
    ['-tag:gold', true],
  ])('%j on payments: %s', (text, holds) => expect(matches(parse(text), payments)).toBe(holds));
});

test('a field that does not exist is said, and hides nothing', () => {
  const filter = parse('colour:red');
  expect(filter.complaints).toHaveLength(1);
  expect(matches(filter, payments)).toBe(true);
});

test('a value is needed', () => {
  expect(parse('health:').complaints[0]).toContain('needs a value');
});

test('a pattern of many stars is still answered at once', () => {
  const pattern = `name:${'a*'.repeat(5000)}b`;
  expect(matches(parse(pattern), { name: 'a'.repeat(10_000) })).toBe(false);
});

test('a term is taken out by its place', () => {
  expect(without('a  b c', 1)).toBe('a c');
});
