// Money from one account to another as a SAGA: each step takes effect at once, and its undo is registered before it.
//
// Input `{"from": "alice", "to": "bob", "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The
// participant `bank` is examples/bank, or whatever the runtime's configuration calls so. When it refuses a step (409:
// unknown account, too little money), the workflow ends with that refusal and the runtime undoes the step before.
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
	// FromBalance is what the account that paid has left.
	FromBalance int64 `json:"from_balance"`
	// ToBalance is what the account that was paid has now.
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

// transfer takes the money out, then puts it in.
func transfer(tx *reprise.Transaction, order Transfer) (Receipt, error) {
	bank := reprise.Named("bank")
	taken := posting{order.From, order.Amount}
	given := posting{order.To, order.Amount}

	out := tx.Branch().OnRollback(bank.Post("/transfer-out/revert").JSON(taken))
	from, err := reprise.JSON[balance](out.Call(bank.Post("/transfer-out").JSON(taken)))
	if err != nil {
		return Receipt{}, err
	}

	into := tx.Branch().OnRollback(bank.Post("/transfer-in/revert").JSON(given))
	to, err := reprise.JSON[balance](into.Call(bank.Post("/transfer-in").JSON(given)))
	if err != nil {
		return Receipt{}, err
	}

	return Receipt{from.Balance, to.Balance}, nil
}
