import { expect, test } from 'vitest';
import type { ConfigPlan, ConnectionRow, KeyPlan } from './host/contract/types';
import { editLine, quoted, screenLine, sourcesOf } from './command-line';

const body = { kind: 'text' as const, text: 'secret', crlf: false, hex: [], bytes_hex: null, size_bytes: 6, complaint: null };
const key: KeyPlan = { id: 'consul:dc1/kv/a b', path: 'a b', action: 'change', before: body, after: body, guard: 'cas = 12', beneath: [], permission: '', permitted: true, notes: [], diff: [] };
const plan = (...keys: KeyPlan[]): ConfigPlan => ({ plan: '1', profile: 'p', source: 'consul:dc1', request: '', warnings: [], undo_of: null, apply: { possible: true, reason: '' }, keys });

test('an edit is written without its value, under the guard of the plan', () => {
  expect(editLine(plan(key), [], " it's late ")).toBe("binnaclectl config set 'consul:dc1/kv/a b' --value-file - --expect 12 --why 'it'\\''s late'");
});

test.each([
  [plan({ ...key, before: null, action: 'create', guard: 'cas = 0 (must not exist)' }), "binnaclectl config set 'consul:dc1/kv/a b' --value-file - --expect absent"],
  [plan({ ...key, after: null, action: 'delete' }), "binnaclectl config rm 'consul:dc1/kv/a b' --expect 12"],
  [{ ...plan(key), undo_of: '17' }, 'binnaclectl config undo 17'],
  [plan(key, key), null],
])('plan %#', (plan, line) => expect(editLine(plan, [], '')).toBe(line));

test('nothing that a shell would take for its own is left bare', () => {
  expect(['a$b', '`x`', 'a;b', '', '~', '-n'].map(quoted)).toEqual(["'a$b'", "'`x`'", "'a;b'", "''", "'~'", '-n']);
});

test('a screen names the systems that a terminal reaches, too, and no password', () => {
  const connection = (spec: string): ConnectionRow => ({
    spec, profile: 'this computer', found: null, read_only: null, token: null, wants_token: false, remembered: false, sources: [], requests: 0, failures: 0, bytes: 0, last_answer: null, inside: [], inside_fault: null,
  });
  const sources = sourcesOf(['consul=http://127.0.0.1:8500', 'scrape=demo', 'consul=http://me:word@10.0.0.1'].map(connection));
  expect(screenLine('health', sources, null)).toBe('binnaclectl --source consul=http://127.0.0.1:8500 health');
  expect(screenLine('config', [], 'consul:dc1/kv/a')).toBe('binnaclectl config get consul:dc1/kv/a');
});
