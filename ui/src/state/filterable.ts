/** Rows of the views as things that the filter may ask about. Pure. */
import type { Filterable } from '../filter';
import type { AlertRow, BreakerRow, DisagreementRow, FailingCheck, ServiceRow, TopologyNode } from '../host/contract/types';

export function filterableNode(node: TopologyNode): Filterable {
  return {
    name: node.name,
    health: node.health,
    ns: node.namespace,
    dc: node.place,
    group: node.group,
    kind: node.role,
    source: node.sources.map(({ source }) => source),
    tag: node.tags,
    stale: node.stale ? 'yes' : 'no',
    errors: node.signals.error_ratio,
    rate: node.signals.rps,
    p95: node.signals.p95_ms,
  };
}

export function filterableService(row: ServiceRow): Filterable {
  return {
    name: row.name,
    health: row.health,
    ns: row.namespace,
    dc: row.place,
    kind: row.role,
    source: row.sources.map(({ source }) => source),
    tag: row.tags,
    breaker: row.breaker,
    stale: row.stale ? 'yes' : 'no',
    disputed: row.disagreements > 0 ? 'yes' : 'no',
    errors: row.signals.error_ratio,
    rate: row.signals.rps,
    p95: row.signals.p95_ms,
  };
}

export function filterableBreaker(row: BreakerRow): Filterable {
  return {
    name: `${row.caller.name} ${row.callee?.name ?? ''} ${row.name}`,
    kind: row.kind,
    breaker: row.state,
    source: row.sources.map(({ source }) => source),
    stale: row.stale ? 'yes' : 'no',
    rate: row.rejected_per_s,
  };
}

export function filterableDisagreement(row: DisagreementRow): Filterable {
  return {
    name: `${row.service?.name ?? ''} ${row.subject} ${row.title}`,
    kind: row.kind,
    source: row.claims.map(({ source }) => source),
  };
}

export function filterableAlert(row: AlertRow): Filterable {
  return {
    name: `${row.service?.name ?? ''} ${row.name}`,
    health: row.health,
    ns: row.labels.find(({ label }) => label === 'namespace')?.value,
    source: row.source,
    stale: row.stale ? 'yes' : 'no',
  };
}

export function filterableCheck(row: FailingCheck): Filterable {
  return { name: `${row.service.name} ${row.name}`, health: row.health, source: row.source, stale: row.stale ? 'yes' : 'no' };
}
