import { describe, expect, test } from 'vitest';
import { age, bytes, clock, count, errorTone, grouped, latency, NONE, percent, rate, stepped, THIN } from './format';

describe('ages', () => {
  test.each([
    [-5, `0.0${THIN}s`],
    [240, `0.2${THIN}s`],
    [999, `0.9${THIN}s`],
    [8_400, `8${THIN}s`],
    [59_999, `59${THIN}s`],
    [134_000, '2m 14s'],
    [188_000, '3m 08s'],
    [34 * 60_000, '34m'],
    [5 * 3_600_000 + 12 * 60_000, '5h 12m'],
    [23 * 3_600_000, '23h'],
    [41 * 86_400_000, '41d'],
  ])('%d ms reads %s', (ms, text) => expect(age(ms)).toBe(text));
});

describe('ages in steps', () => {
  test.each([
    [-5, 5000, `<${THIN}5${THIN}s`],
    [4_999, 5000, `<${THIN}5${THIN}s`],
    [5_000, 5000, `5${THIN}s`],
    [9_999, 5000, `5${THIN}s`],
    [134_000, 5000, '2m 10s'],
    [8_400, 0, `8${THIN}s`],
  ])('%d ms in steps of %d read %s', (ms, step, text) => expect(stepped(ms, step)).toBe(text));
});

describe('numbers', () => {
  test.each([
    [0, '0'],
    [0.04, '0.04'],
    [0.42, '0.42'],
    [4.1, '4.1'],
    [96, '96'],
    [118.2, '118'],
    [999.7, '1k'],
    [1240, '1.24k'],
    [12_400, '12.4k'],
    [2_500_000, '2.5M'],
    [null, NONE],
    [Number.NaN, NONE],
  ])('%d calls a second read %s', (value, text) => expect(rate(value)).toBe(text));

  test('no value is not zero', () => {
    expect(percent(null)).toBe(NONE);
    expect(percent(0)).toBe(`0.0${THIN}%`);
    expect(percent(0.314)).toBe(`31.4${THIN}%`);
    expect(latency(undefined)).toBe(NONE);
    expect(latency(204.4)).toBe(`204${THIN}ms`);
    expect(latency(1_840)).toBe(`1.8${THIN}s`);
    expect(latency(4.26)).toBe(`4.3${THIN}ms`);
  });

  test('sizes, groups and plurals', () => {
    expect(bytes(412)).toBe(`412${THIN}B`);
    expect(bytes(3200)).toBe(`3.1${THIN}KiB`);
    expect(grouped(48213)).toBe(`48${THIN}213`);
    expect(grouped('999')).toBe('999');
    expect(count(1, 'service')).toBe('1 service');
    expect(count(2, 'entry', 'entries')).toBe('2 entries');
  });

  test('errors turn warning at 1 % and critical at 5 %', () => {
    expect([null, 0.0099, 0.01, 0.0499, 0.05].map(errorTone)).toEqual([null, null, 'warn', 'warn', 'crit']);
  });
});

test('a moment of another day carries its date', () => {
  const at = new Date(2026, 10, 24, 14, 17, 46).getTime();
  expect(clock(at, at + 1000)).toBe('14:17:46');
  expect(clock(at, at + 86_400_000)).toBe('2026-11-24 14:17:46');
});
