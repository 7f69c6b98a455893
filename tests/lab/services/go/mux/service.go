// Package mux is a service of gorilla/mux with hashicorp/go-metrics and logrus, whose calls go through failsafe-go.
package mux

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/gorilla/mux"
	"github.com/hashicorp/go-metrics"
	"github.com/hashicorp/go-metrics/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"

	"shop/shop"
)

// Numbered as gobreaker does: failsafe-go's own constants are in another order (closed, open, half-open), and it shows none of them itself.
var states = map[circuitbreaker.State]float32{
	circuitbreaker.ClosedState: 0, circuitbreaker.HalfOpenState: 1, circuitbreaker.OpenState: 2,
}

// Run serves until the process ends.
func Run(options shop.Options) error {
	recent := metrics.NewInmemSink(time.Second, time.Minute)
	sink, err := prometheus.NewPrometheusSink()
	if err != nil {
		return err
	}
	settings := metrics.DefaultConfig("shop")
	settings.EnableHostname = false
	if _, err := metrics.NewGlobal(settings, metrics.FanoutSink{sink, recent}); err != nil {
		return err
	}
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})

	knob := &shop.Knob{}
	router := mux.NewRouter()
	router.Use(measured)
	visit := shop.Visit{Service: options.Name, Knob: knob, Calls: calls(options.Callees)}
	router.Handle("/", visit).Methods(http.MethodGet).Name("visit")
	router.HandleFunc("/health", knob.Health).Methods(http.MethodGet)
	router.Handle("/knob", knob)
	router.Handle("/metrics", promhttp.Handler()).Methods(http.MethodGet)
	return shop.Serve(options, router)
}

func calls(callees []shop.Callee) []shop.Call {
	client := shop.NewClient(nil)
	var all []shop.Call
	for _, callee := range callees {
		name := []metrics.Label{{Name: "name", Value: callee.Name}}
		metrics.SetGaugeWithLabels([]string{"breaker", "state"}, states[circuitbreaker.ClosedState], name)
		breaker := circuitbreaker.NewBuilder[any]().
			WithFailureRateThreshold(shop.FailureRatio, shop.MinimumCalls, shop.Window).
			WithDelay(shop.Sleep).
			WithSuccessThreshold(1).
			OnStateChanged(func(change circuitbreaker.StateChangedEvent) {
				metrics.SetGaugeWithLabels([]string{"breaker", "state"}, states[change.NewState], name)
				logrus.WithFields(logrus.Fields{"breaker": callee.Name, "from": change.OldState, "to": change.NewState}).
					Warn("breaker changed")
			}).
			Build()
		through := failsafe.With(breaker)
		all = append(all, shop.Call{Callee: callee.Name, Do: func(ctx context.Context) error {
			started := time.Now()
			err := through.RunWithExecution(func(failsafe.Execution[any]) error { return shop.Get(ctx, client, callee) })
			labels := []metrics.Label{{Name: "service", Value: callee.Name}}
			switch {
			case errors.Is(err, circuitbreaker.ErrOpen):
				metrics.IncrCounterWithLabels([]string{"breaker", "rejected"}, 1, name)
			case err != nil:
				metrics.IncrCounterWithLabels([]string{"client", "call", "error"}, 1, labels)
				fallthrough
			default:
				metrics.MeasureSinceWithLabels([]string{"client", "call"}, started, labels)
			}
			return err
		}})
	}
	return all
}

func measured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		started := time.Now()
		seen := &status{ResponseWriter: answer, code: http.StatusOK}
		next.ServeHTTP(seen, request)
		labels := []metrics.Label{{Name: "path", Value: request.URL.Path}, {Name: "method", Value: request.Method}}
		metrics.MeasureSinceWithLabels([]string{"http", "request"}, started, labels)
		entry := logrus.WithFields(logrus.Fields{
			"method": request.Method, "path": request.URL.Path, "status": seen.code, "duration": time.Since(started),
		})
		if seen.code >= http.StatusInternalServerError {
			metrics.IncrCounterWithLabels([]string{"http", "request", "error"}, 1, labels)
			entry.Error("request failed")
			return
		}
		entry.Info("request")
	})
}

// What was answered.
type status struct {
	http.ResponseWriter
	code int
}

func (status *status) WriteHeader(code int) {
	status.code = code
	status.ResponseWriter.WriteHeader(code)
}
