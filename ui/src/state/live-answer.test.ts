import { expect, it } from 'vitest';
import { LiveAnswer } from './live-answer.svelte';

/** A host whose answers come when the test says so. */
function held() {
  const open: { resolve: (value: string) => void; reject: (why: unknown) => void }[] = [];
  const live = new LiveAnswer(() => new Promise<string>((resolve, reject) => open.push({ resolve, reject })));
  const turn = async () => {
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { open, live, turn };
}

it('asks once more, and once only, for all that was asked while an answer was under way', async () => {
  const { open, live, turn } = held();
  live.ask();
  live.ask();
  live.ask();
  expect(open).toHaveLength(1);
  open[0]?.resolve('before the fleet was there');
  await turn();
  expect(live.answer).toBe('before the fleet was there');
  expect(open).toHaveLength(2);
  open[1]?.resolve('payments');
  await turn();
  expect(live.answer).toBe('payments');
  expect(open).toHaveLength(2);
});

it('keeps the last answer beside the failure of a later request, and asks again after it', async () => {
  const { open, live, turn } = held();
  live.ask();
  open[0]?.resolve('payments');
  await turn();
  live.ask();
  open[1]?.reject({ code: 'app.gone', message: 'gone', hint: '', source: null });
  await turn();
  expect([live.answer, live.failure?.code]).toEqual(['payments', 'app.gone']);
  live.ask();
  open[2]?.resolve('cart');
  await turn();
  expect([live.answer, live.failure]).toEqual(['cart', null]);
});
