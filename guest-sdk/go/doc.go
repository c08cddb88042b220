// Package reprise is for writing Reprise workflows in Go.
//
// A workflow is a function that is registered with [Workflow]; built for `wasip1` it is a module that the runtime
// deploys. Returning nil as the error commits every branch, returning an error rolls every branch back, each in reverse
// order:
//
//	package main
//
//	import reprise "reprise.dev/guest"
//
//	type Order struct {
//		Account string `json:"account"`
//		Amount  int    `json:"amount"`
//	}
//
//	type Receipt struct {
//		Balance int `json:"balance"`
//	}
//
//	func init() { reprise.Workflow(buy) }
//
//	func main() {}
//
//	func buy(tx *reprise.Transaction, order Order) (Receipt, error) {
//		bank := reprise.Named("bank")
//		pay := tx.Branch().OnRollback(bank.Post("/pay/revert").JSON(order))
//		return reprise.JSON[Receipt](pay.Call(bank.Post("/pay").JSON(order)))
//	}
//
// What makes a workflow durable is that it takes the same path when the runtime runs it again with the recorded
// results: take time, randomness and everything from outside from the [Transaction]. Ordinary code between the calls is
// deterministic too: time.Now, time.Sleep, math/rand, crypto/rand and the order of maps follow the recorded execution.
//
// Several things at once: [Branch.Start] submits an action where it is written, and [Call.Wait] waits for it; [Go] runs
// a function as a task. Tasks take turns, one runs until it waits, in an order that is the same on every replay. A
// plain go statement may compute, but leave the Transaction and what comes from it to tasks.
//
// Off Wasm the same function runs against package reprisetest.
package reprise
