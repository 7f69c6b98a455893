/** Nothing is connected yet: a Consul agent answers, another address does not, a kube context was not asked. */
import type { Recording } from '../src/host/recorded';
import { NOW, shellHead, shop } from './shop';

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
      first_run: { head: { looking: false, looked_at: NOW - 2000, demo: false }, rows },
    },
    answers: [
      { command: 'connect', then: [{ view: 'shell', head: { ...shellHead, live: 'live' } }] },
      { command: 'connect_demo', then: [{ view: 'shell', head: { ...shellHead, live: 'live', demo: true, profile: 'demo' } }] },
      ...full.answers,
    ],
  };
}
