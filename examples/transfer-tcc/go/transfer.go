// Money from one account to another as a TCC: both banks try at once, then both confirm or both cancel.
//
// Input `{"from": "alice", "to": "bob", "amount": 30}`, output the balances that the tries saw, before the money moves:
// `{"from_balance": 100, "to_balance": 0}`. The participant `bank` is examples/bank, or whatever the runtime's
// configuration calls so. A try reserves the money, so nobody can spend it before all is settled; when a try is refused
// (409), the runtime cancels the other one.
package main

import reprise "reprise.dev/guest"

// Transfer is what to move.
type Transfer struct {
	// From is the account that pays.
	From string `json:"from"`
	// To is the account that is paid.
	To string `json:"to"`
	// Amount is how much, more than zero.
	Amount int64 `json:"amount"`
}

// Receipt is what it led to.
type Receipt struct {
	// FromBalance is what the account that paid had before.
	FromBalance int64 `json:"from_balance"`
	// ToBalance is what the account that is paid had before.
	ToBalance int64 `json:"to_balance"`
}

// posting is what the bank is asked to do.
type posting struct {
	Account string `json:"account"`
	Amount  int64  `json:"amount"`
}

// balance is what the bank answers.
type balance struct {
	Balance int64 `json:"balance"`
}

func init() { reprise.Workflow(transfer) }

func main() {}

// transfer tries both halves at once; confirming and cancelling is left to the runtime.
func transfer(tx *reprise.Transaction, order Transfer) (Receipt, error) {
	bank := reprise.Named("bank")
	taken := posting{order.From, order.Amount}
	given := posting{order.To, order.Amount}

	out := tx.Branch().
		OnCommit(bank.Post("/transfer-out/confirm").JSON(taken)).
		OnRollback(bank.Post("/transfer-out/cancel").JSON(taken))
	into := tx.Branch().
		OnCommit(bank.Post("/transfer-in/confirm").JSON(given)).
		OnRollback(bank.Post("/transfer-in/cancel").JSON(given))
	taking := out.Start(bank.Post("/transfer-out/try").JSON(taken))
	giving := into.Start(bank.Post("/transfer-in/try").JSON(given))
	tx.Join(taking, giving)
	from, err := reprise.JSON[balance](taking.Wait())
	if err != nil {
		return Receipt{}, err
	}
	to, err := reprise.JSON[balance](giving.Wait())
	if err != nil {
		return Receipt{}, err
	}

	return Receipt{from.Balance, to.Balance}, nil
}
