'use strict';
// A service of Node whose calls go through opossum; opossum-prometheus and prom-client show them.
const http = require('node:http');
const CircuitBreaker = require('opossum');
const PrometheusMetrics = require('opossum-prometheus');
const prometheus = require('prom-client');
const { Knob } = require('./knob.js');

const TIMEOUT_MS = 2000;
const BREAKER = {
  timeout: TIMEOUT_MS,
  errorThresholdPercentage: 50,
  volumeThreshold: 4,
  resetTimeout: 1000,
  rollingCountTimeout: 2000,
  rollingCountBuckets: 10,
};

/** The options of the command line, `--name=NAME --listen=HOST:PORT --call=NAME=URL`. */
function read(words) {
  const options = { name: 'opossum', listen: '127.0.0.1:0', calls: [] };
  for (const word of words) {
    const [, option, value] = /^--(name|listen|call)=(.+)$/.exec(word) ?? [];
    if (!option) throw new Error(`not an option: ${word}`);
    if (option === 'call') options.calls.push(value.split(/=(.*)/).slice(0, 2));
    else options[option] = value;
  }
  return options;
}

const options = read(process.argv.slice(2));
const registry = new prometheus.Registry();
const agent = new http.Agent({ keepAlive: true });
const buckets = [0.01, 0.05, 0.1, 0.5, 1];
const served = new prometheus.Histogram({
  name: 'http_request_duration_seconds', help: 'Duration of HTTP requests in seconds.',
  labelNames: ['method', 'route', 'code'], buckets, registers: [registry],
});
const called = new prometheus.Histogram({
  name: 'http_client_request_duration_seconds', help: 'Duration of HTTP requests to other services in seconds.',
  labelNames: ['service', 'method', 'code'], buckets, registers: [registry],
});

/** Gets a URL; fails when the answer is a failure of the server's. */
function get(service, url) {
  const stop = called.startTimer({ service, method: 'GET' });
  return new Promise((resolve, reject) => {
    const fail = (error) => {
      stop({ code: 'none' });
      reject(error);
    };
    http.get(url, { agent, timeout: TIMEOUT_MS }, (answer) => {
      answer.resume();
      answer.on('error', fail);
      answer.on('end', () => {
        stop({ code: answer.statusCode });
        if (answer.statusCode < 500) resolve();
        else reject(new Error(`status ${answer.statusCode}`));
      });
    }).on('timeout', function () {
      this.destroy(new Error('timeout'));
    }).on('error', fail);
  });
}

const knob = new Knob();
const calls = options.calls.map(([name, url]) => new CircuitBreaker(() => get(name, url), { ...BREAKER, name }));
new PrometheusMetrics({ circuits: calls, registry, exposePerformanceMetrics: true });

async function visit() {
  if (!(await knob.take())) return [503, { service: options.name, error: Knob.FAILED }];
  const failed = [];
  for (const call of calls) {
    await call.fire().catch((error) => failed.push(`${call.name}: ${error.message}`));
  }
  return failed.length ? [502, { service: options.name, error: failed.join('; ') }] : [200, { service: options.name }];
}

async function answer(request) {
  const url = new URL(request.url, 'http://service');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /': return visit();
    case 'GET /health': return knob.isOut ? [503, Knob.FAILED] : [200, 'ok'];
    case 'GET /knob': return [200, knob.setting];
    case 'POST /knob': return knob.turn(url.searchParams) ? [200, knob.setting] : [400, Knob.USAGE];
    case 'GET /metrics': return [200, await registry.metrics(), registry.contentType];
    // What opossum itself says of its breakers; of no library's making.
    case 'GET /breakers': return [200, calls.map((call) => call.toJSON())];
    default: return [404, 'not found'];
  }
}

const server = http.createServer(async (request, response) => {
  const stop = served.startTimer({ method: request.method, route: request.url.split('?')[0] });
  const [code, body, type] = await answer(request);
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  response.writeHead(code, { 'content-type': type ?? (text === body ? 'text/plain' : 'application/json') }).end(text);
  stop({ code });
});
const [host, port] = options.listen.split(':');
server.listen(Number(port), host, () => {
  console.log(`ready service=${options.name} http=${host}:${server.address().port}`);
});
