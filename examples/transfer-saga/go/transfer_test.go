package main

import (
	"slices"
	"strings"
	"testing"

	"reprise.dev/guest/reprisetest"
)

// The transfer against a bank in the test: what is called, and what is undone.

func bank() *reprisetest.Host {
	return reprisetest.New().
		On("POST bank/transfer-out", reprisetest.JSON(balance{70})).
		On("POST bank/transfer-in", reprisetest.JSON(balance{30}))
}

var order = Transfer{From: "alice", To: "bob", Amount: 30}

func trace(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestMoneyMoves(t *testing.T) {
	run := reprisetest.Run(bank(), transfer, order)
	if run.Failure != nil || run.Output != (Receipt{70, 30}) {
		t.Error(run.Output, run.Failure)
	}
	trace(t, run.Trace, "01 action POST bank/transfer-out: success", "02 action POST bank/transfer-in: success")
	for i, want := range []posting{{"alice", 30}, {"bob", 30}} {
		var sent posting
		if run.Calls[i].JSON(&sent); sent != want {
			t.Error(sent)
		}
	}
}

func TestARefusedStepUndoesTheOneBefore(t *testing.T) {
	run := reprisetest.Run(bank().On("POST bank/transfer-in", reprisetest.Refuse("unknown account")), transfer, order)
	if run.Failure == nil || string(run.Failure.Details) != "unknown account" {
		t.Error(run.Failure)
	}
	trace(t, run.Trace,
		"01 action POST bank/transfer-out: success",
		"02 action POST bank/transfer-in: failure",
		"01 rollback POST bank/transfer-out/revert: success",
	)
}

func TestTheFirstRefusalLeavesNothingToUndo(t *testing.T) {
	run := reprisetest.Run(bank().On("POST bank/transfer-out", reprisetest.Refuse("too little money")), transfer, order)
	if run.Failure == nil {
		t.Error(run.Output)
	}
	trace(t, run.Trace, "01 action POST bank/transfer-out: failure")
}

func TestAnOrderThatCanNotBeReadCallsNobody(t *testing.T) {
	run := reprisetest.Run(bank(), transfer, map[string]string{"from": "alice"})
	if run.Failure == nil || !strings.HasPrefix(run.Failure.Message, "the input can't be read: the key `to` is missing") {
		t.Error(run.Failure)
	}
	trace(t, run.Trace)
}
