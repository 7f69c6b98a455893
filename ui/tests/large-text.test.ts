/** Every screen where the person has doubled the size of text: nothing is cut, nothing leaves the window. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, settled } from './browser';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start(32);
});
afterAll(async () => {
  await browser.stop();
});

test.each(['Topology', 'Services', 'Health', 'Breakers', 'Config', 'Sources'])('%s', async (name) => {
  const page = await browser.open();
  try {
    await page.getByRole('navigation', { name: 'Screens' }).getByRole('button', { name }).click();
    await settled(page);
    expect(await page.evaluate(() => getComputedStyle(document.body).fontSize)).toBe('26px');
    const wrong = await page.evaluate(() => {
      const shown = [...document.querySelectorAll<HTMLElement>('button, input, h1, h2, h3, .chip, kbd, [role=gridcell], [role=treeitem]')].filter(
        (element) => element.getClientRects().length > 0 && element.closest('.unseen') === null,
      );
      const outside = shown.filter((element) => element.closest('.scroll') === null && element.getBoundingClientRect().right > innerWidth + 1);
      const cut = shown.filter((element) => element.textContent !== '' && element.clientHeight > 0 && element.scrollHeight > element.clientHeight + 2 && getComputedStyle(element).overflowY !== 'auto');
      return [...outside, ...cut].map((element) => element.textContent?.trim() ?? element.tagName);
    });
    expect(wrong).toEqual([]);
    expect(page.complaints).toEqual([]);
  } finally {
    await page.close();
  }
});
