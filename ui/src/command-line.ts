/** What the window shows, as lines for a terminal. Pure. A line never holds a value: that comes on standard input. */
import type { ConfigPlan, ConnectionRow, Screen } from './host/contract/types';

/** A word as a POSIX shell reads it back. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const line = (words: readonly string[]) => words.map(quoted).join(' ');

/** The systems that a terminal can reach as well: not what runs inside this app, and no address with a password in it. */
export function sourcesOf(connections: readonly ConnectionRow[]): string[] {
  return connections.map(({ spec }) => spec).filter((spec) => !spec.endsWith('=demo') && !spec.includes('@')).flatMap((spec) => ['--source', spec]);
}

/** The edit of a plan; `null` where one command cannot do what one transaction does. */
export function editLine(plan: ConfigPlan, sources: readonly string[], why: string): string | null {
  const reason = why.trim() === '' ? [] : ['--why', why.trim()];
  if (plan.undo_of !== null) return line(['binnaclectl', ...sources, 'config', 'undo', plan.undo_of, ...reason]);
  const [key, ...more] = plan.keys;
  if (key === undefined || more.length > 0) return null;
  const version = key.before === null ? 'absent' : (/^cas = (\d+)$/.exec(key.guard)?.[1] ?? null);
  const guard = version === null ? [] : ['--expect', version];
  const what = key.action === 'delete' ? ['rm', key.id] : ['set', key.id, '--value-file', '-'];
  return line(['binnaclectl', ...sources, 'config', ...what, ...guard, ...reason]);
}

const WORDS: Readonly<Record<Screen, readonly string[]>> = {
  topology: ['graph', '-o', 'mermaid'],
  services: ['services'],
  health: ['health'],
  breakers: ['breakers'],
  config: ['config', 'ls'],
  disagreements: ['disagreements'],
  sources: ['sources'],
};

/** What a screen shows; `key` is the config key that is open. */
export function screenLine(screen: Screen, sources: readonly string[], key: string | null): string {
  const words = screen === 'config' && key !== null ? ['config', 'get', key] : WORDS[screen];
  return line(['binnaclectl', ...sources, ...words]);
}
