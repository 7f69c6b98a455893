import { expect, test } from 'vitest';
import type { ValueKind } from './host/contract/types';
import { inked, kindOf, literal, tokens } from './syntax';

/** A line as `ink:text`, blanks and signs left out. */
const said = (line: string, kind: ValueKind) =>
  tokens(line, kind).flatMap(({ text, ink }) => (ink === null ? [] : [`${ink}:${text.trim()}`])).join(' ');

test.each<[ValueKind, string, string]>([
  ['json', '  "a": {"b": -1.5e3, "c": [true, "x:y", null]},', 'key:"a" key:"b" number:-1.5e3 key:"c" word:true string:"x:y" word:null'],
  ['json', '{"open": "never clo', 'key:"open" string:"never clo'],
  ['yaml', '# read by payments', 'comment:# read by payments'],
  ['yaml', '  max_ms: 1000 # at most', 'key:max_ms number:1000 comment:# at most'],
  ['yaml', '- connect-failure', 'string:connect-failure'],
  ['yaml', '  - name: "a # b"', 'key:name string:"a # b"'],
  ['yaml', 'url: http://a:80/x', 'key:url string:http://a:80/x'],
  ['yaml', 'on: {a: 1, b: yes}', 'key:on key:a number:1 key:b word:yes'],
  ['yaml', 'version: 1.2.3', 'key:version string:1.2.3'],
  ['yaml', 'script: |', 'key:script word:|'],
  ['yaml', '---', 'comment:---'],
  ['toml', '[servers.alpha] # first', 'key:[servers.alpha] comment:# first'],
  ['toml', 'at = 1979-05-27T07:32:00Z', 'key:at number:1979-05-27T07:32:00Z'],
  ['toml', "name = 'x = y'", "key:name string:'x = y'"],
  ['hcl', 'service "web" {', 'key:service string:"web"'],
  ['properties', 'a.b = some words', 'key:a.b string:some words'],
  ['properties', '! note', 'comment:! note'],
  ['properties', 'n: 7', 'key:n number:7'],
  ['text', 'a: 1', ''],
])('%s: %s', (kind, line, expected) => expect(said(line, kind)).toBe(expected));

test('the pieces of any line make up the line again, and a long one takes no time', () => {
  const signs = ['"', "'", '\\', ':', ' ', '#', '-', '{', '}', '[', ']', ',', '=', '|', '&', '"""', '1', 'a', '.', '\t', 'ü', '\u0000'];
  let seed = 3;
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648);
  for (const kind of ['json', 'yaml', 'toml', 'hcl', 'properties'] as const) {
    for (let i = 0; i < 2000; i += 1) {
      const line = Array.from({ length: random() % 30 }, () => signs[random() % signs.length]).join('');
      expect(tokens(line, kind).map(({ text }) => text).join('')).toBe(line);
    }
    for (const sign of signs) {
      const start = performance.now();
      tokens(sign.repeat(1900 / sign.length), kind);
      expect(performance.now() - start).toBeLessThan(500);
    }
  }
});

test('what stands in a text of several lines has no keys of its own', () => {
  expect([...literal('a: |\n  b: 1\n\n  c\nd: 2', 'yaml')]).toEqual([1, 2, 3]);
  expect([...literal('a = """\nb = 1\n"""\nc = 2', 'toml')]).toEqual([1, 2]);
});

test('changed words and colours are cut at each other', () => {
  expect(inked([{ text: 'a: 1', changed: false }, { text: '00', changed: true }], 'yaml').map(({ text, ink, changed }) => [text, ink, changed])).toEqual([
    ['a', 'key', false], [': ', null, false], ['1', 'number', false], ['00', 'number', true],
  ]);
});

test('a new key is coloured by its ending', () => expect([kindOf('a/b.YML'), kindOf('a/b')]).toEqual(['yaml', 'text']));
