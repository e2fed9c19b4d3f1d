package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const (
	callTimeout   = 5 * time.Second
	streamTimeout = 30 * time.Second
	attempts      = 5
	firstPause    = 200 * time.Millisecond
)

// apiKey goes with every call and every stream.
type apiKey string

func (key apiKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(key)}, nil
}

// RequireTransportSecurity is false for the example, which talks to 127.0.0.1.
func (apiKey) RequireTransportSecurity() bool { return false }

func connect() (*grpc.ClientConn, error) {
	key := os.Getenv("TIDINGS_KEY")
	if key == "" {
		return nil, errors.New("TIDINGS_KEY is not set")
	}
	return grpc.NewClient(
		variable("TIDINGS_ADDRESS", "127.0.0.1:50051"),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(apiKey(key)),
	)
}

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// call repeats a call until another try would not change its answer; each try has a deadline of its own.
//
// That is safe because the request has a request_id: the server answers a repeat with the first answer.
func call[Request, Response any](
	ctx context.Context,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request Request,
) (Response, error) {
	for attempt := 1; ; attempt++ {
		try, cancel := context.WithTimeout(ctx, callTimeout)
		response, err := method(try, request)
		cancel()
		if err == nil || !again(ctx, err, attempt) {
			return response, err
		}
	}
}

// again waits before the next try: as long as the server asks, or twice as long each time. It says false where a try
// more would change nothing.
func again(ctx context.Context, err error, attempt int) bool {
	if attempt == attempts || !passes(err) {
		return false
	}
	pause := firstPause << attempt
	pause += rand.N(pause)
	if info := detail[*errdetails.RetryInfo](err); info != nil {
		pause = info.RetryDelay.AsDuration()
	}
	fmt.Fprintf(os.Stderr, "trying again in %s: %s\n", pause.Round(time.Millisecond), describe(err))
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

func passes(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	default:
		return reason(err) == "REQUEST_IN_PROGRESS"
	}
}

// describe is an error with its reason and every field that is wrong.
func describe(err error) string {
	problem, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	text := strings.TrimSpace(fmt.Sprintf("%s %s", problem.Code(), reason(err)))
	lines := []string{fmt.Sprintf("%s: %s", text, problem.Message())}
	for _, violation := range violations(err) {
		lines = append(lines, fmt.Sprintf("  %s: %s", violation.Field, violation.Description))
	}
	return strings.Join(lines, "\n")
}

func reason(err error) string { return detail[*errdetails.ErrorInfo](err).GetReason() }

func violations(err error) []*errdetails.BadRequest_FieldViolation {
	return detail[*errdetails.BadRequest](err).GetFieldViolations()
}

// detail is the first detail of that type, or nil.
func detail[Detail any](err error) (found Detail) {
	for _, any := range status.Convert(err).Details() {
		if detail, ok := any.(Detail); ok {
			return detail
		}
	}
	return found
}
