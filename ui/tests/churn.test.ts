/** Hours of changes: what changes nothing costs nothing, and what went away is kept by nobody. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { View } from '../src/host/contract/types';
import { Browser, settled } from './browser';

declare global {
  interface Window {
    /** The rows that came and went, as far as they are still in the page's heap. */
    passers: WeakRef<object>[];
  }
}

/** Rows that come and go. */
const PASSERS = 60;

let browser: Browser;
beforeAll(async () => {
  // The page as it ships: for its warnings Svelte keeps more.
  vi.stubEnv('NODE_ENV', 'production');
  browser = await Browser.start();
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await browser.stop();
});

const drawings = (page: Page) => page.locator('canvas[role=img]').evaluate((canvas) => Number((canvas as HTMLCanvasElement).dataset['drawn']));

test('a change that is in nothing that is drawn draws nothing', async () => {
  const page = await browser.open({ recording: 'crowd' });
  await page.locator('canvas[data-drawn]').waitFor();
  // The places come after the rows, and the camera after both.
  await settled(page);
  await settled(page);
  const before = await drawings(page);
  const pulled = await page.evaluate(async () => {
    const revision = window.host.servedAt('topology');
    for (let i = 0; i < 20; i += 1) {
      window.host.play({ view: 'topology' });
      await new Promise((turn) => setTimeout(turn));
    }
    return window.host.servedAt('topology') - revision;
  });
  await settled(page);
  // The window asked each time, and learned each time that nothing is new.
  expect([pulled, await drawings(page)]).toEqual([20, before]);
  await page.evaluate(() => window.host.play({ view: 'topology', put: [{ key: 'n:team-0-service-0', health: 'critical' }] }));
  await expect.poll(() => drawings(page)).toBeGreaterThan(before);
  expect(page.complaints).toEqual([]);
});

test.each<{ screen: string; views: View[] }>([
  { screen: 'Topology', views: ['topology', 'timeline', 'health'] },
  { screen: 'Services', views: ['services', 'timeline'] },
  { screen: 'Health', views: ['health'] },
  { screen: 'Breakers', views: ['breakers'] },
])('nothing on $screen keeps a row that went away', async ({ screen, views }) => {
  const page = await browser.open({ recording: 'shop', width: 1600 });
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('button', { name: screen }).click();
  await settled(page);
  for (const view of views) {
    const came = await page.evaluate(pass, { view, passers: PASSERS });
    expect([view, came]).toEqual([view, PASSERS]);
  }
  await settled(page);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('HeapProfiler.collectGarbage');
  expect(await page.evaluate(() => window.passers.filter((one) => one.deref() !== undefined).length)).toBe(0);
  expect(page.complaints).toEqual([]);
});

/** Lets rows like the first one of a view come and go, ten at a time, and says how many did. */
async function pass({ view, passers }: { view: View; passers: number }): Promise<number> {
  const turn = () => new Promise((turn) => requestAnimationFrame(turn));
  const rows = window.host.rowsOf(view);
  const [pattern] = rows;
  window.passers ??= [];
  if (pattern === undefined) return 0;
  for (let i = 0; i < passers; i += 10) {
    const some = Array.from({ length: 10 }, (_, n) => ({ ...pattern, key: `${pattern.key} ${i + n}` }));
    window.passers.push(...some.map((row) => new WeakRef(row)));
    window.host.play({ view, rows: [...rows, ...some] });
    await turn();
    window.host.play({ view, rows });
    await turn();
  }
  return passers;
}
