/** The demo fleet as the real app answered: what the contract's other side really sends is shown whole. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigPlanned, EvidenceReport, ServiceRow, TopologyHead } from '../src/host/contract/types';
import { Browser } from './browser';
import { recordings } from './recordings';

const recording = recordings['demo']?.();
if (recording === undefined) throw new Error('the demo was not recorded');
const services = recording.views.services?.rows as unknown as ServiceRow[];
const topology = recording.views.topology?.head as TopologyHead;
const answerTo = <T>(command: string) => recording.answers.find((answer) => answer.command === command)?.result as T;

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(async () => {
  await browser.stop();
});

async function visit(act: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.open({ recording: 'demo' });
  try {
    await act(page);
    expect(page.complaints).toEqual([]);
  } finally {
    await page.close();
  }
}

test('every recorded service is in the picture and in the table', () =>
  visit(async (page) => {
    await page.getByRole('img', { name: `Topology: ${services.length} services in ${topology.groups.length} groups` }).waitFor();
    await page.keyboard.press('2');
    const grid = page.getByRole('grid', { name: 'Services' });
    expect(await grid.getAttribute('aria-rowcount')).toBe(String(services.length + 1));
    for (const { name } of services) expect(await grid.getByRole('row').filter({ hasText: name }).count()).toBeGreaterThan(0);
  }));

test('the evidence of a state names the query that said so', () =>
  visit(async (page) => {
    const report = answerTo<EvidenceReport>('evidence');
    await page.keyboard.press('/');
    await page.keyboard.type('pay');
    await page.getByRole('option', { name: /payments demo/ }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: 'Inspector: payments' }).waitFor();
    await page.keyboard.press('e');
    const evidence = page.getByRole('dialog', { name: report.title });
    await evidence.waitFor();
    expect(await evidence.getByRole('listitem').count()).toBe(report.cards.length);
    for (const { query } of report.cards) expect(await evidence.innerText()).toContain(query);
  }));

test('the plan of an edit shows the guard that the store will check', () =>
  visit(async (page) => {
    const planned = answerTo<ConfigPlanned>('config_plan');
    if (planned.kind !== 'ready') throw new Error('the recorded plan was refused');
    const [key] = planned.plan.keys;
    if (key === undefined) throw new Error('the recorded plan has no key');
    await page.keyboard.press('/');
    await page.keyboard.type('pay');
    await page.getByRole('option', { name: key.path }).click();
    await page.getByRole('textbox', { name: `Value of ${key.path}` }).fill('0.6');
    await page.keyboard.press('Control+Enter');
    const panel = page.getByRole('complementary', { name: 'Plan' });
    await panel.getByText(key.guard, { exact: true }).waitFor();
    await panel.getByRole('button', { name: `Apply to ${planned.plan.profile}` }).waitFor();
  }));

for (const [key, name] of [['3', 'Health'], ['4', 'Breakers'], ['5', 'Config'], ['6', 'Disagreements'], ['7', 'Sources']] as const) {
  test(`${name} shows what was recorded without a complaint`, () =>
    visit(async (page) => {
      await page.keyboard.press(key);
      await page.getByRole('main', { name }).waitFor();
      await page.getByText(/Waiting for/).waitFor({ state: 'detached' });
    }));
}
