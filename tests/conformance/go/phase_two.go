package main

import reprise "reprise.dev/guest"

func handlers(tx *reprise.Transaction, _ Input) (any, error) {
	for i := 1; i <= 3; i++ {
		branch := tx.Branch().OnRollbackHandler("undo", number{i})
		if _, err := branch.Call(stub.Post("/a").JSON(number{i})); err != nil {
			return nil, err
		}
	}
	return nil, reprise.Fail("on purpose")
}

func commitHandlers(tx *reprise.Transaction, _ Input) (any, error) {
	for i := 1; i <= 3; i++ {
		branch := tx.Branch().
			OnCommitHandler("confirm", number{i}).
			OnRollback(stub.Post("/a/undo").JSON(number{i}))
		if _, err := branch.Call(stub.Post("/a").JSON(number{i})); err != nil {
			return nil, err
		}
	}
	return map[string]int{"done": 3}, nil
}

func handlerFails(tx *reprise.Transaction, _ Input) (any, error) {
	branch := tx.Branch().OnRollbackHandler("stubborn", reprise.Raw(nil))
	if _, err := branch.Call(stub.Post("/a").JSON(number{1})); err != nil {
		return nil, err
	}
	return nil, reprise.Fail("on purpose")
}

func closures(tx *reprise.Transaction, _ Input) (any, error) {
	for i := 1; i <= 3; i++ {
		branch := tx.Branch().OnRollbackFunc(func(_ *reprise.Transaction, branch reprise.Branch) error {
			_, err := branch.Call(stub.Post("/undo").JSON(number{i}))
			return err
		})
		if _, err := branch.Call(stub.Post("/a").JSON(number{i})); err != nil {
			return nil, err
		}
	}
	return nil, reprise.Fail("on purpose")
}

// callWithPayload makes a handler that calls the stub with its payload.
func callWithPayload(path string) func(*reprise.Transaction, reprise.Branch, reprise.Phase, number) error {
	return func(_ *reprise.Transaction, branch reprise.Branch, _ reprise.Phase, payload number) error {
		_, err := branch.Call(stub.Post(path).JSON(payload))
		return err
	}
}

// stubborn fails as long as the stub says so.
func stubborn(_ *reprise.Transaction, branch reprise.Branch, _ reprise.Phase, _ reprise.Raw) error {
	type answer struct {
		Again bool `json:"again,omitempty"`
	}
	reply, err := reprise.JSON[answer](branch.Call(stub.Post("/undo").JSON(struct{}{})))
	if err != nil {
		return err
	}
	if reply.Again {
		return reprise.Fail("again")
	}
	return nil
}
