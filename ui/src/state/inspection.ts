/** The inspector's rows in their sections, and which fact a pressed `E` is about. Pure. */
import type { InspectorHead, InspectorRow, Section } from '../host/contract/types';

export const SECTIONS: readonly { readonly id: Section; readonly title: string }[] = [
  { id: 'facts', title: 'Facts' },
  { id: 'disagreements', title: 'Disagreements' },
  { id: 'why', title: 'Why is this edge here?' },
  { id: 'signals', title: 'Signals' },
  { id: 'calls', title: 'Calls' },
  { id: 'instances', title: 'Instances' },
  { id: 'workloads', title: 'Run by' },
  { id: 'reached', title: 'Reached by' },
  { id: 'checks', title: 'Checks' },
  { id: 'alerts', title: 'Alerts' },
  { id: 'events', title: 'Events worth a look' },
  { id: 'processes', title: 'In each process' },
  { id: 'breakers', title: 'Breakers' },
  { id: 'rules', title: 'Rules of the mesh' },
  { id: 'config', title: 'Config used' },
];

export interface Shelf {
  readonly id: Section;
  readonly title: string;
  readonly rows: readonly InspectorRow[];
  /** Why there is nothing in it. */
  readonly reason: string | null;
}

/** Sections never move; one without rows says why, and one that does not apply to this sort of thing is left out. */
export function shelved(head: InspectorHead, rows: readonly InspectorRow[]): Shelf[] {
  return SECTIONS.flatMap(({ id, title }) => {
    const inside = rows.filter((row) => row.section === id);
    const reason = head.empty.find((empty) => empty.section === id)?.reason ?? null;
    return inside.length === 0 && reason === null ? [] : [{ id, title, rows: inside, reason }];
  });
}
