package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Breakers are set so that a test sees them open and close within seconds.
const (
	// Timeout of one call.
	Timeout = 2 * time.Second
	// Window over which calls are counted.
	Window = 2 * time.Second
	// MinimumCalls in a window before a breaker may open.
	MinimumCalls = 4
	// FailureRatio at which it opens.
	FailureRatio = 0.5
	// Sleep is how long it stays open before it tries again.
	Sleep = time.Second
)

// Trips is the rule of breakers that leave it to the application.
func Trips(requests, failures uint32) bool {
	return requests >= MinimumCalls && float64(failures) >= FailureRatio*float64(requests)
}

// Call is one way to another service, with the breaker in it.
type Call struct {
	Callee string
	Do     func(context.Context) error
}

// Visit is what a service does for its callers: first its own work, then its calls, all of them.
type Visit struct {
	Service string
	Knob    *Knob
	Calls   []Call
}

// Run does it; the error of its own work is ErrFailed, all others are of its calls.
func (visit Visit) Run(ctx context.Context) error {
	if err := visit.Knob.Take(ctx); err != nil {
		return err
	}
	var failed []error
	for _, call := range visit.Calls {
		if err := call.Do(ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", call.Callee, err))
		}
	}
	return errors.Join(failed...)
}

// ServeHTTP is a visit over HTTP: 503 when the service fails itself, 502 when a call does.
func (visit Visit) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	err := visit.Run(request.Context())
	Answer(answer, visit.Service, err)
}

// Answer tells the outcome of a visit.
func Answer(answer http.ResponseWriter, service string, err error) {
	body := map[string]string{"service": service}
	status := http.StatusOK
	switch {
	case errors.Is(err, ErrFailed):
		status = http.StatusServiceUnavailable
	case err != nil:
		status = http.StatusBadGateway
	}
	if err != nil {
		body["error"] = err.Error()
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(status)
	_ = json.NewEncoder(answer).Encode(body)
}

// Health is 503 while the service fails wholly.
func (knob *Knob) Health(answer http.ResponseWriter, _ *http.Request) {
	if knob.IsOut() {
		http.Error(answer, ErrFailed.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(answer, "ok")
}
