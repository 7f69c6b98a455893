/** Keeping a view's data up to date by patches. Pure. */
import type { Patch } from '../host/contract/types';

export interface Data<H, R> {
  readonly revision: number;
  readonly head: H;
  readonly rows: readonly R[];
}

/** The data after a patch; `null` when the patch builds on something else than what is there: everything must be asked for. */
export function applied<H, R extends { key: string }>(before: Data<H, R> | null, patch: Patch<H, R>): Data<H, R> | null {
  if (patch.kind === 'full') return { revision: patch.revision, head: patch.head, rows: patch.rows };
  if (before === null || before.revision !== patch.since) return null;
  const head = patch.head ?? before.head;
  if (patch.put.length === 0 && patch.removed.length === 0 && patch.order === null) {
    return { revision: patch.revision, head, rows: before.rows };
  }
  const rows = merged(before.rows, patch.put, patch.removed, patch.order);
  return rows === null ? null : { revision: patch.revision, head, rows };
}

/** Rows keep their place; new ones go to the end, unless an order is given. */
function merged<R extends { key: string }>(
  rows: readonly R[],
  put: readonly R[],
  removed: readonly string[],
  order: readonly string[] | null,
): R[] | null {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  for (const key of removed) byKey.delete(key);
  for (const row of put) byKey.set(row.key, row);
  if (order === null) return [...byKey.values()];
  const ordered = order.flatMap((key) => byKey.get(key) ?? []);
  return ordered.length === byKey.size ? ordered : null;
}
