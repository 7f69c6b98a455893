import { byText } from '../collation';

/** A column of a table. */
export interface Column {
  readonly id: string;
  readonly title: string;
  /** A track of the grid, such as `minmax(120px, 1fr)`. */
  readonly width: string;
  readonly numeric?: boolean;
  readonly sortable?: boolean;
  /** The least room that it needs, in pixels. */
  readonly least: number;
  /** Where there is no room for all, the highest number goes first; without one it stays. */
  readonly drop?: number;
}

/** Between columns, and at both sides of a row. */
export const GAP = 12;
const SIDE = 16;

/** The columns that there is room for. */
export function roomFor(columns: readonly Column[], width: number): readonly Column[] {
  const needed = columns.reduce((sum, { least }) => sum + least + GAP, 2 * SIDE - GAP);
  if (needed <= width) return columns;
  const [first] = columns.filter(({ drop }) => drop !== undefined).toSorted((a, b) => (b.drop ?? 0) - (a.drop ?? 0));
  return first === undefined ? columns : roomFor(columns.filter((column) => column !== first), width);
}

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

/** The next sort when a header is chosen: first as the column is read best, then turned round. */
export function turned(sort: Sort, column: Column): Sort {
  if (sort.column === column.id) return { column: column.id, descending: !sort.descending };
  return { column: column.id, descending: column.numeric === true };
}

/** The sort after this one, through all sortable columns: what the key `S` does. */
export function following(sort: Sort, columns: readonly Column[]): Sort {
  const sortable = columns.filter((column) => column.sortable === true);
  const here = sortable.findIndex((column) => column.id === sort.column);
  const next = sortable[(here + 1) % sortable.length];
  return next === undefined ? sort : turned({ column: '', descending: false }, next);
}

/** Orders rows by a value, numbers by size and texts as people do; what has no value goes last either way. */
export function ordered<T>(rows: readonly T[], value: (row: T) => string | number | null, descending: boolean): T[] {
  const turn = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    if (typeof x === 'number' && typeof y === 'number') return (x - y) * turn;
    return byText(String(x), String(y)) * turn;
  });
}

/** The part of a long list that is on the screen, with some rows around it. */
export function visible(scrollTop: number, height: number, rowHeight: number, total: number, spare = 6): [number, number] {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
  return [first, Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + spare)];
}

/** Where the cursor goes by a key, in a list of `total`; null when the key moves nothing. */
export function moved(key: string, at: number, total: number, page: number): number | null {
  if (total === 0) return null;
  const last = total - 1;
  switch (key) {
    case 'ArrowDown':
      return Math.min(last, at + 1);
    case 'ArrowUp':
      return Math.max(0, at - 1);
    case 'PageDown':
      return Math.min(last, at + page);
    case 'PageUp':
      return Math.max(0, at - page);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return null;
  }
}
