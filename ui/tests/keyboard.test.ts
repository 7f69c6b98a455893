/** The ways through the app by the keyboard alone: find, evidence, edit, plan, apply, conflict, undo, register. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigConflict, Merged, MergeChoice } from '../src/host/contract/types';
import type { Answer } from '../src/host/recorded';
import { Browser, settled } from './browser';
import { body, plan, value } from './shop';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(async () => {
  await browser.stop();
});

async function visit(act: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.open({ recording: 'shop' });
  try {
    await act(page);
    expect(page.complaints).toEqual([]);
  } finally {
    await page.close();
  }
}

const answer = (page: Page, answer: Answer) => page.evaluate((answer) => window.host.answerWith(answer), answer);
const calls = (page: Page, name: string) =>
  page.evaluate((name) => window.host.calls.filter((call) => call.name === name).map(({ args }) => args), name);
const press = async (page: Page, ...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const editor = (page: Page, path: string) => page.getByRole('textbox', { name: `Value of ${path}` });

const RATIO = 'fleet/payments/error_ratio';
const RETRY = 'payments/acquirer/retry.yaml';

async function openByName(page: Page, typed: string, option: string | RegExp): Promise<void> {
  await press(page, '/');
  await page.keyboard.type(typed);
  await page.getByRole('option', { name: option }).first().waitFor();
  await press(page, 'Enter');
}

describe('finding', () => {
  test('/, three letters and Enter select a service; E shows its evidence', () =>
    visit(async (page) => {
      await openByName(page, 'pay', /payments/);
      const inspector = page.getByRole('complementary', { name: 'Inspector: payments' });
      await inspector.waitFor();
      await press(page, 'e');
      const evidence = page.getByRole('dialog', { name: 'payments is critical' });
      await evidence.getByText('≠ disagrees').waitFor();
      expect(await evidence.getByText('GET /v1/health/service/payments?index=48226').isVisible()).toBe(true);
      await evidence.getByText('up, a gauge: Whether the last scrape was answered.').waitFor();
      await evidence.getByText('up is read as a counter, and declared as a gauge').waitFor();
      await press(page, 'Escape');
      await evidence.waitFor({ state: 'detached' });
      expect(await inspector.isVisible()).toBe(true);
    }));

  test('E on a fact with the focus asks for that fact', () =>
    visit(async (page) => {
      await openByName(page, 'pay', /payments/);
      await page.getByRole('button', { name: 'Joined: 2 sources by ip:port' }).focus();
      await press(page, 'e');
      await page.getByRole('dialog').waitFor();
      expect(await calls(page, 'evidence')).toEqual([{ subject: { kind: 'service', id: 'payments' }, fact: 'joined' }]);
    }));

  test('Ctrl K, "edit error ratio" opens the key', () =>
    visit(async (page) => {
      await press(page, 'Control+k');
      await page.keyboard.type('edit error ratio');
      await page.getByRole('option', { name: RATIO }).waitFor();
      await press(page, 'Enter');
      await editor(page, RATIO).waitFor();
      await page.getByRole('treeitem', { name: 'error_ratio', selected: true }).waitFor();
    }));

  test('every screen by its number, and the theme by its name', () =>
    visit(async (page) => {
      for (const [key, name] of [['2', 'Services'], ['3', 'Health'], ['4', 'Breakers'], ['5', 'Config'], ['6', 'Disagreements'], ['7', 'Sources'], ['1', 'Topology']] as const) {
        await press(page, key);
        await page.getByRole('main', { name }).waitFor();
      }
      await press(page, 'Control+k');
      await page.keyboard.type('switch the theme');
      await press(page, 'Enter');
      await expect.poll(() => calls(page, 'preferences_write')).toEqual([{ theme: 'dark' }]);
    }));

  test('J and K go through the problems', () =>
    visit(async (page) => {
      await page.getByRole('img', { name: /^Topology/ }).waitFor();
      await press(page, 'j');
      await page.getByRole('complementary', { name: /payments/ }).waitFor();
      await expect.poll(() => page.locator('canvas[role=img]').getAttribute('data-id')).toBe('payments');
    }));

  test('? lists all keys', () =>
    visit(async (page) => {
      await press(page, '?');
      await page.getByRole('dialog', { name: 'All keys' }).getByText('Plan the undo of the last edit').waitFor();
    }));
});

describe('an edit', () => {
  const applied: Answer = {
    command: 'config_apply', when: { plan: 'plan-cas = 48213' },
    result: { kind: 'applied', edit: '8', undo: { possible: true, reason: '' }, keys: [{ id: `consul:dc1/kv/${RATIO}`, version: '48219', verified: true, sentence: 'read back, version 48219' }] },
  };

  test('goes from a key to plan, apply, verified and the plan of its undo, without a mouse', () =>
    visit(async (page) => {
      await answer(page, { command: 'config_plan', result: { kind: 'ready', plan: plan(RATIO, '0.3', '0.6', 'cas = 48213') } });
      await answer(page, applied);
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).focus();
      await press(page, 'Control+a');
      await page.keyboard.type('0.6');
      await press(page, 'Control+Enter');
      const panel = page.getByRole('complementary', { name: 'Plan' });
      await panel.getByText('cas = 48213').first().waitFor();
      await panel.getByRole('figure', { name: `Difference of ${RATIO}` }).getByText('0.6').waitFor();
      expect(await calls(page, 'config_plan')).toEqual([
        { drafts: [{ id: `consul:dc1/kv/${RATIO}`, intent: { kind: 'text', text: '0.6', crlf: false }, flags: null, expect: '48213' }] },
      ]);
      expect(await calls(page, 'config_apply')).toEqual([]);
      await press(page, 'Control+Enter');
      await panel.getByText('Verified').waitFor();
      await panel.getByText('undo ready').first().waitFor();
      expect(await calls(page, 'config_apply')).toEqual([{ plan: 'plan-cas = 48213', why: '' }]);
      await press(page, 'Control+z');
      await panel.getByRole('heading', { name: /^Plan of the undo/ }).waitFor();
    }));

  test('Ctrl Z while an edit is being applied waits for it and plans the undo of that one', () =>
    visit(async (page) => {
      await answer(page, { command: 'config_plan', result: { kind: 'ready', plan: plan(RATIO, '0.3', '0.6', 'cas = 48213') } });
      await answer(page, applied);
      const release = await page.evaluateHandle(() => window.host.hold('config_apply'));
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).fill('0.6');
      await press(page, 'Control+Enter');
      await page.getByText('cas = 48213').first().waitFor();
      await press(page, 'Control+Enter', 'Control+z');
      const asked = (await calls(page, 'config_history')).length;
      await settled(page);
      expect((await calls(page, 'config_history')).length).toBe(asked);
      await release.evaluate((release) => release());
      await page.getByRole('heading', { name: /^Plan of the undo/ }).waitFor();
    }));

  test('a key that was opened has the focus in its editor, and coming back to the screen leaves it where it is', () =>
    visit(async (page) => {
      await openByName(page, 'error', RATIO);
      await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(`Value of ${RATIO}`);
      await page.getByRole('navigation', { name: 'Screens' }).getByRole('button', { name: 'Services' }).click();
      await press(page, '5');
      await editor(page, RATIO).waitFor();
      expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe('TEXTAREA');
      await press(page, '1');
      await page.getByRole('main', { name: 'Topology' }).waitFor();
    }));

  test('Escape closes the dialog on top and nothing beneath it', () =>
    visit(async (page) => {
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).fill('0.6');
      await page.getByRole('button', { name: 'New key…' }).click();
      const dialog = page.getByRole('dialog', { name: 'New key' });
      await dialog.waitFor();
      await press(page, 'Escape');
      await dialog.waitFor({ state: 'detached' });
      expect(await editor(page, RATIO).inputValue()).toBe('0.6');
    }));

  test('nothing is planned while nothing is changed', () =>
    visit(async (page) => {
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).waitFor();
      await press(page, 'Control+Enter');
      await page.getByRole('button', { name: 'Plan' }).and(page.locator('[aria-disabled=true]')).waitFor();
      expect(await calls(page, 'config_plan')).toEqual([]);
    }));

  test('a deletion asks for the name', () =>
    visit(async (page) => {
      const ready = plan(RATIO, '0.3', '', 'cas = 48213');
      await answer(page, { command: 'config_plan', result: { kind: 'ready', plan: { ...ready, keys: ready.keys.map((key) => ({ ...key, action: 'delete', after: null })) } } });
      await openByName(page, 'error', RATIO);
      await page.getByRole('button', { name: 'Delete…' }).focus();
      await press(page, 'Enter');
      const apply = page.getByRole('button', { name: /^Delete to shop-prod/ });
      await apply.waitFor();
      expect(await apply.getAttribute('aria-disabled')).toBe('true');
      await press(page, 'Control+Enter');
      expect(await calls(page, 'config_apply')).toEqual([]);
      await page.getByRole('textbox', { name: `Type ${RATIO} to delete it` }).focus();
      await page.keyboard.type(RATIO);
      await expect.poll(() => apply.getAttribute('aria-disabled')).toBeNull();
    }));

  test('a key that moves while it is edited is said at once', () =>
    visit(async (page) => {
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).focus();
      await press(page, 'Control+a');
      await page.keyboard.type('0.6');
      await page.evaluate((key) => window.host.play({ view: 'config_tree', put: [{ key, version: '48240' }] }), `k:consul:dc1/kv/${RATIO}`);
      await page.getByRole('alert').getByText('Somebody else wrote this key').waitFor();
    }));

  test('bytes that are not text are edited as bytes', () =>
    visit(async (page) => {
      await answer(page, { command: 'palette', when: { query: 'blob' }, result: [{ subject: { kind: 'config', id: 'consul:dc1/kv/shop/blob' }, title: 'shop/blob', detail: '', health: null }] });
      await answer(page, { command: 'config_plan', result: { kind: 'ready', plan: plan('shop/blob', '', '', 'cas = 77') } });
      await openByName(page, 'blob', 'shop/blob');
      await editor(page, 'shop/blob').focus();
      await press(page, 'End');
      await page.keyboard.type('aa');
      await press(page, 'Control+Enter');
      await expect.poll(() => calls(page, 'config_plan')).toEqual([
        { drafts: [{ id: 'consul:dc1/kv/shop/blob', intent: { kind: 'hex', hex: '0001fffeaa' }, flags: null, expect: '77' }] },
      ]);
    }));

  test('what the host refuses is said with its code, and the draft stays', () =>
    visit(async (page) => {
      await answer(page, { command: 'config_plan', failure: { code: 'consul.acl_denied', message: 'Your token may not write fleet/.', hint: 'Ask for key_prefix "fleet/" write.', source: 'consul:dc1' } });
      await openByName(page, 'error', RATIO);
      await editor(page, RATIO).focus();
      await press(page, 'Control+a');
      await page.keyboard.type('0.6');
      await press(page, 'Control+Enter');
      const alert = page.getByRole('alert');
      await alert.getByText('consul.acl_denied').waitFor();
      expect(await editor(page, RATIO).inputValue()).toBe('0.6');
    }));
});

describe('a conflict', () => {
  const [BASE, THEIRS, YOURS] = ['attempts: 5\nmax: 250\n', 'attempts: 3\nmax: 250\n', 'attempts: 2\nmax: 1000\n'];
  const merged = (choice: MergeChoice): Merged => ({
    open: choice === 'open' ? 1 : 0,
    text: choice === 'open' ? null : `attempts: ${choice === 'theirs' ? 3 : 2}\nmax: 1000\n`,
    chunks: [
      { kind: 'conflict', number: 0, base: ['attempts: 5'], theirs: ['attempts: 3'], yours: ['attempts: 2'], choice },
      { kind: 'taken', side: 'yours', base: ['max: 250'], lines: ['max: 1000'] },
    ],
  });
  const conflict: ConfigConflict = {
    id: `consul:dc1/kv/${RETRY}`, path: RETRY, base: body(BASE), theirs: body(THEIRS), yours: body(YOURS), base_version: '48190', theirs_version: '48240', merge: merged('open'),
  };

  async function refused(page: Page): Promise<void> {
    await answer(page, { command: 'palette', when: { query: 'retry' }, result: [{ subject: { kind: 'config', id: conflict.id }, title: RETRY, detail: '', health: null }] });
    await answer(page, { command: 'config_read', when: { id: conflict.id }, result: value(RETRY, BASE, '48190') });
    await answer(page, { command: 'config_plan', once: true, result: { kind: 'ready', plan: plan(RETRY, BASE, YOURS, 'cas = 48190') } });
    await answer(page, { command: 'config_apply', result: { kind: 'refused', sentence: 'Someone wrote this key while you edited it.', conflicts: [conflict] } });
    for (const choice of ['theirs', 'yours'] as const) await answer(page, { command: 'config_merge', when: { choices: [choice] }, result: merged(choice) });
    await openByName(page, 'retry', RETRY);
    await editor(page, RETRY).focus();
    await press(page, 'Control+a');
    await page.keyboard.insertText(YOURS);
    await press(page, 'Control+Enter');
    await page.getByRole('button', { name: 'Apply to shop-prod' }).waitFor();
    await press(page, 'Control+Enter');
    await page.getByRole('alert').getByText('Someone wrote this key while you edited it. Nothing of yours was written.').waitFor();
  }

  test('shows three columns; 1 and 2 choose; the result becomes a new plan under the new guard', () =>
    visit(async (page) => {
      await refused(page);
      for (const name of ['You started from', 'Theirs, in force now', 'Yours']) await page.getByRole('region', { name }).waitFor();
      const result = page.getByRole('button', { name: 'Plan the result' });
      expect(await result.getAttribute('aria-disabled')).toBe('true');
      await press(page, 'Control+Enter');
      expect((await calls(page, 'config_plan')).length).toBe(1);
      await press(page, '1');
      await page.getByRole('radio', { name: /theirs/, checked: true }).waitFor();
      await press(page, '2');
      await page.getByRole('radio', { name: /yours/, checked: true }).waitFor();
      await answer(page, { command: 'config_plan', result: { kind: 'ready', plan: plan(RETRY, THEIRS, YOURS, 'cas = 48240') } });
      await press(page, 'Control+Enter');
      await page.getByRole('complementary', { name: 'Plan' }).getByText('cas = 48240').first().waitFor();
      expect((await calls(page, 'config_plan'))[1]).toEqual({
        drafts: [{ id: conflict.id, flags: null, expect: '48240', intent: { kind: 'text', text: 'attempts: 2\nmax: 1000\n', crlf: false } }],
      });
    }));

  test('has no way to overwrite', () =>
    visit(async (page) => {
      await refused(page);
      const names = await page.getByRole('main').getByRole('button').allInnerTexts();
      expect(names.filter((name) => /overwrite|force|anyway/i.test(name))).toEqual([]);
    }));

  test('giving up reads the key again and writes nothing', () =>
    visit(async (page) => {
      await refused(page);
      await answer(page, { command: 'config_read', when: { id: conflict.id }, result: value(RETRY, THEIRS, '48240') });
      await page.getByRole('button', { name: 'Give up my edit' }).focus();
      await press(page, 'Enter');
      await expect.poll(() => editor(page, RETRY).inputValue()).toBe(THEIRS);
    }));

  test('keeping the draft goes back to the editor with it', () =>
    visit(async (page) => {
      await refused(page);
      await page.getByRole('button', { name: 'Keep as draft' }).focus();
      await press(page, 'Enter');
      expect(await editor(page, RETRY).inputValue()).toBe(YOURS);
    }));
});

describe('registration', () => {
  const preview = {
    plan: 'r1', source: 'consul:dc1', instance: 'pay-2', road: 'agent', why: 'The agent at 127.0.0.1 owns what is registered there.', at: 'agent node-1',
    requests: [{ method: 'PUT', path: '/v1/agent/service/register', body: '{"Name":"pay"}' }], notes: [], facts: [{ label: 'node', value: 'node-1' }], apply: { possible: true, reason: '' },
  };

  test('previews which road it takes and why, and says whether it stuck', () =>
    visit(async (page) => {
      await answer(page, { command: 'register_plan', result: preview });
      await answer(page, { command: 'registry_apply', result: { stuck: true, sentence: 'The catalog has it on node-1.' } });
      await press(page, '2');
      await page.getByRole('button', { name: 'Register…' }).focus();
      await press(page, 'Enter');
      const dialog = page.getByRole('dialog', { name: /Register/ });
      await dialog.getByRole('textbox', { name: 'Name', exact: true }).waitFor();
      await page.keyboard.type('pay');
      await dialog.getByRole('textbox', { name: 'URL' }).focus();
      await page.keyboard.type('http://10.0.0.7/health');
      await press(page, 'Enter');
      await dialog.getByText('By the agent, at agent node-1').waitFor();
      expect(await calls(page, 'register_plan')).toMatchObject([{ source: 'consul:dc1', name: 'pay', checks: [{ kind: 'http', url: 'http://10.0.0.7/health', interval: '10s' }] }]);
      await dialog.getByRole('button', { name: 'Register', exact: true }).focus();
      await press(page, 'Enter');
      await dialog.getByText('It is registered, and it stuck').waitFor();
    }));

  test('a deregistration asks for the name first', () =>
    visit(async (page) => {
      await answer(page, { command: 'deregister_plan', result: { ...preview, instance: 'payments-10.42.7.58:8080' } });
      await openByName(page, 'pay', /payments/);
      await page.getByRole('button', { name: 'Deregister 10.42.7.58…' }).focus();
      await press(page, 'Enter');
      const dialog = page.getByRole('dialog', { name: /^Deregister/ });
      const go = dialog.getByRole('button', { name: 'Deregister', exact: true });
      await go.waitFor();
      expect(await go.getAttribute('aria-disabled')).toBe('true');
      await dialog.getByRole('textbox', { name: /^Type/ }).focus();
      await page.keyboard.type('payments-10.42.7.58:8080');
      await expect.poll(() => go.getAttribute('aria-disabled')).toBeNull();
      expect(await calls(page, 'deregister_plan')).toEqual([{ source: 'consul:dc1', instance: '10.42.7.58:8080' }]);
    }));
});

test('the focus never leaves the window without a ring, and every stop has a name', () =>
  visit(async (page) => {
    await page.getByRole('img', { name: /^Topology/ }).waitFor();
    const seen = new Set<string>();
    for (let i = 0; i < 60; i += 1) {
      await press(page, 'Tab');
      const stop = await page.evaluate(() => {
        const element = document.activeElement;
        if (element === null || element === document.body) return null;
        const style = getComputedStyle(element.closest('.field, .group') ?? element);
        const name = element.getAttribute('aria-label') ?? element.textContent?.trim() ?? '';
        return { name, ring: style.outlineStyle !== 'none' && style.outlineWidth !== '0px' };
      });
      if (stop === null) break;
      expect(stop).toEqual({ name: expect.stringMatching(/./), ring: true });
      seen.add(stop.name);
    }
    expect([...seen].some((name) => name.startsWith('Topology:'))).toBe(true);
  }));
