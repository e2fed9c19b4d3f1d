// Command flight keeps one Live Activity true: it starts it, streams what changes, watches it, and ends it.
//
// It ends with exit code 1 where the server answers anything else than a flight needs.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	tidings "example.com/flight/gen/tidings/v1"
)

// The longest that the whole flight may take. Each call has a shorter deadline of its own.
const flightTimeout = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, flightTimeout)
	defer cancel()
	if err := fly(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "the flight failed:", describe(err))
		os.Exit(1)
	}
}

func fly(ctx context.Context) error {
	connection, err := connect()
	if err != nil {
		return err
	}
	defer connection.Close()
	activities := tidings.NewLiveActivityServiceClient(connection)
	id := "FLIGHT_" + rand.Text()

	if err := start(ctx, activities, id); err != nil {
		return err
	}
	watched := make(chan error, 1)
	go func() { watched <- watch(ctx, activities, id) }()
	if err := mistake(ctx, activities, id); err != nil {
		return err
	}
	if err := streamUpdates(ctx, activities, changes(id)); err != nil {
		return err
	}
	if err := end(ctx, activities, id); err != nil {
		return err
	}
	return <-watched
}

// start puts the flight on every device of one person.
func start(ctx context.Context, activities tidings.LiveActivityServiceClient, id string) error {
	answer, err := call(ctx, activities.StartActivity, &tidings.StartActivityRequest{
		// What the call is about, not a random number: a program that was restarted repeats it too.
		RequestId:    id + "/start",
		ActivityId:   id,
		ActivityType: "flight_status",
		Attributes:   object("flight", "TK1985"),
		ContentState: object("status", "Scheduled"),
		Audience:     &tidings.Audience{ContactKeys: []string{variable("TIDINGS_CONTACT", "ayse")}},
		Alert:        &tidings.Alert{Title: "TK1985", Body: "Istanbul to London"},
	})
	if err != nil {
		return err
	}
	fmt.Printf("started %s: run %d, replayed %t\n", id, answer.Activity.Run, answer.Replayed)
	return nil
}

// mistake shows what a refused call says: its reason, and every field that is wrong.
func mistake(ctx context.Context, activities tidings.LiveActivityServiceClient, id string) error {
	text := "{}"
	_, err := call(ctx, activities.UpdateActivity, &tidings.UpdateActivityRequest{
		RequestId:        id + "/mistake",
		ActivityId:       id,
		ContentState:     object("status", "Boarding"),
		ContentStateJson: &text,
		Alert:            &tidings.Alert{Title: strings.Repeat("x", 300)},
	})
	if status.Code(err) != codes.InvalidArgument || len(violations(err)) < 2 {
		return fmt.Errorf("a wrong update was not refused for each of its mistakes: %w", err)
	}
	fmt.Println("refused, as it should be:", describe(err))
	return nil
}

// changes is what happens to the flight, and a change of one that nobody started.
func changes(id string) []*tidings.StreamUpdatesRequest {
	var items []*tidings.StreamUpdatesRequest
	add := func(activity, what string) {
		sequence := int64(len(items) + 1)
		items = append(items, &tidings.StreamUpdatesRequest{
			Sequence: sequence,
			Item: &tidings.StreamUpdatesRequest_Update{Update: &tidings.UpdateActivityRequest{
				RequestId:    fmt.Sprintf("%s/change/%d", id, sequence),
				ActivityId:   activity,
				ContentState: object("status", what),
			}},
		})
	}
	add(id, "Gate B12")
	add(id, "Boarding")
	add(id+"_NOWHERE", "Boarding")
	add(id, "Departed")
	return items
}

// streamUpdates sends the items on one stream, and those without an answer again where it breaks.
func streamUpdates(
	ctx context.Context, activities tidings.LiveActivityServiceClient, items []*tidings.StreamUpdatesRequest,
) error {
	for attempt := 1; ; attempt++ {
		unanswered, err := streamOnce(ctx, activities, items)
		if err == nil && len(unanswered) > 0 {
			return fmt.Errorf("the server left %d items unanswered", len(unanswered))
		}
		if err == nil || !again(ctx, err, attempt) {
			return err
		}
		items = unanswered
	}
}

// streamOnce returns the items that were not answered, in their order.
func streamOnce(
	ctx context.Context, activities tidings.LiveActivityServiceClient, items []*tidings.StreamUpdatesRequest,
) ([]*tidings.StreamUpdatesRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	stream, err := activities.StreamUpdates(ctx)
	if err != nil {
		return items, err
	}
	// The server reads no further while 256 items are unanswered, so whoever sends must not be whoever reads.
	go func() {
		for _, item := range items {
			if stream.Send(item) != nil {
				return // Recv has the reason.
			}
		}
		_ = stream.CloseSend()
	}()
	answers := map[int64]bool{}
	for err == nil {
		var answer *tidings.StreamUpdatesResponse
		if answer, err = stream.Recv(); err == nil {
			answers[answer.Sequence] = true
			print(answer)
		}
	}
	var unanswered []*tidings.StreamUpdatesRequest
	for _, item := range items {
		if !answers[item.Sequence] {
			unanswered = append(unanswered, item)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return unanswered, err
}

func print(answer *tidings.StreamUpdatesResponse) {
	switch result := answer.Result.(type) {
	case *tidings.StreamUpdatesResponse_Update:
		fmt.Printf("change %d: revision %d\n", answer.Sequence, result.Update.Revision)
	case *tidings.StreamUpdatesResponse_Error:
		// One bad item does not end the stream; it has the very status of a call.
		fmt.Printf("change %d was refused: %s\n", answer.Sequence, describe(status.ErrorProto(result.Error)))
	}
}

// end lands the flight; its card stays for 15 minutes.
func end(ctx context.Context, activities tidings.LiveActivityServiceClient, id string) error {
	answer, err := call(ctx, activities.EndActivity, &tidings.EndActivityRequest{
		RequestId:    id + "/end",
		ActivityId:   id,
		ContentState: object("status", "Landed"),
		Dismissal:    &tidings.Dismissal{After: durationpb.New(15 * time.Minute)},
	})
	if err != nil {
		return err
	}
	off := answer.DismissTime.AsTime().Format(time.RFC3339)
	fmt.Printf("ended: revision %d, off the screen at %s\n", answer.Revision, off)
	return nil
}

// watch follows the activity until it has ended and every end has settled.
func watch(ctx context.Context, activities tidings.LiveActivityServiceClient, id string) error {
	var last *tidings.WatchActivityResponse
	for attempt := 1; ; attempt++ {
		stream, err := activities.WatchActivity(ctx, &tidings.WatchActivityRequest{ActivityId: id})
		for err == nil {
			var message *tidings.WatchActivityResponse
			if message, err = stream.Recv(); err == nil {
				last = message
				fmt.Printf("seen: revision %d, %s\n", last.Activity.Revision, progress(last.Progress))
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		// A broken watch is called again: its first message is the present state.
		if !again(ctx, err, attempt) {
			return err
		}
	}
	if last.GetActivity().GetState() != tidings.ActivityState_ACTIVITY_STATE_ENDED {
		return errors.New("the watch ended before the activity")
	}
	fmt.Println("the flight has landed on every device that could be reached")
	return nil
}

func progress(progress *tidings.Progress) string {
	var pending, accepted int64
	for _, route := range progress.Routes {
		pending += route.Pending
		accepted += route.Accepted
	}
	return fmt.Sprintf("%d accepted, %d pending", accepted, pending)
}

func object(name, value string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{name: structpb.NewStringValue(value)}}
}
