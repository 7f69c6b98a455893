/**
 * Records what the real app answers about its demo fleet, for tests in a plain browser:
 *
 *   node tests/record.mjs ../target/debug/binnacle
 *
 * Needs a display, WebKitWebDriver and a built app; run it under `xvfb-run` where there is none.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PATIENCE_MS = 60_000;
const SUBJECT = 'payments';
const KEY = 'fleet/payments/error_ratio';

async function freePort() {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => found(typeof at === 'object' && at !== null ? at.port : 0));
    });
  });
}

async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask().catch(() => null);
    if (answer !== null) return answer;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Runs in the page: asks everything that a recording holds. */
const ASK = `
  const [subject, key, done] = arguments;
  const call = (name, args) => window.__TAURI_INTERNALS__.invoke(name, { args });
  const still = async (request) => {
    const { patch } = await call('pull', { request, since: null });
    return { head: patch.head, rows: patch.rows };
  };
  (async () => {
    const views = {};
    for (const view of ['shell', 'first_run', 'services', 'health', 'breakers', 'disagreements', 'sources']) views[view] = await still({ view });
    views.topology = await still({ view: 'topology', group_by: 'namespace' });
    views.timeline = await still({ view: 'timeline', span_ms: 1800000 });
    let expanded = [];
    for (;;) {
      views.config_tree = await still({ view: 'config_tree', expanded, search: null, limit: 5000 });
      const closed = views.config_tree.rows.filter((row) => row.kind !== 'key' && !row.expanded).map((row) => row.key);
      if (closed.length === 0) break;
      expanded = [...expanded, ...closed];
    }
    const bytes = await call('positions', { layout: views.topology.head.layout });
    const data = new DataView(bytes);
    const boxes = Array.from({ length: data.getUint32(4, true) }, (_, slot) => [0, 1, 2, 3].map((i) => data.getFloat32(8 + slot * 16 + i * 4, true)));
    const id = views.services.rows.find((row) => row.name === subject).key;
    const about = { kind: 'service', id };
    const config = views.config_tree.rows.find((row) => row.path === key && row.kind === 'key').id;
    const inspector = await still({ view: 'inspector', subject: about });
    const answers = [
      { command: 'preferences_read', result: await call('preferences_read', {}) },
      { command: 'config_history', result: await call('config_history', { id: null, limit: 50 }) },
      { command: 'palette', when: { query: '' }, result: await call('palette', { query: '', limit: 200 }) },
      { command: 'palette', when: { query: 'pay' }, result: await call('palette', { query: 'pay', limit: 200 }) },
      { command: 'evidence', when: { subject: about, fact: 'state' }, result: await call('evidence', { subject: about, fact: 'state' }) },
      { command: 'config_read', when: { id: config }, result: await call('config_read', { id: config }) },
      { command: 'config_plan', result: await call('config_plan', { drafts: [{ id: config, intent: { kind: 'text', text: '0.6', crlf: false }, flags: null, expect: null }] }) },
    ];
    return { at: Date.now(), layout: { number: data.getUint32(0, true), boxes }, views, inspectors: { ['service ' + id]: inspector }, answers };
  })().then((recording) => done({ recording }), (thrown) => done({ error: JSON.stringify(thrown) + String(thrown) }));
`;

/** Ready when all services are read and calls were measured. */
const READY = `
  const done = arguments[0];
  window.__TAURI_INTERNALS__.invoke('pull', { args: { request: { view: 'services' }, since: null } }).then(
    ({ patch }) => done(patch.rows.filter((row) => row.signals.rps !== null).length >= 8),
    () => done(false),
  );
`;

async function main() {
  const binary = resolve(process.argv[2] ?? '../target/debug/binnacle');
  const home = await mkdtemp(join(tmpdir(), 'binnacle-record-'));
  const port = await freePort();
  const env = {
    ...process.env, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CONFIG_HOME: join(home, 'config'), XDG_DATA_HOME: join(home, 'data'),
    XDG_CACHE_HOME: join(home, 'cache'), TAURI_WEBVIEW_AUTOMATION: 'true', NO_AT_BRIDGE: '1',
  };
  const driver = spawn('WebKitWebDriver', [`--port=${port}`], { env, stdio: 'ignore' });
  const ask = async (method, path, body) => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...sent });
    return (await answer.json()).value;
  };
  try {
    await until('WebKitWebDriver', async () => ask('GET', '/status'));
    const options = { binary, args: ['--demo'] };
    const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': options } };
    const { sessionId } = await ask('POST', '/session', { capabilities });
    await ask('POST', `/session/${sessionId}/timeouts`, { script: PATIENCE_MS });
    const run = (script, args) => ask('POST', `/session/${sessionId}/execute/async`, { script, args });
    await until('measured calls', async () => ((await run(READY, [])) === true ? true : null));
    const { recording, error } = await run(ASK, [SUBJECT, KEY]);
    await ask('DELETE', `/session/${sessionId}`);
    if (recording === undefined) throw new Error(`the app refused: ${error}`);
    const file = join(import.meta.dirname, '../src/host/recorded/demo.json');
    await writeFile(file, `${JSON.stringify(recording, null, 1).replaceAll(home, '~')}\n`);
    console.log(`recorded into ${file}`);
  } finally {
    const ended = new Promise((end) => driver.once('exit', end));
    driver.kill();
    await ended;
    await rm(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

await main();
