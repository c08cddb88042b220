package main

import (
	"encoding/hex"
	"time"

	reprise "reprise.dev/guest"
)

func big(tx *reprise.Transaction, _ Input) (any, error) {
	body := make([]byte, 1_000_000)
	for i := range body {
		body[i] = byte(i % 251)
	}
	branch := tx.Branch().OnRollback(stub.Post("/big/undo").JSON(number{1}))
	reply, err := branch.Call(stub.Post("/big").Body(body))
	if err != nil {
		return nil, err
	}
	sum := 0
	for _, b := range reply.Bytes() {
		sum += int(b)
	}
	return struct {
		Bytes int `json:"bytes"`
		Sum   int `json:"sum"`
	}{len(reply.Bytes()), sum}, nil
}

func empty(tx *reprise.Transaction, _ Input) (any, error) {
	reply, err := tx.Branch().ReadOnly().Call(stub.Post("/empty"))
	if err != nil {
		return nil, err
	}
	return reprise.Raw(reply.Bytes()), nil
}

func unicode(tx *reprise.Transaction, _ Input) (any, error) {
	reply, err := tx.Branch().ReadOnly().Call(stub.Post("/text").Body([]byte(`Grüße, 世界 🌍 "\"`)))
	if err != nil {
		return nil, err
	}
	return map[string]string{"text": reply.Text()}, nil
}

func options(tx *reprise.Transaction, _ Input) (any, error) {
	branch := tx.Branch().Options(reprise.Options{
		Timeout:  1500 * time.Millisecond,
		Deadline: time.Minute,
		Retry: reprise.Retry{
			Initial:  10 * time.Millisecond,
			Factor:   2,
			Max:      time.Second,
			Attempts: 5,
			Jitter:   0.5,
		},
		OngoingInterval: 200 * time.Millisecond,
		Headers:         map[string]string{"x-a": "1", "x-b": "2"},
		IdempotencyKey:  "k-1",
		Outcomes:        reprise.Outcomes{HTTP: map[string]reprise.Outcome{"404": reprise.OutcomeFailure}},
		Effect:          reprise.ReadOnly,
	})
	return reprise.JSON[number](branch.Call(stub.Get("/a")))
}

func full(tx *reprise.Transaction, _ Input) (any, error) {
	reply, err := tx.Branch().ReadOnly().Options(reprise.Options{FullAnswer: true}).Call(stub.Get("/full"))
	if err != nil {
		return nil, err
	}
	kind, _ := reply.Header("x-kind")
	return struct {
		Status int    `json:"status"`
		Header string `json:"header"`
	}{reply.Status(), kind}, nil
}

func sql(tx *reprise.Transaction, _ Input) (any, error) {
	update := reprise.Statement("UPDATE t SET a = ?, b = ?, c = ?, d = ?, e = ?, f = ?",
		nil, true, 9007199254740993, 1.5, "text", []byte{0x00, 0xff})
	branch := tx.Branch().OnRollback(reprise.On("ledger", reprise.Statement("UPDATE t SET a = 0")))
	_, err := branch.Call(reprise.On("ledger", update.Affected(1)))
	return map[string]bool{"done": true}, err
}

func xa(tx *reprise.Transaction, _ Input) (any, error) {
	update := reprise.Statement("UPDATE t SET a = a - ?", 5).Affected(1)
	_, err := tx.Branch().Call(reprise.On("ledger", update).XA())
	return map[string]bool{"done": true}, err
}

func grpc(tx *reprise.Transaction, _ Input) (any, error) {
	message := []byte{0x08, 0x01}
	branch := tx.Branch().OnRollback(stub.GRPC("bank.Bank/Revert").Message(message))
	reply, err := branch.Call(stub.GRPC("bank.Bank/Pay").Message(message))
	if err != nil {
		return nil, err
	}
	return map[string]string{"hex": hex.EncodeToString(reply.Bytes())}, nil
}
