/** Nothing is connected yet: a Consul agent answers, another address does not, a kube context was not asked. */
import type { Recording } from '../src/host/recorded';
import { NOW, shellHead, shop } from './shop';

const broken = { code: 'profile.unknown_key', message: 'shop-test.toml:3:1: there is no key `adress` here', hint: 'Correct the key or take it out.', source: null };
const PROFILES = [
  { name: 'shop-prod', sources: ['consul=https://consul.shop.example:8501', 'scrape=http://127.0.0.1:9102/metrics'], read_only: true, fault: null, open: false },
  { name: 'shop-test', sources: [], read_only: false, fault: broken, open: false },
];

export function firstLook(): Recording {
  const full = shop();
  const refused = { code: 'consul.unreachable', message: 'connection refused by 10.8.0.4:8500', hint: 'Is the agent running there?', source: null };
  const rows = [
    { key: 'f1', spec: 'consul=http://127.0.0.1:8500', title: 'Consul', place: 'http://127.0.0.1:8500', state: 'answers', detail: 'Consul 1.22.7 · dc1, leader known', took_ms: 3.2, fault: null, connected: false },
    { key: 'f2', spec: 'consul=http://10.8.0.4:8500', title: 'Consul', place: 'CONSUL_HTTP_ADDR http://10.8.0.4:8500', state: 'fails', detail: '', took_ms: null, fault: refused, connected: false },
    { key: 'f3', spec: null, title: 'minikube', place: 'kube context, current', state: 'not_asked', detail: 'Kubernetes comes next; this version reads Consul.', took_ms: null, fault: null, connected: false },
  ];
  return {
    ...full,
    views: {
      ...full.views,
      shell: { head: { ...shellHead, live: 'nothing', live_words: 'Nothing is connected', badges: [], announcement: null }, rows: [] },
      first_run: { head: { looking: false, looked_at: NOW - 2000, demo: false, profiles: PROFILES, profiles_fault: null }, rows },
    },
    answers: [
      { command: 'open_profile', then: [{ view: 'shell', head: { ...shellHead, live: 'live', access: 'read-only', read_only: 'The profile shop-prod is read-only' } }] },
      { command: 'connect', then: [{ view: 'shell', head: { ...shellHead, live: 'live' } }] },
      { command: 'connect_demo', then: [{ view: 'shell', head: { ...shellHead, live: 'live', demo: true, profile: 'demo' } }] },
      ...full.answers,
    ],
  };
}
