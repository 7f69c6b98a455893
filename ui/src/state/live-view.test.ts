import { expect, test } from 'vitest';
import type { Host } from '../host';
import { Refusal } from '../host';
import type { PullArgs, ServiceRow, ViewPatch } from '../host/contract/types';
import { LiveView } from './live-view.svelte';

/** A host whose answers come when the test says so. */
class SlowHost {
  readonly asked: PullArgs[] = [];
  private readonly waiting: { answer: (patch: ViewPatch) => void; refuse: (thrown: unknown) => void }[] = [];

  readonly host: Host = {
    call: ((_: string, args: PullArgs) => {
      this.asked.push(args);
      return new Promise<ViewPatch>((answer, refuse) => this.waiting.push({ answer, refuse }));
    }) as unknown as Host['call'],
    subscribe: () => Promise.resolve(),
    now: () => 0,
  };

  async answer(patch: object): Promise<void> {
    this.waiting.shift()?.answer({ view: 'services', patch } as unknown as ViewPatch);
    await turns();
  }

  async refuse(code: string): Promise<void> {
    this.waiting.shift()?.refuse(new Refusal({ code, message: 'no', hint: '', source: null }));
    await turns();
  }
}

/** Lets everything that is ready run. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}

const row = (key: string, name = key) => ({ key, name }) as ServiceRow;
const full = (revision: number, ...rows: ServiceRow[]) => ({ kind: 'full', revision, head: { total: rows.length }, rows });
const delta = (since: number, revision: number, put: ServiceRow[], removed: string[] = []) => ({ kind: 'delta', since, revision, head: null, put, removed, order: null });
const names = (view: LiveView<'services'>) => view.rows.map(({ name }) => name);

function started(): { slow: SlowHost; view: LiveView<'services'> } {
  const slow = new SlowHost();
  const view = new LiveView('services', slow.host);
  view.ask({ view: 'services' });
  return { slow, view };
}

test('one request is in flight, however many notices come; the last of them is not forgotten', async () => {
  const { slow, view } = started();
  for (const revision of [2, 3, 4]) view.noticed({ view: 'services', revision });
  expect(slow.asked).toHaveLength(1);
  await slow.answer(full(1, row('a')));
  expect(slow.asked.map(({ since }) => since)).toEqual([null, 1]);
  await slow.answer(delta(1, 4, [row('b')]));
  expect(names(view)).toEqual(['a', 'b']);
  expect(slow.asked).toHaveLength(2);
});

test('a notice of what is here already asks for nothing', async () => {
  const { slow, view } = started();
  await slow.answer(full(5, row('a')));
  view.noticed({ view: 'services', revision: 5 });
  expect(slow.asked).toHaveLength(1);
});

test('a gap asks for everything', async () => {
  const { slow, view } = started();
  await slow.answer(full(1, row('a')));
  view.noticed({ view: 'services', revision: 9 });
  await slow.answer(delta(7, 9, [row('b')]));
  expect(slow.asked.map(({ since }) => since)).toEqual([null, 1, null]);
  await slow.answer(full(9, row('c')));
  expect(names(view)).toEqual(['c']);
});

test('a failure is kept until a pull works again, and the rows stay', async () => {
  const { slow, view } = started();
  await slow.answer(full(1, row('a')));
  view.noticed({ view: 'services', revision: 2 });
  await slow.refuse('app.busy');
  expect([view.failure?.code, names(view)]).toEqual(['app.busy', ['a']]);
  view.noticed({ view: 'services', revision: 3 });
  await slow.answer(delta(1, 3, [], ['a']));
  expect([view.failure, names(view)]).toEqual([null, []]);
});

test('an answer to what is no longer asked is dropped', async () => {
  const slow = new SlowHost();
  const view = new LiveView('inspector', slow.host);
  const about = (id: string) => ({ view: 'inspector', subject: { kind: 'service', id } }) as const;
  view.ask(about('a'));
  view.ask(about('b'));
  await slow.answer(full(1, row('of a')));
  expect(view.head).toBeNull();
  expect(slow.asked[1]).toEqual({ request: about('b'), since: null });
});

test('who rests is not woken by notices', async () => {
  const { slow, view } = started();
  await slow.answer(full(1));
  view.rest();
  view.noticed({ view: 'services', revision: 2 });
  expect(slow.asked).toHaveLength(1);
});
