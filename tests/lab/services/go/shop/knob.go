package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// ErrFailed is the answer of a service whose knob says so.
var ErrFailed = errors.New("out of order")

// Knob makes a service fail and slow.
type Knob struct {
	mutex   sync.Mutex
	setting setting
	// The share of failures that is due; the next answer fails when it reaches one. So 10 answers at 0.6 fail exactly 6 times.
	due float64
}

type setting struct {
	// Fail is the share of answers that fail, from 0 to 1.
	Fail float64 `json:"fail"`
	// DelayMs is what each answer waits for, in milliseconds.
	DelayMs uint32 `json:"delay_ms"`
}

// Take waits as long as the knob says, and fails when it says so.
func (knob *Knob) Take(ctx context.Context) error {
	knob.mutex.Lock()
	delay := time.Duration(knob.setting.DelayMs) * time.Millisecond
	knob.due += knob.setting.Fail
	// A little less than one: the sum of tenths is not exact.
	fails := knob.due > 1-1e-9
	if fails {
		knob.due--
	}
	knob.mutex.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fails {
		return ErrFailed
	}
	return nil
}

// IsOut tells whether every answer fails.
func (knob *Knob) IsOut() bool {
	knob.mutex.Lock()
	defer knob.mutex.Unlock()
	return knob.setting.Fail >= 1
}

// ServeHTTP shows the knob; a POST turns it first. What the query leaves out is zero.
func (knob *Knob) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPost {
		wanted, err := read(request)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		knob.mutex.Lock()
		knob.setting, knob.due = wanted, 0
		knob.mutex.Unlock()
	}
	knob.mutex.Lock()
	defer knob.mutex.Unlock()
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(knob.setting)
}

func read(request *http.Request) (wanted setting, err error) {
	if text := request.URL.Query().Get("fail"); text != "" {
		wanted.Fail, err = strconv.ParseFloat(text, 64)
		if err != nil || !(wanted.Fail >= 0 && wanted.Fail <= 1) {
			return wanted, errors.New("fail is a share from 0 to 1")
		}
	}
	if text := request.URL.Query().Get("delay_ms"); text != "" {
		delay, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return wanted, errors.New("delay_ms is a number of milliseconds up to 65535")
		}
		wanted.DelayMs = uint32(delay)
	}
	return wanted, nil
}
