package reprise

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise.dev/guest/internal/wit"
)

func TestEveryErrorBecomesAFailure(t *testing.T) {
	sold := refused(wit.Response{Status: 409, Body: []byte("sold out")})
	database := `{"message":"statement 1 affected 0 rows instead of 1","statement":1}`
	for _, test := range []struct {
		err              error
		message, details string
	}{
		{sold, "the participant refused: sold out", "sold out"},
		{fmt.Errorf("e2: %w", sold), "e2: the participant refused: sold out", "sold out"},
		{
			refused(wit.Response{Body: []byte(database)}),
			"the participant refused: statement 1 affected 0 rows instead of 1", database,
		},
		{
			callError(&wit.CallError{Kind: wit.Exhausted, Data: []byte("3 attempts: down")}),
			"no success within the allowed attempts: 3 attempts: down", "",
		},
		{
			callError(&wit.CallError{Kind: wit.Deadline, Data: []byte("1 attempt: down")}),
			"no success before the deadline: 1 attempt: down", "",
		},
		{callError(&wit.CallError{Kind: wit.Canceled}), "the operation was cancelled", ""},
		{callError(&wit.CallError{Kind: wit.Invalid, Data: []byte("no bank")}), "no bank", ""},
		{Fail("no stock").WithDetails(map[string]int{"sku": 7}), "no stock", `{"sku":7}`},
		{fmt.Errorf("shop: %w", Fail("no").WithDetails(Raw{1})), "shop: no", "\x01"},
		{Fail("no").WithDetails(func() {}), "no (its details have no JSON form: json: unsupported type: func())", ""},
		{errors.New("plain"), "plain", ""},
		{&TimedOut{After: 90 * time.Second}, "not done within 90s", ""},
		{&TimedOut{After: 1500 * time.Millisecond}, "not done within 1.5s", ""},
	} {
		got := failureOf(test.err)
		if got.Message != test.message || string(got.Details) != test.details {
			t.Errorf("%#v: got %q %q", test.err, got.Message, got.Details)
		}
	}
}

func TestKindsAreFoundWithPackageErrors(t *testing.T) {
	err := fmt.Errorf("a: %w", callError(&wit.CallError{Kind: wit.Exhausted}))
	if !errors.Is(err, ErrExhausted) || errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
