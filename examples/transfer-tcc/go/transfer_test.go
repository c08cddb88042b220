package main

import (
	"slices"
	"testing"
	"time"

	"reprise.dev/guest/reprisetest"
)

// The transfer against a bank in the test: tries at once, then confirms or cancels in reverse order.

func bank() *reprisetest.Host {
	return reprisetest.New().
		On("POST bank/transfer-out/try", reprisetest.JSON(balance{70}).After(time.Second)).
		On("POST bank/transfer-in/try", reprisetest.JSON(balance{30}).After(time.Second))
}

var order = Transfer{From: "alice", To: "bob", Amount: 30}

func TestBothTryAtOnceAndConfirm(t *testing.T) {
	run := reprisetest.Run(bank(), transfer, order)
	if run.Failure != nil || run.Output != (Receipt{70, 30}) || run.Elapsed != time.Second {
		t.Error(run.Output, run.Failure, run.Elapsed)
	}
	want := []string{
		"01 action POST bank/transfer-out/try: success",
		"02 action POST bank/transfer-in/try: success",
		"02 commit POST bank/transfer-in/confirm: success",
		"01 commit POST bank/transfer-out/confirm: success",
	}
	if !slices.Equal(run.Trace, want) {
		t.Errorf("%q", run.Trace)
	}
}

func TestARefusedTryCancelsTheOther(t *testing.T) {
	refusing := bank().On("POST bank/transfer-out/try", reprisetest.Refuse("too little money"))
	run := reprisetest.Run(refusing, transfer, order)
	if run.Failure == nil || string(run.Failure.Details) != "too little money" {
		t.Error(run.Failure)
	}
	if !slices.Equal(run.Trace[2:], []string{"02 rollback POST bank/transfer-in/cancel: success"}) {
		t.Errorf("%q", run.Trace)
	}
}
