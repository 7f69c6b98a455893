/** Every screen over the recorded shop: found by role and name, as a person with a screen reader finds it. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, settled, type Look } from './browser';
import { plan, shop } from './shop';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(async () => {
  await browser.stop();
});

/** Opens, looks, and asks that the page complained of nothing. */
async function visit(look: Look, act: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.open(look);
  try {
    await act(page);
    expect(page.complaints).toEqual([]);
  } finally {
    await page.close();
  }
}

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
const screen = (page: Page, name: string) => page.getByRole('navigation', { name: 'Screens' }).getByRole('button', { name }).click();
const inspector = (page: Page, name: string) => page.getByRole('complementary', { name: `Inspector: ${name}` });
const drawn = (page: Page) => page.locator('canvas[role=img]');
const calls = (page: Page, name: string) =>
  page.evaluate((name) => window.host.calls.filter((call) => call.name === name).map(({ args }) => args), name);

describe('the first screen', () => {
  test('lists what was found, says why the rest is not offered, and connects with one click', () =>
    visit({ recording: 'first-look' }, async (page) => {
      await page.getByRole('heading', { name: 'Found on this computer' }).waitFor();
      const found = page.getByRole('list', { name: 'Answering' }).getByRole('listitem');
      expect(await found.count()).toBe(1);
      expect(await page.getByText('connection refused by 10.8.0.4:8500').isVisible()).toBe(true);
      expect(await page.getByText('Kubernetes comes next').isVisible()).toBe(true);
      await found.getByRole('button', { name: 'Connect' }).click();
      await drawn(page).waitFor();
      expect(await calls(page, 'connect')).toEqual([{ spec: 'consul=http://127.0.0.1:8500', token: null, remember: false }]);
    }));

  test('a profile is one click away, and a broken one says what is wrong with it', () =>
    visit({ recording: 'first-look' }, async (page) => {
      const profiles = page.getByRole('list', { name: 'Profiles' });
      const broken = profiles.getByRole('listitem', { name: 'Profile shop-test' });
      expect(await broken.getByText('there is no key `adress` here').isVisible()).toBe(true);
      expect(await broken.getByRole('button').count()).toBe(0);
      const prod = profiles.getByRole('listitem', { name: 'Profile shop-prod' });
      expect(await prod.getByText('profile · 2 sources · read-only').isVisible()).toBe(true);
      await prod.getByRole('button', { name: 'Open' }).click();
      await drawn(page).waitFor();
      expect(await calls(page, 'open_profile')).toEqual([{ name: 'shop-prod' }]);
      const banner = page.getByRole('banner');
      expect(await banner.getByText('shop-prod').isVisible()).toBe(true);
      expect(await banner.getByText('read-only').isVisible()).toBe(true);
    }));

  test('the demo fleet is one click away', () =>
    visit({ recording: 'first-look' }, async (page) => {
      await button(page, 'Start the demo fleet').click();
      await drawn(page).waitFor();
      expect(await page.getByRole('banner').getByText('demo fleet').isVisible()).toBe(true);
    }));

  test('has no button of a screen that does not exist', () =>
    visit({ recording: 'first-look' }, async (page) => {
      const names = await page.getByRole('navigation', { name: 'Screens' }).getByRole('button').allInnerTexts();
      expect(names.map((name) => name.trim())).toEqual(['Topology', 'Services', 'Health', 'Breakers', 'Config', 'Disagreements', 'Sources']);
    }));
});

describe('alerts', () => {
  test('firing is told apart from pending, and each opens the service that it speaks of', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Health, 1 thing to look at');
      await button(page, 'Alerts 1 firing · 1 pending').click();
      const rows = page.getByRole('grid', { name: 'Alerts' }).getByRole('row');
      await rows.filter({ hasText: 'DiskFillsUp' }).getByText('pending').waitFor();
      expect(await rows.filter({ hasText: 'DiskFillsUp' }).getByText('none that is known').isVisible()).toBe(true);
      await rows.filter({ hasText: 'PaymentsErrors' }).dblclick();
      await inspector(page, 'payments').waitFor();
    }));
});

describe('the log of a pod', () => {
  const open = async (page: Page) => {
    await screen(page, 'Services');
    await page.getByRole('grid', { name: 'Services' }).getByRole('row', { name: /^payments/ }).dblclick();
    await inspector(page, 'payments').getByRole('button', { name: 'Log of payments-10.42.7.58:8080' }).click();
    return page.getByRole('dialog', { name: 'Log of pay/payments-2' });
  };

  test('is shown from its end, is filtered, and says that it ended', () =>
    visit({ recording: 'shop' }, async (page) => {
      const dialog = await open(page);
      await dialog.getByText('the last word').waitFor();
      expect(await dialog.getByText('GET /pay 200 0', { exact: true }).count()).toBe(0);
      expect(await dialog.getByRole('status').innerText()).toContain('301 lines');
      await page.keyboard.press('/');
      await page.keyboard.type('ACQUIRER');
      await dialog.getByText('acquirer').waitFor();
      expect(await dialog.getByRole('status').innerText()).toMatch(/1 of 301 lines.*ended/s);
      expect(await calls(page, 'logs_open')).toEqual([{ instance: '10.42.7.58:8080', container: null, previous: false, tail: 500, follow: true }]);
    }));

  test('another container, its run before, and leaving are asked of the host', () =>
    visit({ recording: 'shop' }, async (page) => {
      const dialog = await open(page);
      await dialog.getByText('the last word').waitFor();
      await dialog.getByRole('combobox').selectOption('proxy');
      await expect.poll(() => calls(page, 'logs_open')).toHaveLength(2);
      expect((await calls(page, 'logs_open'))[1]).toMatchObject({ container: 'proxy', previous: false });
      expect(await dialog.getByText('app was not started anew: there is no run before this one.').isVisible()).toBe(true);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }));
});

describe('disagreements', () => {
  test('shows both claims side by side with their ages, and what was compared', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Disagreements, 2 things to look at');
      const cards = page.getByRole('list', { name: 'Disagreements' });
      const zombie = cards.getByRole('listitem', { name: 'Zombie registration: catalog-7c4b' });
      const claims = zombie.getByRole('list', { name: 'Claims' }).getByRole('listitem');
      expect(await claims.count()).toBe(2);
      expect(await claims.nth(0).getByText('catalog-7c4b at 10.42.3.77:8080, passing').isVisible()).toBe(true);
      expect(await claims.nth(1).getByText('says so by its silence').isVisible()).toBe(true);
      expect(await page.getByText('consul dc2 is failing: what is old contradicts nothing.').isVisible()).toBe(true);
      await button(page, /^Zombie registration/).click();
      expect(await cards.getByText('pay/payments-2').count()).toBe(0);
    }));

  test('the zombie is deregistered by the guarded plan', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Disagreements, 2 things to look at');
      await button(page, 'Deregister…').click();
      await expect.poll(() => calls(page, 'deregister_plan')).toEqual([{ source: 'consul:dc1', instance: 'consul:dc1/n1/catalog-7c4b' }]);
    }));

  test('arrows go from card to card, and Enter opens the service', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Disagreements, 2 things to look at');
      const card = (name: string) => page.getByRole('listitem', { name });
      await card('Zombie registration: catalog-7c4b').focus();
      await page.keyboard.press('ArrowDown');
      expect(await card('Ready but failing: pay/payments-2').evaluate((element) => element === document.activeElement)).toBe(true);
      await page.keyboard.press('Enter');
      await inspector(page, 'payments').waitFor();
    }));
});

describe('topology', () => {
  test('draws, says in words what it shows, and is the same as a table by T', () =>
    visit({}, async (page) => {
      await page.getByRole('img', { name: /^Topology: 31 services in 7 groups, 1 critical, 2 warning/ }).waitFor();
      expect(await page.getByText('31 services · 17 shown · 14 folded').isVisible()).toBe(true);
      const grid = page.getByRole('grid', { name: 'Services' });
      expect(await grid.getAttribute('aria-rowcount')).toBe('19');
      expect(await grid.getByRole('row', { name: /^payments, critical 3m 08s, 1 of 3, 96\/s, 31.4 % errors/ }).count()).toBe(1);
      await page.keyboard.press('t');
      await button(page, 'Table').and(page.locator('[aria-pressed=true]')).waitFor();
      expect(await grid.getByRole('row', { name: /^payments/ }).isVisible()).toBe(true);
    }));

  test('a click on a card opens the inspector, Escape closes it', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      await expect.poll(() => drawn(page).getAttribute('data-level')).toBe('full');
      const canvas = await drawn(page).boundingBox();
      if (canvas === null) throw new Error('nothing is drawn');
      // The shop is centred at zoom 1, left of the panel: payments' card stands where the recording puts it.
      const at = await page.evaluate(() => {
        const [left, right, top, bottom] = [12, 1016, 68, 632];
        return { dx: 720 - (left + right) / 2, dy: 370 - (top + bottom) / 2 };
      });
      const legend = 108;
      const toolbar = 52;
      const panel = 336;
      await page.mouse.click(canvas.x + (canvas.width - panel) / 2 + at.dx, canvas.y + toolbar + (canvas.height - toolbar - legend) / 2 + at.dy);
      await inspector(page, 'payments').waitFor();
      await page.keyboard.press('Escape');
      await inspector(page, 'payments').waitFor({ state: 'detached' });
    }));

  test('zooms by keys and buttons, and fits again', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      await page.getByText('100%').waitFor();
      await page.keyboard.press('-');
      await page.getByText('80%').waitFor();
      await expect.poll(() => drawn(page).getAttribute('data-level')).toBe('compact');
      await button(page, 'Zoom in').click();
      await button(page, 'Zoom in').click();
      await page.getByText('125%').waitFor();
      await page.keyboard.press('f');
      await page.getByText('100%').waitFor();
    }));

  test('the camera shows all again while a new source settles, until the person moves it', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      await page.getByText('100%').waitFor();
      const spread = (number: number, by: number) =>
        page.evaluate(
          ([number, by, boxes, head]) => {
            window.host.lay({ number, boxes: boxes.map(([x, y, w, h]) => [x * by, y * by, w, h] as const) });
            window.host.play({ view: 'topology', head: { ...(head as object), layout: number } });
          },
          [number, by, shop().layout.boxes, shop().views.topology?.head] as const,
        );
      await spread(4, 2);
      await page.getByText('100%').waitFor({ state: 'detached' });
      const fitted = await page.locator('.zoom').innerText();
      await page.keyboard.press('+');
      await expect.poll(() => page.locator('.zoom').innerText()).not.toBe(fitted);
      const chosen = await page.locator('.zoom').innerText();
      await spread(5, 4);
      await settled(page);
      expect(await page.locator('.zoom').innerText()).toBe(chosen);
    }));

  test('what nobody moved is shown whole in a window of another size too', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      await page.getByText('100%').waitFor();
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByText('100%').waitFor({ state: 'detached' });
      await page.keyboard.press('+');
      const chosen = await page.locator('.zoom').innerText();
      await page.setViewportSize({ width: 1920, height: 1080 });
      await settled(page);
      expect(await page.locator('.zoom').innerText()).toBe(chosen);
    }));

  test('the camera stands where it was left when one comes back', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      await page.keyboard.press('-');
      await page.getByText('80%').waitFor();
      await screen(page, 'Services');
      await screen(page, 'Topology');
      await page.getByText('80%').waitFor();
      await page.keyboard.press('f');
      await page.getByText('100%').waitFor();
    }));

  test('what is wrong stands beside the picture, and where there is no room behind a button', () =>
    visit({ width: 1280, height: 800 }, async (page) => {
      const panel = page.getByRole('region', { name: 'What is wrong now' });
      await button(page, /^What is wrong now: 3 causes/).click();
      await panel.getByText('payments is critical').waitFor();
      await page.setViewportSize({ width: 1920, height: 1080 });
      await button(page, /^What is wrong now/).waitFor({ state: 'detached' });
      await panel.getByText('payments is critical').click();
      await inspector(page, 'payments').waitFor();
      await panel.waitFor({ state: 'detached' });
    }));

  test('draws nothing while nothing changes', () =>
    visit({}, async (page) => {
      await settled(page);
      const before = Number(await drawn(page).getAttribute('data-drawn'));
      for (let i = 0; i < 20; i += 1) await settled(page);
      // The clock of a recording moves on once a second; forty frames hold at most a few of its ticks.
      expect(Number(await drawn(page).getAttribute('data-drawn')) - before).toBeLessThanOrEqual(4);
    }));

  test('the filter dims what does not match, says how much, and Escape clears it', () =>
    visit({}, async (page) => {
      await page.getByRole('searchbox', { name: 'Filter' }).fill('health:critical');
      await page.keyboard.press('Enter');
      await page.getByText('17 services are dimmed by the filter.').waitFor();
      await page.keyboard.press('Escape');
      await page.getByText('dimmed by the filter').waitFor({ state: 'detached' });
    }));

  test('a field that does not exist is said', () =>
    visit({}, async (page) => {
      await page.getByRole('searchbox', { name: 'Filter' }).fill('colour:red');
      await page.getByRole('alert').getByText('“colour:” is not a field').waitFor();
    }));

  test('two thousand services are dots, and the worst have names', () =>
    visit({ recording: 'crowd', width: 1920, height: 1080 }, async (page) => {
      await expect.poll(() => drawn(page).getAttribute('data-level')).toBe('disc');
      await page.getByRole('img', { name: /^Topology: 2 ?000 services/ }).waitFor();
    }));

  test('a folded group unfolds by Enter', () =>
    visit({}, async (page) => {
      await drawn(page).focus();
      await page.keyboard.press('ArrowRight');
      await expect.poll(() => drawn(page).getAttribute('data-id')).toBe('payments');
      for (const key of ['ArrowLeft', 'ArrowLeft']) await page.keyboard.press(key);
      await expect
        .poll(async () => {
          const here = await drawn(page).getAttribute('data-id');
          if (here !== 'platform') await page.keyboard.press('ArrowDown');
          return here;
        })
        .toBe('platform');
      await page.keyboard.press('Enter');
      await expect.poll(() => calls(page, 'fold')).toEqual([{ group: 'platform', folded: false }]);
    }));
});

describe('tables', () => {
  test('services: worst first, sorted by a click and by S', () =>
    visit({}, async (page) => {
      await screen(page, 'Services');
      const grid = page.getByRole('grid', { name: 'Services' });
      const first = () => grid.getByRole('row').nth(1).innerText();
      expect(await first()).toContain('payments');
      await grid.getByRole('columnheader', { name: 'calls /s' }).getByRole('button').click();
      expect(await grid.getByRole('columnheader', { name: 'calls /s' }).getAttribute('aria-sort')).toBe('descending');
      expect(await first()).toContain('postgres');
      await grid.focus();
      await page.keyboard.press('s');
      expect(await grid.getByRole('columnheader', { name: 'errors' }).getAttribute('aria-sort')).toBe('descending');
      expect(await first()).toContain('payments');
    }));

  test('services: a filter without a match says what it hides', () =>
    visit({}, async (page) => {
      await screen(page, 'Services');
      await page.getByRole('searchbox', { name: 'Filter' }).fill('ns:nowhere');
      await page.getByRole('grid').getByText('18 services are hidden by the filter').waitFor();
    }));

  test('a change that comes while one looks changes the row in place', () =>
    visit({}, async (page) => {
      await screen(page, 'Services');
      const row = page.getByRole('row').filter({ hasText: 'search' });
      await row.getByText('passing').waitFor();
      await page.evaluate(() => {
        const change = { key: 'search', health: 'critical', passing: 1, since: { at: window.host.now() - 3000, seen_changing: true } };
        window.host.play({ view: 'services', put: [change] });
      });
      await row.getByText('critical').waitFor();
      await page.getByRole('row', { name: /^search, critical 3 s, 1 of 2/ }).waitFor();
      expect(await page.getByRole('grid', { name: 'Services' }).getByRole('row').filter({ hasText: /critical/ }).count()).toBe(2);
    }));

  test('health: causes first, then every check that does not pass', () =>
    visit({}, async (page) => {
      await screen(page, 'Health');
      const causes = page.getByRole('list', { name: 'Causes' }).getByRole('listitem');
      expect(await causes.first().innerText()).toContain('payments is critical');
      expect(await page.getByRole('grid', { name: 'Checks that do not pass' }).getByRole('row').count()).toBe(3);
      await causes.first().getByRole('button').click();
      await inspector(page, 'payments').waitFor();
    }));

  test('breakers: worst first, no value is not zero, kinds can be chosen', () =>
    visit({}, async (page) => {
      await screen(page, 'Breakers');
      const rows = page.getByRole('grid', { name: 'Breakers' }).getByRole('row');
      expect(await rows.nth(1).innerText()).toContain('open 2m 14s');
      expect(await rows.filter({ hasText: 'forced open' }).getByRole('gridcell').nth(5).innerText()).toBe('–');
      expect(await rows.filter({ hasText: 'closed' }).first().getByRole('gridcell').nth(5).innerText()).toBe('0.0');
      await button(page, 'capacity').click();
      await page.getByText('7 breakers are hidden by the filter or the kind').waitFor();
    }));

  test('breakers: what the server kept stands before what this window saw', () =>
    visit({}, async (page) => {
      await screen(page, 'Breakers');
      await page.evaluate(() => {
        const [now, step] = [window.host.now(), 15_000];
        const at = [...Array(121).keys()].map((i) => now - (120 - i) * step);
        const [start, opened, end] = [at[0] ?? 0, at[60] ?? 0, at[120] ?? 0];
        const runs = [{ from: start, to: opened, state: 'closed' as const }, { from: opened, to: end, state: 'open' as const }];
        const result = {
          source: 'prometheus:p', name: 'prometheus p', courses: [{ process: 'gone:8080', runs }], step_ms: step, queries: [], missing: [],
          rejected: at.map((at, i) => ({ at, rejected_per_s: i < 60 ? 0 : 118 })),
          calls: at.map((at, i) => ({ at, rps: 60, error_ratio: i < 60 ? 0.01 : 0.4, p95_ms: null })),
        };
        window.host.answerWith({ command: 'breaker_history', result });
        window.host.answerWith({ command: 'history_close' });
        window.host.play({ view: 'breakers', put: [{ key: 'b-open-checkout>payments', history: 'prometheus p' }] });
      });
      await page.getByRole('row', { name: /^checkout to payments/ }).click();
      const panel = page.getByRole('region', { name: 'Breaker checkout to payments' });
      await panel.getByText('before this window from prometheus p').waitFor();
      expect(await panel.getByRole('img', { name: 'refused calls per second' }).locator('path[fill=none]').count()).toBe(1);
      expect(await panel.getByRole('img', { name: 'ratio of failed calls' }).locator('path[fill=none]').count()).toBe(1);
      await panel.getByRole('img', { name: 'gone:8080: closed, then open' }).waitFor();
      expect(await calls(page, 'breaker_history')).toMatchObject([{ subject: { kind: 'breaker', id: 'b-open-checkout>payments' }, reach_s: 1800 }]);
    }));

  test('sources: state, code, hint and the next try are said', () =>
    visit({}, async (page) => {
      await screen(page, 'Sources');
      const failing = page.getByRole('listitem', { name: 'consul dc2' });
      for (const text of ['connection refused by 10.8.0.4:8500', 'consul.unreachable', 'Trying again in 12 s', 'consul.acl_denied']) {
        expect(await failing.innerText().then((said) => said.replace(/\u202f/g, ' '))).toContain(text);
      }
      await failing.getByRole('button', { name: 'Try now' }).click();
      expect(await calls(page, 'try_now')).toEqual([{ source: 'consul:dc2' }]);
      await failing.getByRole('button', { name: 'Disconnect' }).click();
      expect(await calls(page, 'disconnect')).toEqual([{ spec: 'consul=http://127.0.0.1:8500' }]);
    }));
});

describe('what was measured', () => {
  test('is a line as far back as this window watched, on the axis of the timeline', () =>
    visit({}, async (page) => {
      await page.keyboard.press('j');
      const signals = inspector(page, 'payments').getByRole('region', { name: 'Signals' });
      await signals.getByText('last 30m, watched from now on').waitFor();
      for (const watched of ['10', '20']) {
        await page.evaluate(() => window.host.advance(10_000));
        await signals.getByText(`watched here for ${watched}`).waitFor();
      }
      const line = signals.getByRole('img', { name: 'errors in the last 30m' }).locator('path[fill=none]');
      expect((await line.getAttribute('d'))?.split('L').length).toBeGreaterThanOrEqual(3);
      await page.getByRole('group', { name: 'Span of the timeline' }).getByRole('button', { name: '5m', exact: true }).click();
      await signals.getByRole('img', { name: 'errors in the last 5m' }).waitFor();
    }));

  test('is a line from the server that keeps it, with its gap, and in words', () =>
    visit({}, async (page) => {
      await page.evaluate(() => {
        const [now, step] = [window.host.now(), 15_000];
        const rates = [...Array(121).keys()].map((i) => (i >= 40 && i < 50 ? null : 60 + (i % 20)));
        const points = rates.map((rps, i) => ({ at: now - (120 - i) * step, rps, error_ratio: rps === null ? null : 0.02, p95_ms: null }));
        const missing = [{ code: 'prometheus.incomplete', message: 'a store did not answer', hint: '', source: 'prometheus:p' }];
        window.host.answerWith({ command: 'history', result: { source: 'prometheus:p', name: 'prometheus p', points, step_ms: step, window_ms: 60_000, processes: 3, queries: [], missing } });
        window.host.answerWith({ command: 'history_close' });
        window.host.play({ view: 'inspector', subject: { kind: 'service', id: 'payments' }, put: [{ key: 'signals', history: 'prometheus:p' }] });
      });
      await page.keyboard.press('j');
      const signals = inspector(page, 'payments').getByRole('region', { name: 'Signals' });
      await signals.getByText('last 30m from prometheus p').waitFor();
      const rate = signals.getByRole('img', { name: 'rate in the last 30m, from prometheus p: lowest 60/s, highest 96/s, now 96/s, with one gap' });
      expect(await rate.locator('path[fill=none]').count()).toBe(2);
      await signals.getByText('Not whole: a store did not answer').waitFor();
      expect(await calls(page, 'history')).toMatchObject([{ subject: { kind: 'service', id: 'payments' }, reach_s: 1800 }]);
    }));

  test('a history that does not come is told and can be asked again', () =>
    visit({}, async (page) => {
      await page.evaluate(() => {
        window.host.answerWith({ command: 'history', failure: { code: 'prometheus.timed_out', message: 'no whole answer within 10 s', hint: 'The question was taken back.', source: 'prometheus:p' } });
        window.host.play({ view: 'inspector', subject: { kind: 'service', id: 'payments' }, put: [{ key: 'signals', history: 'prometheus:p' }] });
      });
      await page.keyboard.press('j');
      const signals = inspector(page, 'payments').getByRole('region', { name: 'Signals' });
      await signals.getByText('No history from prometheus:p: no whole answer within 10 s').waitFor();
      await signals.getByRole('button', { name: 'Ask again' }).click();
      await page.waitForFunction(() => window.host.calls.filter(({ name }) => name === 'history').length === 2);
    }));

  test('a breaker shows what it was: a word for each state', () =>
    visit({}, async (page) => {
      await screen(page, 'Breakers');
      await page.getByRole('row', { name: /^catalog to inventory/ }).getByRole('img', { name: 'closed, then open, then closed' }).waitFor();
      await page.getByRole('row', { name: /^checkout to payments/ }).getByRole('img', { name: 'closed, then open' }).waitFor();
    }));
});

describe('a breaker switched by hand', () => {
  test('is planned with the request and the way back, and then switched, by the keyboard alone', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Breakers');
      await page.getByRole('row', { name: /^checkout to shipping/ }).click();
      await page.keyboard.press('Enter');
      await inspector(page, 'checkout → shipping').getByRole('button', { name: 'Close…' }).focus();
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Close shipping' });
      await dialog.getByText('FORCED_OPEN').waitFor();
      expect(await dialog.getByText('/actuator/circuitbreakers/shipping').isVisible()).toBe(true);
      expect(await dialog.getByText('Undo forces it open again.').isVisible()).toBe(true);
      await dialog.getByRole('textbox', { name: 'Why, for the audit' }).fill('the stock is counted');
      await dialog.getByRole('button', { name: 'Close it' }).focus();
      await page.keyboard.press('Enter');
      await dialog.getByRole('status').getByText('The system says the same.').waitFor();
      expect(await calls(page, 'switch_apply')).toEqual([{ plan: 's1', why: 'the stock is counted' }]);
    }));

  test('is not offered where its source can only be read, and says why', () =>
    visit({ recording: 'shop' }, async (page) => {
      await screen(page, 'Breakers');
      await page.getByRole('row', { name: /^checkout to payments/ }).click();
      await page.keyboard.press('Enter');
      for (const name of ['Force open…', 'Disable…', 'Close…']) {
        const offered = inspector(page, 'checkout → payments').getByRole('button', { name });
        expect(await offered.getAttribute('aria-disabled')).toBe('true');
        const why = await offered.getAttribute('aria-describedby');
        expect(await page.locator(`[id="${why}"]`).innerText()).toContain('a Hystrix stream can only be read');
      }
      expect(await page.getByText('a Hystrix stream can only be read').count()).toBe(1);
      expect(await calls(page, 'switch_plan')).toEqual([]);
    }));
});

describe('config', () => {
  const RETRY = 'payments/acquirer/retry.yaml';
  const GUARD = 'cas = 48190';
  const opened = async (page: Page) => {
    await screen(page, 'Config');
    await page.getByRole('searchbox', { name: 'Search keys' }).fill('retry');
    await page.getByRole('treeitem', { name: RETRY }).click();
    return page.getByRole('textbox', { name: `Value of ${RETRY}` });
  };
  const planned = async (page: Page) => {
    const editor = await opened(page);
    await page.evaluate((result) => window.host.answerWith({ command: 'config_plan', result }), { kind: 'ready', plan: plan(RETRY, 'attempts: 5', 'attempts: 2', GUARD) });
    await editor.fill('attempts: 2\n');
    await page.keyboard.press('Control+Enter');
    const panel = page.getByRole('complementary', { name: 'Plan' });
    await panel.getByText(GUARD, { exact: true }).waitFor();
    return panel;
  };

  test('the letters under the field are the letters in it, in their colours', () =>
    visit({}, async (page) => {
      const editor = await opened(page);
      const drawn = page.locator('.sheet .text');
      expect(await drawn.allTextContents()).toEqual((await editor.inputValue()).split('\n'));
      await editor.fill('a: 1 # <b>');
      await expect.poll(() => drawn.allTextContents()).toEqual(['a: 1 # <b>']);
      expect(await drawn.locator('span').evaluateAll((spans) => spans.map(({ className }) => className.split(' ')[0]))).toEqual(['key', 'number', 'comment']);
    }));

  test('after a search the tree shows the open key where it lives', () =>
    visit({}, async (page) => {
      await opened(page);
      await page.getByRole('searchbox', { name: 'Search keys' }).fill('');
      await page.getByRole('treeitem', { name: 'retry.yaml', selected: true }).and(page.locator('[aria-level="4"]')).waitFor();
    }));

  test('the plan is also a line for a terminal, which holds the guard and not the value', () =>
    visit({}, async (page) => {
      const panel = await planned(page);
      await panel.getByText(`config set consul:dc1/kv/${RETRY} --value-file - --expect 48190`).waitFor();
      await panel.getByRole('button', { name: 'Copy as CLI' }).click();
      await page.getByRole('status', { name: 'What was done' }).getByText(/Copied|does not let/).waitFor();
    }));

  test('before and after stand side by side where there is room for both', () =>
    visit({ width: 1920, height: 1080 }, async (page) => {
      const panel = await planned(page);
      await panel.getByRole('button', { name: 'Side by side' }).click();
      const lines = panel.getByRole('figure').locator('.line');
      await expect.poll(() => lines.count()).toBe(2);
      const [before, after] = await lines.evaluateAll((all) => all.map((line) => line.getBoundingClientRect()).map(({ x, y }) => ({ x, y })));
      expect(before?.y).toBe(after?.y);
      await page.setViewportSize({ width: 1280, height: 800 });
      await button(page, 'Side by side').waitFor({ state: 'detached' });
    }));
});

describe('a token', () => {
  test('is entered for a source that is denied something, sent once, and left nowhere on the page', () =>
    visit({}, async (page) => {
      await page.evaluate(() => window.host.answerWith({ command: 'connect' }));
      await screen(page, 'Sources');
      const denied = page.getByRole('listitem', { name: 'consul dc2' });
      expect(await denied.getByText('none: anonymous').isVisible()).toBe(true);
      await denied.getByRole('button', { name: 'Enter a token…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Enter a token' });
      const field = dialog.getByLabel('ACL token');
      expect(await field.getAttribute('type')).toBe('password');
      await field.press('Enter');
      expect(await calls(page, 'connect')).toEqual([]);
      await field.fill('s3cret-token');
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      expect(await calls(page, 'connect')).toMatchObject([{ spec: 'consul=http://127.0.0.1:8500', token: 's3cret-token' }]);
      expect(await page.content()).not.toContain('s3cret-token');
      await denied.getByRole('button', { name: 'Enter a token…' }).click();
      expect(await field.inputValue()).toBe('');
    }));

  test('goes with an address that is added by hand, and only where one is sent', () =>
    visit({ recording: 'first-look' }, async (page) => {
      await button(page, 'Add a source by address…').click();
      const dialog = page.getByRole('dialog', { name: 'Add a source by address' });
      await dialog.getByLabel('ACL token').fill('s3cret-token');
      await dialog.getByLabel('Address').fill('https://consul.example:8501');
      await dialog.getByRole('button', { name: 'Connect' }).click();
      await dialog.waitFor({ state: 'detached' });
      expect(await calls(page, 'connect')).toMatchObject([{ spec: 'consul=https://consul.example:8501', token: 's3cret-token' }]);
    }));

  test('is remembered only where the keyring works, and can be forgotten', () =>
    visit({}, async (page) => {
      await page.evaluate(() => {
        window.host.answerWith({ command: 'connect' });
        window.host.answerWith({ command: 'forget_token' });
        window.host.answerWith({ command: 'remember_offer', result: { possible: true, reason: '' } });
        window.host.answerWith({ command: 'remember_offer', once: true, result: { possible: false, reason: 'the keyring is locked. Unlock it.' } });
      });
      await screen(page, 'Sources');
      const enter = page.getByRole('listitem', { name: 'consul dc2' }).getByRole('button', { name: 'Enter a token…' });
      await enter.click();
      const dialog = page.getByRole('dialog', { name: 'Enter a token' });
      const box = dialog.getByRole('checkbox', { name: /keyring/ });
      await dialog.getByText('the keyring is locked. Unlock it.').waitFor();
      expect(await box.isDisabled()).toBe(true);
      await page.keyboard.press('Escape');
      await enter.click();
      await expect.poll(() => box.isEnabled()).toBe(true);
      await box.check();
      await dialog.getByLabel('ACL token').fill('s3cret-token');
      await dialog.getByRole('button', { name: 'Connect with it' }).click();
      await dialog.waitFor({ state: 'detached' });
      expect(await calls(page, 'remember_offer')).toEqual(Array(2).fill({ spec: 'consul=http://127.0.0.1:8500' }));
      expect(await calls(page, 'connect')).toEqual([{ spec: 'consul=http://127.0.0.1:8500', token: 's3cret-token', remember: true }]);
      await page.evaluate(() => {
        const head = { connections: [{ spec: 'consul=http://127.0.0.1:8500', profile: 'shop-prod', found: null, read_only: null, token: 'from the keyring', wants_token: false, remembered: true, sources: ['consul:dc1', 'consul:dc2'], requests: 1, failures: 0, bytes: 1, last_answer: null, inside: [], inside_fault: null }], kinds: ['consul'], demo: false };
        window.host.play({ view: 'sources', head });
      });
      await page.getByRole('listitem', { name: 'consul dc1' }).getByRole('button', { name: 'Forget the token' }).click();
      expect(await calls(page, 'forget_token')).toEqual([{ spec: 'consul=http://127.0.0.1:8500' }]);
    }));

  test('is not asked for where none would be sent', () =>
    visit({}, async (page) => {
      await screen(page, 'Sources');
      await button(page, 'Add a source by address…').click();
      const dialog = page.getByRole('dialog', { name: 'Add a source by address' });
      await dialog.getByLabel('Kind').selectOption('scrape');
      await dialog.getByLabel('ACL token').waitFor({ state: 'detached' });
    }));
});

describe('what is inside a cluster', () => {
  test('is listed with what became of it, and what is left out can be connected', () =>
    visit({}, async (page) => {
      await screen(page, 'Sources');
      await page.evaluate(() => {
        const consul = { title: 'Consul 1.22.7', service: 'consul/consul-server:http', by: 'label app=consul', way: 'service proxy', spec: null, note: 'connected', connected: true };
        const off = { title: 'Prometheus 3.16.0', service: 'monitoring/prometheus-server:http', by: 'name', way: 'service proxy', spec: 'prometheus=kube://minikube/monitoring/prometheus-server:http', note: 'it was turned off', connected: false };
        const other = { title: 'Grafana', service: 'monitoring/grafana:80', by: 'name', way: '', spec: null, note: 'Grafana is not read by this version', connected: false };
        const head = { connections: [{ spec: 'consul=http://127.0.0.1:8500', profile: 'this computer', found: null, read_only: null, token: null, wants_token: false, remembered: false, sources: ['consul:dc1'], requests: 1, failures: 0, bytes: 1, last_answer: null, inside: [consul, off, other], inside_fault: null }], kinds: ['consul'], demo: false };
        window.host.play({ view: 'sources', head });
      });
      const inside = page.getByRole('list', { name: 'Found inside consul dc1' });
      expect(await inside.getByRole('listitem').allInnerTexts()).toEqual([
        expect.stringContaining('connected'), expect.stringContaining('it was turned off'), expect.stringContaining('not read by this version'),
      ]);
      await inside.getByRole('button').click();
      expect(await calls(page, 'connect')).toEqual([{ spec: 'prometheus=kube://minikube/monitoring/prometheus-server:http', token: null, remember: false }]);
    }));
});

describe('hostile text', () => {
  test('is text, whatever it holds', () =>
    visit({}, async (page) => {
      await screen(page, 'Services');
      await page.evaluate(() => {
        const name = '<img src=x onerror="document.title=1">{@html}';
        window.host.play({ view: 'services', put: [{ key: 'search', name, worst_output: '<script>document.title=2</script>' }] });
      });
      await page.getByText('<img src=x onerror="document.title=1">').waitFor();
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.title()).toBe('Binnacle over a recording');
    }));
});

describe('every screen at every size and theme', () => {
  const sizes = [[1280, 800], [1920, 1080], [1024, 640]] as const;
  for (const [width, height] of sizes) {
    for (const scheme of ['dark', 'light'] as const) {
      test(`${width} × ${height}, ${scheme}: nothing runs out of the window`, () =>
        visit({ width, height, scheme }, async (page) => {
          expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe(scheme);
          for (const name of ['Topology', 'Services', 'Health', 'Breakers', 'Config', 'Disagreements', 'Sources']) {
            await screen(page, name);
            await settled(page);
            const over = await page.evaluate(() => {
              const buttons = [...document.querySelectorAll('button, input, h1, h2')].filter((element) => element.getClientRects().length > 0);
              const hidden = (element: Element) => element.closest('.unseen, [role=row], .scroll, .live') !== null;
              return buttons.filter((element) => !hidden(element) && element.getBoundingClientRect().right > innerWidth + 1).map((element) => element.textContent);
            });
            expect([name, ...over]).toEqual([name]);
            const small = await page.evaluate(() =>
              [...document.querySelectorAll('button')]
                .filter((element) => element.getClientRects().length > 0 && element.closest('[role=row], p, .unseen') === null)
                .filter((element) => { const { width, height } = element.getBoundingClientRect(); return width < 23.5 || height < 23.5; })
                .map((element) => `${element.getAttribute('aria-label') ?? element.textContent}`),
            );
            expect([name, ...small]).toEqual([name]);
          }
        }));
    }
  }

  test('every control has a name', () =>
    visit({}, async (page) => {
      for (const name of ['Topology', 'Services', 'Health', 'Breakers', 'Config', 'Disagreements', 'Sources']) {
        await screen(page, name);
        const nameless = await page.evaluate(() => {
          const nameOf = (element: Element) => element.getAttribute('aria-label') ?? element.getAttribute('aria-labelledby') ?? (element as HTMLInputElement).labels?.[0]?.textContent ?? element.textContent ?? '';
          return [...document.querySelectorAll('button, input, select, textarea, [role=grid], [role=tree], [role=img]')].filter((element) => nameOf(element).trim() === '').map((element) => element.outerHTML.slice(0, 120));
        });
        expect([name, ...nameless]).toEqual([name]);
      }
    }));
});
