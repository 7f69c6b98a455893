// Package gomicro is a service of go-micro, which registers itself in Consul, and whose calls to others of its kind find
// them there. The wrappers count and break as those of go-plugins do.
package gomicro

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/micro/go-micro/broker"
	"github.com/micro/go-micro/client"
	"github.com/micro/go-micro/client/selector"
	"github.com/micro/go-micro/errors"
	"github.com/micro/go-micro/registry"
	"github.com/micro/go-micro/registry/consul"
	"github.com/micro/go-micro/registry/memory"
	"github.com/micro/go-micro/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sony/gobreaker"

	"shop/shop"
)

// Version that it registers with.
const Version = "1.2.0"

// Shop is its one handler, with the endpoint Shop.Visit.
type Shop struct {
	visit shop.Visit
}

// Request of a visit.
type Request struct {
	Order string `json:"order"`
}

// Response to a visit.
type Response struct {
	Service string `json:"service"`
}

// Visit is called by other services of go-micro.
func (own *Shop) Visit(ctx context.Context, _ *Request, response *Response) error {
	response.Service = own.visit.Service
	if err := own.visit.Run(ctx); err != nil {
		return errors.InternalServerError(own.visit.Service, "%v", err)
	}
	return nil
}

// Run serves until the process ends.
func Run(options shop.Options) error {
	var directory registry.Registry = memory.NewRegistry()
	if options.Consul != "" {
		directory = consul.NewRegistry(registry.Addrs(options.Consul))
	}
	own := server.NewServer(
		server.Name(options.Name),
		server.Version(Version),
		server.Metadata(map[string]string{"team": "shop"}),
		server.Address(options.ListenRPC),
		server.Registry(directory),
		server.Broker(broker.NewBroker(broker.Registry(directory), broker.Addrs("127.0.0.1:0"))),
		server.RegisterTTL(10*time.Second),
		server.RegisterInterval(3*time.Second),
		server.WrapHandler(measured(options.Name)),
	)
	knob := &shop.Knob{}
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls(options.Callees, directory)}
	if err := own.Handle(own.NewHandler(&Shop{visit})); err != nil {
		return err
	}
	if err := own.Start(); err != nil {
		return err
	}

	router := http.NewServeMux()
	router.Handle("GET /{$}", visit)
	router.HandleFunc("GET /health", knob.Health)
	router.Handle("/knob", knob)
	router.Handle("GET /metrics", promhttp.Handler())
	return shop.Serve(options, router, "rpc="+own.Options().Address)
}

// A callee `micro://NAME` is found in the registry by that name, all others are called over HTTP.
func calls(callees []shop.Callee, directory registry.Registry) []shop.Call {
	breakers := newBreakers()
	micro := client.NewClient(
		client.Registry(directory),
		client.Selector(selector.NewSelector(selector.Registry(directory))),
		client.ContentType("application/json"),
		client.RequestTimeout(shop.Timeout),
		client.Retries(0),
		client.Wrap(func(inner client.Client) client.Client { return guarded{inner, breakers} }),
	)
	plain := shop.NewClient(nil)
	var all []shop.Call
	for _, callee := range callees {
		do := func(ctx context.Context) error {
			return breakers.run(callee.Name, func() error { return shop.Get(ctx, plain, callee) })
		}
		if callee.URL.Scheme == "micro" {
			do = func(ctx context.Context) error {
				request := micro.NewRequest(callee.URL.Host, "Shop.Visit", &Request{Order: time.Now().Format(time.RFC3339)})
				return micro.Call(ctx, request, &Response{})
			}
		}
		all = append(all, shop.Call{Callee: callee.Name, Do: do})
	}
	return all
}

// A client with a breaker for each endpoint that it calls.
type guarded struct {
	client.Client
	breakers *breakers
}

func (guarded guarded) Call(ctx context.Context, request client.Request, response any, options ...client.CallOption) error {
	return guarded.breakers.run(request.Service()+"."+request.Endpoint(), func() error {
		return guarded.Client.Call(ctx, request, response, options...)
	})
}

// One breaker for each name, made when it is first used.
type breakers struct {
	mutex  sync.Mutex
	byName map[string]*gobreaker.CircuitBreaker
	state  *prometheus.GaugeVec
}

func newBreakers() *breakers {
	state := promauto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "micro_breaker_state", Help: "State of the breaker of an endpoint: 0 closed, 1 half-open, 2 open.",
	}, []string{"endpoint"})
	return &breakers{byName: map[string]*gobreaker.CircuitBreaker{}, state: state}
}

func (breakers *breakers) run(name string, do func() error) error {
	_, err := breakers.named(name).Execute(func() (any, error) { return nil, do() })
	return err
}

func (breakers *breakers) named(name string) *gobreaker.CircuitBreaker {
	breakers.mutex.Lock()
	defer breakers.mutex.Unlock()
	if known := breakers.byName[name]; known != nil {
		return known
	}
	gauge := breakers.state.WithLabelValues(name)
	made := gobreaker.NewCircuitBreaker(gobreaker.Settings{
		Name:          name,
		Interval:      shop.Window,
		Timeout:       shop.Sleep,
		ReadyToTrip:   func(counts gobreaker.Counts) bool { return shop.Trips(counts.Requests, counts.TotalFailures) },
		OnStateChange: func(_ string, _, to gobreaker.State) { gauge.Set(float64(to)) },
	})
	breakers.byName[name] = made
	return made
}

// Names and labels of go-plugins' wrapper for Prometheus.
func measured(name string) server.HandlerWrapper {
	labels := prometheus.Labels{"micro_name": name, "micro_version": Version}
	requests := promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "micro_request_total", Help: "How many go-micro requests processed, partitioned by method and status",
		ConstLabels: labels,
	}, []string{"method", "status"})
	durations := promauto.NewHistogramVec(prometheus.HistogramOpts{
		Name: "micro_request_duration_seconds", Help: "Service method request time in seconds", ConstLabels: labels,
	}, []string{"method"})
	return func(next server.HandlerFunc) server.HandlerFunc {
		return func(ctx context.Context, request server.Request, response any) error {
			started := time.Now()
			err := next(ctx, request, response)
			durations.WithLabelValues(request.Endpoint()).Observe(time.Since(started).Seconds())
			outcome := "success"
			if err != nil {
				outcome = "fail"
			}
			requests.WithLabelValues(request.Endpoint(), outcome).Inc()
			return err
		}
	}
}
