// Names every dependency whose licence this tree may not be shipped or built with. Reads `cargo metadata` from standard input
// and the lock files of the UI and of the lab's Node service.
import { readFileSync } from 'node:fs';

/** Permissive, or (MPL) bound to its own files only. */
const FINE = new Set([
  '0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BSL-1.0', 'CC0-1.0', 'CDLA-Permissive-2.0', 'ISC', 'MIT', 'MIT-0', 'MPL-2.0',
  'Unicode-3.0', 'Unlicense', 'Zlib',
]);

/** An SPDX expression, and Cargo's old `MIT/Apache-2.0` for a choice. An exception only ever gives more leave. */
function isFine(expression) {
  const all = expression.replaceAll('/', ' OR ').split(/\sAND\s/);
  return all.every((part) => part.split(/\sOR\s/).some((name) => FINE.has(name.replace(/[()]/g, '').replace(/\sWITH\s.*/, '').trim())));
}

const crates = JSON.parse(readFileSync(0, 'utf8')).packages.map(({ name, version, license }) => [`crate ${name} ${version}`, license]);
const modules = ['../ui/package-lock.json', '../tests/lab/services/node/package-lock.json'].flatMap((lock) => {
  const { packages } = JSON.parse(readFileSync(new URL(lock, import.meta.url), 'utf8'));
  return Object.entries(packages).filter(([place]) => place !== '').map(([place, { license }]) => [`module ${place}`, license]);
});

for (const [name, licence] of [...crates, ...modules]) {
  if (!isFine(licence ?? '')) console.log(`${name}: ${licence ?? 'no licence is stated'}`);
}
