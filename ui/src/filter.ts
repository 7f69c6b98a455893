/**
 * The filter language: words and `field:value` terms, all of which must hold.
 *
 *   health:critical ns:pay* edge:errors>1% -name:test checkout
 *
 * Values are compared without regard to case; `*` stands for any text; a comma offers several values;
 * a minus in front turns a term round. Numbers are compared by `>`, `>=`, `<`, `<=`, `=`.
 */

/** What the filter may ask of a thing. Absent fields never match. */
export interface Filterable {
  readonly name: string;
  readonly [field: string]: string | readonly string[] | number | null | undefined;
}

type Comparison = '>' | '>=' | '<' | '<=' | '=';

export type Term =
  | { readonly kind: 'word'; readonly text: string; readonly not: boolean }
  | { readonly kind: 'field'; readonly field: string; readonly values: readonly string[]; readonly not: boolean }
  | {
      readonly kind: 'number';
      readonly field: string;
      readonly compare: Comparison;
      readonly value: number;
      readonly not: boolean;
    };

export interface Filter {
  readonly text: string;
  readonly terms: readonly Term[];
  /** What could not be understood, in words; such a term is left out. */
  readonly complaints: readonly string[];
}

/** The fields that can be asked for, with what each means. */
export const FIELDS: Readonly<Record<string, string>> = {
  name: 'name of the service',
  health: 'passing, warning, critical, maintenance or unknown',
  ns: 'namespace',
  dc: 'datacenter',
  group: 'group on the topology',
  kind: 'service, gateway, external or channel',
  source: 'a source that knows it',
  tag: 'one of its tags',
  breaker: 'state of a breaker at it',
  stale: 'yes or no',
  disputed: 'yes where sources disagree about it',
  errors: 'error ratio, such as errors>1%',
  rate: 'calls a second, such as rate>=100',
  p95: 'latency in milliseconds, such as p95>200',
};

const COMPARE = /^(errors|rate|p95)(>=|<=|>|<|=)(\d+(?:\.\d+)?)(%|k|ms|s)?$/;

export function parse(text: string): Filter {
  const terms: Term[] = [];
  const complaints: string[] = [];
  for (const piece of text.split(/\s+/).filter((piece) => piece !== '')) {
    const term = parseTerm(piece);
    if (typeof term === 'string') complaints.push(term);
    else terms.push(term);
  }
  return { text, terms, complaints };
}

function parseTerm(piece: string): Term | string {
  const not = piece.startsWith('-') && piece.length > 1;
  const body = (not ? piece.slice(1) : piece).toLowerCase();
  const number = COMPARE.exec(body.replace(/^edge:/, ''));
  if (number !== null) {
    const [, field = '', compare = '=', digits = '0', unit] = number;
    return { kind: 'number', field, compare: compare as Comparison, value: Number(digits) * scale(field, unit), not };
  }
  const colon = body.indexOf(':');
  if (colon <= 0) return { kind: 'word', text: body, not };
  const field = body.slice(0, colon);
  if (!(field in FIELDS)) {
    return `“${field}:” is not a field. Fields: ${Object.keys(FIELDS).join(', ')}.`;
  }
  const values = body.slice(colon + 1).split(',').filter((value) => value !== '');
  return values.length === 0 ? `“${field}:” needs a value.` : { kind: 'field', field, values, not };
}

function scale(field: string, unit: string | undefined): number {
  if (unit === 'k' || unit === 's') return 1000;
  return unit === '%' && field === 'errors' ? 0.01 : 1;
}

/** Whether all terms hold for the thing. */
export function matches(filter: Filter, thing: Filterable): boolean {
  return filter.terms.every((term) => holds(term, thing) !== term.not);
}

function holds(term: Term, thing: Filterable): boolean {
  switch (term.kind) {
    case 'word':
      return like(term.text.includes('*') ? term.text : `*${term.text}*`, thing.name);
    case 'field':
      return term.values.some((value) => texts(thing[term.field]).some((text) => like(value, text)));
    case 'number': {
      const value = thing[term.field];
      return typeof value === 'number' && compared(value, term.compare, term.value);
    }
  }
}

function texts(value: Filterable[string]): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'object' ? value : [String(value)];
}

function compared(left: number, compare: Comparison, right: number): boolean {
  switch (compare) {
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '=':
      return left === right;
  }
}

/** Whole text against a pattern with `*`; linear, whatever the pattern. */
function like(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const subject = text.toLowerCase();
  const [first = ''] = pieces;
  if (pieces.length === 1) return subject === first;
  const last = pieces[pieces.length - 1] ?? '';
  if (!subject.startsWith(first) || !subject.endsWith(last) || subject.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = subject.indexOf(piece, at);
    if (found < 0 || found + piece.length > subject.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}

/** The filter's text without one of its terms, counted as they are written. */
export function without(text: string, index: number): string {
  return text.split(/\s+/).filter((piece) => piece !== '').filter((_, at) => at !== index).join(' ');
}
