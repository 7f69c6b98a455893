// Package gokit is a service of go-kit: endpoints with its metrics, and calls through its breaker of sony/gobreaker.
package gokit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-kit/kit/circuitbreaker"
	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/metrics"
	kitprometheus "github.com/go-kit/kit/metrics/prometheus"
	kithttp "github.com/go-kit/kit/transport/http"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sony/gobreaker"

	"shop/shop"
)

// Run serves until the process ends.
func Run(options shop.Options) error {
	knob := &shop.Knob{}
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls(options.Callees)}
	nothing := func(context.Context, *http.Request) (any, error) { return nil, nil }
	visits := kithttp.NewServer(
		measured(func(ctx context.Context, _ any) (any, error) { return nil, visit.Run(ctx) }),
		nothing,
		func(_ context.Context, answer http.ResponseWriter, _ any) error {
			shop.Answer(answer, options.Name, nil)
			return nil
		},
		kithttp.ServerErrorEncoder(func(_ context.Context, err error, answer http.ResponseWriter) {
			shop.Answer(answer, options.Name, err)
		}),
	)

	router := http.NewServeMux()
	router.Handle("GET /{$}", visits)
	router.HandleFunc("GET /health", knob.Health)
	router.Handle("/knob", knob)
	router.Handle("GET /metrics", promhttp.Handler())
	return shop.Serve(options, router)
}

// The library has no metrics of its own for breakers: names and codes are what applications commonly give.
func calls(callees []shop.Callee) []shop.Call {
	state := kitprometheus.NewGaugeFrom(prometheus.GaugeOpts{
		Name: "circuit_breaker_state", Help: "State of the circuit breaker (0 = closed, 1 = half-open, 2 = open).",
	}, []string{"name"})
	transitions := kitprometheus.NewCounterFrom(prometheus.CounterOpts{
		Name: "circuit_breaker_transitions_total", Help: "State changes of the circuit breaker.",
	}, []string{"name", "from", "to"})
	requests := kitprometheus.NewCounterFrom(prometheus.CounterOpts{
		Name: "circuit_breaker_requests_total", Help: "Requests through the circuit breaker by result.",
	}, []string{"name", "result"})
	client := shop.NewClient(nil)
	var all []shop.Call
	for _, callee := range callees {
		state.With("name", callee.Name).Set(float64(gobreaker.StateClosed))
		breaker := gobreaker.NewCircuitBreaker(gobreaker.Settings{
			Name:        callee.Name,
			Interval:    shop.Window,
			Timeout:     shop.Sleep,
			ReadyToTrip: func(counts gobreaker.Counts) bool { return shop.Trips(counts.Requests, counts.TotalFailures) },
			OnStateChange: func(name string, from, to gobreaker.State) {
				state.With("name", name).Set(float64(to))
				transitions.With("name", name, "from", from.String(), "to", to.String()).Add(1)
			},
		})
		call := circuitbreaker.Gobreaker(breaker)(func(ctx context.Context, _ any) (any, error) {
			return nil, shop.Get(ctx, client, callee)
		})
		all = append(all, shop.Call{Callee: callee.Name, Do: func(ctx context.Context) error {
			_, err := call(ctx, nil)
			requests.With("name", callee.Name, "result", result(err)).Add(1)
			return err
		}})
	}
	return all
}

func result(err error) string {
	switch err {
	case nil:
		return "success"
	case gobreaker.ErrOpenState, gobreaker.ErrTooManyRequests:
		return "rejected"
	default:
		return "failure"
	}
}

// The names of go-kit's own examples.
func measured(next endpoint.Endpoint) endpoint.Endpoint {
	labels := []string{"method", "error"}
	var requests metrics.Counter = kitprometheus.NewCounterFrom(prometheus.CounterOpts{
		Namespace: "shop", Subsystem: "service", Name: "request_count", Help: "Number of requests received.",
	}, labels)
	var latency metrics.Histogram = kitprometheus.NewHistogramFrom(prometheus.HistogramOpts{
		Namespace: "shop", Subsystem: "service", Name: "request_latency_seconds",
		Help: "Total duration of requests in seconds.",
	}, labels)
	return func(ctx context.Context, request any) (response any, err error) {
		defer func(started time.Time) {
			values := []string{"method", "visit", "error", fmt.Sprint(err != nil)}
			requests.With(values...).Add(1)
			latency.With(values...).Observe(time.Since(started).Seconds())
		}(time.Now())
		return next(ctx, request)
	}
}
