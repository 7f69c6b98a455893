/**
 * Numbers and times as text. `–` is "no value", `0.0` is a measured zero; the two never mix.
 */

/** Between a number and its unit: narrow, and not broken at the line's end. */
export const THIN = '\u202f';
/** No value. */
export const NONE = '–';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An age in milliseconds as `0.2 s`, `8 s`, `3m 08s`, `34m`, `5h 12m`, `41d`. A moment in the future counts as now. */
export function age(ms: number): string {
  const past = Math.max(0, ms);
  if (past < SECOND) return `${(Math.floor(past / 100) / 10).toFixed(1)}${THIN}s`;
  if (past < MINUTE) return `${Math.floor(past / SECOND)}${THIN}s`;
  if (past < 10 * MINUTE) return `${Math.floor(past / MINUTE)}m ${pad(Math.floor((past % MINUTE) / SECOND))}s`;
  if (past < HOUR) return `${Math.floor(past / MINUTE)}m`;
  if (past < 10 * HOUR) return `${Math.floor(past / HOUR)}h ${pad(Math.floor((past % HOUR) / MINUTE))}m`;
  if (past < DAY) return `${Math.floor(past / HOUR)}h`;
  return `${Math.floor(past / DAY)}d`;
}

/** An age in steps, each of which begins a new text: `< 5 s`, `5 s`, `10 s`. */
export function stepped(ms: number, step: number): string {
  if (step === 0) return age(ms);
  return ms < step ? `<${THIN}${age(step)}` : age(Math.floor(ms / step) * step);
}

/** A moment of today as `14:17:46`; of another day with its date. Local time. */
export function clock(at: number, now: number): string {
  const moment = new Date(at);
  const time = `${pad(moment.getHours())}:${pad(moment.getMinutes())}:${pad(moment.getSeconds())}`;
  const sameDay = moment.toDateString() === new Date(now).toDateString();
  return sameDay ? time : `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())} ${time}`;
}

/** Calls a second with three significant digits: `0.42`, `96`, `1.24k`. */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined || !Number.isFinite(perSecond)) return NONE;
  if (perSecond >= 999_500) return `${digits(perSecond / 1_000_000)}M`;
  if (perSecond >= 999.5) return `${digits(perSecond / 1000)}k`;
  return digits(perSecond);
}

/** Calls a second with their unit. */
export function perSecond(value: number | null | undefined): string {
  const text = rate(value);
  return text === NONE ? NONE : `${text}/s`;
}

/** A ratio of 0..1 as `31.4 %`. */
export function percent(ratio: number | null | undefined, unit = `${THIN}%`): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return NONE;
  return `${(ratio * 100).toFixed(1)}${unit}`;
}

/** A latency as `204 ms`, `1.8 s`. */
export function latency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms >= 9_950) return `${Math.round(ms / 1000)}${THIN}s`;
  if (ms >= 999.5) return `${(ms / 1000).toFixed(1)}${THIN}s`;
  return ms >= 9.95 ? `${Math.round(ms)}${THIN}ms` : `${ms.toFixed(1)}${THIN}ms`;
}

/** A size as `412 B`, `3.1 KiB`. */
export function bytes(size: number): string {
  if (size < 1024) return `${size}${THIN}B`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)}${THIN}KiB`;
  return `${(size / 1024 / 1024).toFixed(1)}${THIN}MiB`;
}

/** A whole number in groups of three: `48 213`. */
export function grouped(value: number | string): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** `1 service`, `3 services`; irregular plurals are given. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}

/** How bad an error ratio is, by the limits of 1 % and 5 %. */
export function errorTone(ratio: number | null | undefined): 'warn' | 'crit' | null {
  if (ratio === null || ratio === undefined) return null;
  if (ratio >= 0.05) return 'crit';
  return ratio >= 0.01 ? 'warn' : null;
}

function digits(value: number): string {
  if (value === 0) return '0';
  if (value >= 99.95) return value.toFixed(0);
  if (value >= 9.995) return trimmed(value.toFixed(1));
  return value >= 0.095 ? trimmed(value.toFixed(2)) : value.toPrecision(1);
}

function trimmed(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
