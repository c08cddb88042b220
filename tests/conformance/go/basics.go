package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	reprise "reprise.dev/guest"
)

func saga(tx *reprise.Transaction, _ Input) (any, error) {
	a, err := numberOf(undone(tx, "/a", number{1}))
	if err != nil {
		return nil, err
	}
	b, err := numberOf(undone(tx, "/b", number{2}))
	return both{a, b}, err
}

func tcc(tx *reprise.Transaction, _ Input) (any, error) {
	try := func(path string, body number) reprise.Branch {
		return tx.Branch().
			OnCommit(stub.Post(path + "/confirm").JSON(body)).
			OnRollback(stub.Post(path + "/cancel").JSON(body))
	}
	branchA, branchB := try("/a", number{1}), try("/b", number{2})
	tryA := branchA.Start(stub.Post("/a/try").JSON(number{1}))
	tryB := branchB.Start(stub.Post("/b/try").JSON(number{2}))
	tx.Join(tryA, tryB)
	a, err := numberOf(tryA)
	if err != nil {
		return nil, err
	}
	b, err := numberOf(tryB)
	return both{a, b}, err
}

func refused(tx *reprise.Transaction, _ Input) (any, error) {
	_, err := undone(tx, "/a", number{1}).Wait()
	var call *reprise.CallError
	if !errors.As(err, &call) || call.Reply == nil {
		return nil, reprise.Failf("it was not refused: %v", err)
	}
	return struct {
		Refused string `json:"refused"`
	}{call.Reply.Text()}, nil
}

// caught is the output of scenarios whose call ends with an error of one kind.
func caught(call *reprise.Call, kind error, name string) (any, error) {
	if _, err := call.Wait(); !errors.Is(err, kind) {
		return nil, reprise.Failf("it did not end as `%s`: %v", name, err)
	}
	return struct {
		Error string `json:"error"`
	}{name}, nil
}

func attempts(tx *reprise.Transaction, _ Input) (any, error) {
	branch := tx.Branch().ReadOnly().Options(reprise.Options{Retry: reprise.Retry{Attempts: 3}})
	return caught(branch.Start(stub.Get("/down")), reprise.ErrExhausted, "exhausted")
}

func deadline(tx *reprise.Transaction, _ Input) (any, error) {
	branch := tx.Branch().ReadOnly().Options(reprise.Options{Deadline: time.Minute})
	return caught(branch.Start(stub.Get("/down")), reprise.ErrDeadline, "deadline")
}

func cancel(tx *reprise.Transaction, _ Input) (any, error) {
	call := get(tx, "/slow")
	call.Cancel()
	return caught(call, reprise.ErrCanceled, "canceled")
}

func invalid(tx *reprise.Transaction, _ Input) (any, error) {
	return caught(tx.Branch().Start(stub.Post("/a").JSON(number{1})), reprise.ErrInvalid, "invalid")
}

func failure(tx *reprise.Transaction, _ Input) (any, error) {
	if _, err := undone(tx, "/a", number{1}).Wait(); err != nil {
		return nil, err
	}
	return nil, reprise.Fail("no stock").WithDetails(map[string]int{"sku": 7})
}

func sleep(tx *reprise.Transaction, _ Input) (any, error) {
	tx.Sleep(1500 * time.Millisecond)
	tx.Sleep(0)
	return map[string]bool{"slept": true}, nil
}

func now(tx *reprise.Transaction, _ Input) (any, error) {
	before := tx.Now().UnixMilli()
	if _, err := get(tx, "/a").Wait(); err != nil {
		return nil, err
	}
	return struct {
		Before int64 `json:"before"`
		After  int64 `json:"after"`
	}{before, tx.Now().UnixMilli()}, nil
}

func random(tx *reprise.Transaction, _ Input) (any, error) {
	return map[string]string{"hex": hex.EncodeToString(tx.RandomBytes(16))}, nil
}

func finish(tx *reprise.Transaction, _ Input) (any, error) {
	tx.OnFinish(stub.Post("/finish").JSON(number{1}))
	a, err := numberOf(undone(tx, "/a", number{1}))
	return first{a}, err
}

func log(*reprise.Transaction, Input) (any, error) {
	levels := []reprise.Level{
		reprise.LevelTrace, reprise.LevelDebug, reprise.LevelInfo, reprise.LevelWarn, reprise.LevelError,
	}
	for i, text := range []string{"t", "d", "i", "w", "e"} {
		reprise.Log(levels[i], text)
	}
	fmt.Println("out")
	fmt.Fprintln(os.Stderr, "err")
	return map[string]int{"logged": 5}, nil
}

func trap(tx *reprise.Transaction, _ Input) (any, error) {
	if _, err := get(tx, "/a").Wait(); err != nil {
		return nil, err
	}
	panic("boom in scenario")
}

// badInput is reached only if the amount is a number: the SDK refuses other input before.
func badInput(_ *reprise.Transaction, input Input) (any, error) {
	return map[string]float64{"amount": input.Amount}, nil
}
