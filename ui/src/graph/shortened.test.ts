import { describe, expect, test } from 'vitest';
import { shortened, shortenedName } from './shortened';

const within = (room: number) => (text: string) => text.length <= room;

describe('a text that has to fit', () => {
  test('stays as it is where there is room', () => {
    expect(shortened('payments', within(8))).toBe('payments');
    expect(shortenedName('crowd-12', within(8))).toBe('crowd-12');
  });
  test('is cut at its end', () => {
    expect(shortened('payments', within(5))).toBe('paym…');
    expect(shortened('payments', within(1))).toBe('');
  });
});

describe('a name that has to fit', () => {
  test('keeps its last part, by which it differs from its neighbours', () => {
    expect(shortenedName('crowd-12', within(6))).toBe('cro…12');
    expect(shortenedName('app-123', within(5))).toBe('a…123');
    expect(shortenedName('app-123', within(4))).toBe('…123');
    expect(shortenedName('shop.internal.db', within(9))).toBe('shop.i…db');
  });
  test('is cut at its end where the last part is too long, or leaves no room', () => {
    expect(shortenedName('payments', within(5))).toBe('paym…');
    expect(shortenedName('shop-recommendations', within(8))).toBe('shop-re…');
    expect(shortenedName('app-123', within(3))).toBe('ap…');
    expect(shortenedName('trailing-', within(5))).toBe('trai…');
  });
});
