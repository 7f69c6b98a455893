import { expect, test } from 'vitest';
import { argsOf, complaintOf, type RegistrationForm } from './registration';

const form: RegistrationForm = {
  source: 'consul:dc1', name: ' pay ', id: '', address: '10.0.0.7', port: '8080', tags: 'v2, blue', meta: 'team = money\n\nrack=a=b', node: '',
  check: { kind: 'http', name: '', target: 'http://10.0.0.7:8080/health', interval: '10s', deregisterAfter: '' },
};

test('a form becomes what the plan takes; what is empty is not sent', () => {
  expect(argsOf(form)).toEqual({
    source: 'consul:dc1', name: 'pay', id: null, address: '10.0.0.7', port: 8080, tags: ['v2', 'blue'], node: null,
    meta: [{ key: 'team', value: 'money' }, { key: 'rack', value: 'a=b' }],
    checks: [{ kind: 'http', name: 'pay http', url: 'http://10.0.0.7:8080/health', interval: '10s', timeout: null, deregister_after: null }],
  });
});

test.each([
  [{ name: ' ' }, 'name'],
  [{ source: '' }, 'source'],
  [{ port: '70000' }, 'port'],
  [{ port: '8O' }, 'port'],
  [{ meta: 'no equals' }, 'key=value'],
  [{ check: { kind: 'tcp', name: '', target: '', interval: '10s', deregisterAfter: '' } }, 'ask'],
  [{ check: { kind: 'ttl', name: '', target: '', interval: 'soon', deregisterAfter: '' } }, 'interval'],
] as const)('%j is refused in words', (change, word) => {
  expect(complaintOf({ ...form, ...change })?.toLowerCase()).toContain(word);
});

test('a form without a check is fine', () => {
  expect(complaintOf({ ...form, check: null })).toBeNull();
  expect(argsOf({ ...form, check: null }).checks).toEqual([]);
});
