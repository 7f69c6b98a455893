/** The registration form as what `register_plan` takes. Pure. */
import type { CheckDraft, MetaEntry, RegisterPlanArgs } from '../host/contract/types';

export type CheckKind = CheckDraft['kind'];

export interface CheckForm {
  readonly kind: CheckKind;
  readonly name: string;
  /** A URL, or `host:port`; empty for `ttl`. */
  readonly target: string;
  /** How often, in Consul's notation; for `ttl` at least how often. */
  readonly interval: string;
  readonly deregisterAfter: string;
}

export interface RegistrationForm {
  readonly source: string;
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: string;
  readonly tags: string;
  /** `key=value`, one a line. */
  readonly meta: string;
  readonly node: string;
  readonly check: CheckForm | null;
}

/** What is missing or wrong, in one sentence; `null` when the form can be planned. */
export function complaintOf(form: RegistrationForm): string | null {
  if (form.source === '') return 'Choose a source to register in.';
  if (form.name.trim() === '') return 'A service needs a name.';
  const port = form.port.trim();
  if (port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return 'A port is a number from 0 to 65535.';
  if (linesOf(form.meta).some((line) => !line.includes('='))) return 'Each line of the meta is key=value.';
  const { check } = form;
  if (check === null) return null;
  if (check.kind !== 'ttl' && check.target.trim() === '') return 'The check needs something to ask.';
  return /^\d+(ms|s|m|h)$/.test(check.interval.trim()) ? null : 'An interval is written as 10s, 500ms or 2m.';
}

export function argsOf(form: RegistrationForm): RegisterPlanArgs {
  return {
    source: form.source,
    name: form.name.trim(),
    id: some(form.id),
    address: some(form.address),
    port: Number(form.port.trim() || '0'),
    tags: form.tags.split(/[\s,]+/).filter((tag) => tag !== ''),
    meta: linesOf(form.meta).map(entry),
    checks: form.check === null ? [] : [draft(form.check, form.name.trim())],
    node: some(form.node),
  };
}

function some(text: string): string | null {
  return text.trim() === '' ? null : text.trim();
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}

function entry(line: string): MetaEntry {
  const at = line.indexOf('=');
  return { key: line.slice(0, at).trim(), value: line.slice(at + 1).trim() };
}

function draft(check: CheckForm, service: string): CheckDraft {
  const name = check.name.trim() === '' ? `${service} ${check.kind}` : check.name.trim();
  const [target, interval, deregister_after] = [check.target.trim(), check.interval.trim(), some(check.deregisterAfter)];
  switch (check.kind) {
    case 'http':
      return { kind: 'http', name, url: target, interval, timeout: null, deregister_after };
    case 'tcp':
      return { kind: 'tcp', name, address: target, interval, timeout: null, deregister_after };
    case 'grpc':
      return { kind: 'grpc', name, address: target, interval, tls: false, deregister_after };
    case 'ttl':
      return { kind: 'ttl', name, ttl: interval, deregister_after };
  }
}
