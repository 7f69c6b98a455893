/** Colours for JSON, YAML, TOML, HCL and properties, a line at a time. Pure; for the eye alone: nothing is checked here. */
import type { ValueKind } from './host/contract/types';

export type Ink = 'key' | 'string' | 'number' | 'word' | 'comment';

export interface Token {
  readonly text: string;
  /** Null for what has no colour: blanks, signs, and text that is not understood. */
  readonly ink: Ink | null;
}

type Rule = readonly [ink: Ink | null, pattern: RegExp];

/** Longer lines stay without colours. */
const LONGEST = 2000;

const NUMBER = /[-+]?(?:0x[\da-fA-F]+|\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.:-])/y;
const DOUBLE = /"(?:[^"\\]|\\.)*"?/y;
const SINGLE = /'[^']*'?/y;
const ANY: Rule = [null, /[^]/uy];

const JSON_RULES: readonly Rule[] = [
  ['key', /"(?:[^"\\]|\\.)*"(?=\s*:)/y],
  ['string', DOUBLE],
  ['number', NUMBER],
  ['word', /(?:true|false|null)\b/y],
  [null, /[\s{}[\],:]+|\w+/y],
  ANY,
];

/** A value of YAML, or what stands in its brackets. */
const YAML_RULES: readonly Rule[] = [
  ['comment', /[ \t]+#.*/y],
  [null, /[\s{}[\],]+/y],
  ['string', DOUBLE],
  ['string', SINGLE],
  ['word', /[&*!][^\s,\]}]*|[|>][-+\d]*(?=\s*$)/y],
  ['key', /[^\s,:{}[\]"'#]+(?=:(?:\s|$))/y],
  [null, /:(?=\s|$)/y],
  ['number', NUMBER],
  ['word', /(?:true|false|null|yes|no|on|off|~)(?=[\s,\]}]|$)/y],
  ['string', /[^\s,{}[\]#]+/y],
  ANY,
];
const YAML_START: readonly Rule[] = [
  ['comment', /\s*#.*/y],
  ['comment', /(?:---|\.\.\.)$/y],
  [null, /[\s-]+(?=\s)|\s+|-$/y],
  ['key', /"(?:[^"\\]|\\.)*"(?=\s*:(?:\s|$))/y],
  ['key', /[^\s:#"'{}[\],&*!|>-][^:#]*(?=:(?:\s|$))/y],
];

const TOML_RULES: readonly Rule[] = [
  ['comment', /(?:#|\/\/).*/y],
  ['string', /"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)/y],
  ['string', DOUBLE],
  ['string', SINGLE],
  ['key', /[\w.-]+(?=\s*=(?!=))/y],
  ['number', /\d{4}-\d\d-\d\d[\dT:.Z+-]*/y],
  ['number', NUMBER],
  ['word', /(?:true|false|null|inf|nan)\b/y],
  [null, /\s+|\w+/y],
  ANY,
];
const TOML_START: readonly Rule[] = [['key', /\s*\[\[?[^\]#]*\]\]?(?=\s*(?:#|$))/y], ['key', /[\w-]+(?=(?:\s+"[^"]*")*\s*\{)/y]];

const PROPERTIES_RULES: readonly Rule[] = [
  [null, /[\s=:]+/y],
  ['number', /[-+]?\d+(?:\.\d+)?(?=\s*$)/y],
  ['word', /(?:true|false)(?=\s*$)/y],
  ['string', /.+/y],
  ANY,
];
const PROPERTIES_START: readonly Rule[] = [['comment', /\s*[#!].*/y], [null, /\s+/y], ['key', /(?:[^\s=:\\]|\\.)+/y]];

const GRAMMARS: Partial<Record<ValueKind, { readonly start: readonly Rule[]; readonly rules: readonly Rule[] }>> = {
  json: { start: [], rules: JSON_RULES },
  yaml: { start: YAML_START, rules: YAML_RULES },
  toml: { start: TOML_START, rules: TOML_RULES },
  hcl: { start: TOML_START, rules: TOML_RULES },
  properties: { start: PROPERTIES_START, rules: PROPERTIES_RULES },
};

export function isColoured(kind: ValueKind): boolean {
  return GRAMMARS[kind] !== undefined;
}

/** The line in pieces that make it up again, each with its colour. */
export function tokens(line: string, kind: ValueKind): Token[] {
  const grammar = GRAMMARS[kind];
  if (grammar === undefined || line === '' || line.length > LONGEST) return [{ text: line, ink: null }];
  const found: Token[] = [];
  let at = 0;
  const take = (rules: readonly Rule[]): boolean => {
    for (const [ink, pattern] of rules) {
      pattern.lastIndex = at;
      const text = pattern.exec(line)?.[0] ?? '';
      if (text === '') continue;
      const last = found.at(-1);
      if (last?.ink === ink) found[found.length - 1] = { text: last.text + text, ink };
      else found.push({ text, ink });
      at += text.length;
      return true;
    }
    return false;
  };
  for (const rule of grammar.start) if (at < line.length) take([rule]);
  while (at < line.length && take(grammar.rules));
  return found;
}

/** The numbers (from 0) of lines that stand inside a text of several lines: a block of YAML, a long string of TOML. */
export function literal(text: string, kind: ValueKind): Set<number> {
  if (kind === 'yaml') return blocks(text.split('\n'));
  return kind === 'toml' ? longStrings(text.split('\n')) : new Set();
}

function blocks(lines: readonly string[]): Set<number> {
  const inside = new Set<number>();
  let deeper: number | null = null;
  for (const [i, line] of lines.entries()) {
    const indent = line.length - line.trimStart().length;
    if (deeper !== null && (indent > deeper || line.trim() === '')) inside.add(i);
    else deeper = /(?:^|[\s:-])[|>][-+\d]*\s*(?:#.*)?$/.test(line) ? indent : null;
  }
  return inside;
}

function longStrings(lines: readonly string[]): Set<number> {
  const inside = new Set<number>();
  let open: string | null = null;
  for (const [i, line] of lines.entries()) {
    if (open !== null) inside.add(i);
    for (const [mark] of line.matchAll(/"""|'''/g)) open = open === null ? mark : open === mark ? null : open;
  }
  return inside;
}

export interface Piece {
  readonly text: string;
  readonly changed: boolean;
}

/** Pieces of a line, cut further where its colours change. */
export function inked(pieces: readonly Piece[], kind: ValueKind): (Piece & Token)[] {
  const cut: (Piece & Token)[] = [];
  const left = tokens(pieces.map(({ text }) => text).join(''), kind).map((token) => ({ ...token }));
  for (const { text, changed } of pieces) {
    let room = text.length;
    while (room > 0) {
      const [token] = left;
      if (token === undefined) break;
      const part = token.text.slice(0, room);
      cut.push({ text: part, ink: token.ink, changed });
      room -= part.length;
      if (part.length === token.text.length) left.shift();
      else left[0] = { ...token, text: token.text.slice(part.length) };
    }
  }
  return cut;
}

const BY_ENDING: Readonly<Record<string, ValueKind>> = {
  json: 'json', yaml: 'yaml', yml: 'yaml', toml: 'toml', hcl: 'hcl', properties: 'properties',
};

/** What a key that does not exist yet is likely to hold. */
export function kindOf(path: string): ValueKind {
  return BY_ENDING[path.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'text';
}
