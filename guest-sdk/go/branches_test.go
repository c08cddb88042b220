package reprise_test

import (
	"slices"
	"strings"
	"testing"

	reprise "reprise.dev/guest"
	"reprise.dev/guest/reprisetest"
)

type parcel struct {
	ID int `json:"id"`
}

var shop = reprise.Named("shop")

func shops() *reprisetest.Host {
	return reprisetest.New().
		On("POST shop/*", reprisetest.OK()).
		On("POST shop/refuse", reprisetest.Refuse("sold out")).
		On("SQL stock", reprisetest.Rows(map[string]int{"n": 7})).
		On("XA stock", reprisetest.OK())
}

func init() {
	reprise.Handler("settle", settle)
}

func settle(tx *reprise.Transaction, branch reprise.Branch, phase reprise.Phase, what parcel) error {
	path := map[reprise.Phase]string{reprise.Commit: "/settle", reprise.Rollback: "/unsettle"}[phase]
	if _, err := branch.Call(shop.Post(path).JSON(what)); err != nil {
		return err
	}
	_, err := tx.Branch().Pivot().Call(shop.Post("/tell").JSON(what))
	return err
}

// ship calls `path` on its last branch.
func ship(tx *reprise.Transaction, path string) (int, error) {
	what := parcel{7}
	tx.OnFinish(shop.Post("/done"))
	first := tx.Branch().OnCommit(shop.Post("/a/confirm")).OnRollback(shop.Post("/a/cancel"))
	if _, err := first.Call(shop.Post("/a")); err != nil {
		return 0, err
	}
	tx.Branch().OnCommitHandler("settle", what).OnRollbackHandler("settle", what)
	last := tx.Branch().
		Options(reprise.Options{CompensateFailed: true}).
		OnCommitFunc(func(_ *reprise.Transaction, branch reprise.Branch) error {
			reprise.Logf(reprise.LevelInfo, "parcel %d", what.ID)
			_, err := branch.Call(shop.Post("/closure").JSON(what))
			return err
		}).
		OnRollbackFunc(func(_ *reprise.Transaction, branch reprise.Branch) error {
			_, err := branch.Call(shop.Post("/unclosure"))
			return err
		})
	_, err := last.Call(shop.Post(path))
	return what.ID, err
}

func TestACommitIsDoneInReverse(t *testing.T) {
	run := reprisetest.Run(shops(), ship, "/b")
	check(t, run, 7, 0,
		"01 action POST shop/a: success",
		"03 action POST shop/b: success",
		"03 commit POST shop/closure: success",
		"02 commit POST shop/settle: success",
		"02-01 action POST shop/tell: success",
		"01 commit POST shop/a/confirm: success",
		"finish POST shop/done: success",
	)
	if len(run.Log) != 1 || run.Log[0] != "parcel 7" {
		t.Error("a replay logs nothing again", run.Log)
	}
	var sent parcel
	if run.Calls[2].JSON(&sent); sent.ID != 7 {
		t.Error(sent)
	}
}

func TestARollbackDoesTheOtherHalf(t *testing.T) {
	run := reprisetest.Run(shops(), ship, "/refuse")
	if run.Failure == nil || run.Failure.Message != "the participant refused: sold out" {
		t.Error(run.Failure)
	}
	want := []string{
		"01 action POST shop/a: success",
		"03 action POST shop/refuse: failure",
		"03 rollback POST shop/unclosure: success",
		"02 rollback POST shop/unsettle: success",
		"02-01 action POST shop/tell: success",
		"01 rollback POST shop/a/cancel: success",
		"finish POST shop/done: success",
	}
	if !slices.Equal(run.Trace, want) {
		t.Errorf("%q", run.Trace)
	}
}

func TestDatabasesAreOperationsToo(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (int, error) {
		update := reprise.On("stock", reprise.Statement("UPDATE stock SET n = ?", 1))
		if _, err := tx.Branch().Call(update.XA()); err != nil {
			return 0, err
		}
		reply, err := tx.Branch().ReadOnly().Call(reprise.On("stock", reprise.Statement("SELECT n FROM stock")))
		if err != nil {
			return 0, err
		}
		var rows []struct {
			N int `json:"n"`
		}
		err = reply.Rows(0, &rows)
		return rows[0].N, err
	}
	check(t, reprisetest.Run(shops(), workflow, nil), 7, 0,
		"01 action XA stock: success", "02 action SQL stock: success", "01 commit XA stock: success")
}

func TestAMistakeComesOutWhereItsBranchIsCalled(t *testing.T) {
	for name, branch := range map[string]func(tx *reprise.Transaction) reprise.Branch{
		"no handler `unknown`: register it": func(tx *reprise.Transaction) reprise.Branch {
			return tx.Branch().OnRollbackHandler("unknown", nil)
		},
		"POST shop/undo: no JSON form": func(tx *reprise.Transaction) reprise.Branch {
			return tx.Branch().OnRollback(shop.Post("/undo").JSON(func() {}))
		},
		"branch 01 has its on-rollback already": func(tx *reprise.Transaction) reprise.Branch {
			return tx.Branch().OnRollback(shop.Post("/undo")).OnRollback(shop.Post("/undo"))
		},
		"nothing says how it is undone": func(tx *reprise.Transaction) reprise.Branch {
			return tx.Branch()
		},
	} {
		called := func(tx *reprise.Transaction, _ any) (any, error) {
			return branch(tx).Call(shop.Post("/a"))
		}
		run := reprisetest.Run(shops(), called, nil)
		if run.Failure == nil || !strings.Contains(run.Failure.Message, name) || len(run.Calls) > 1 {
			t.Error(name, run.Failure, run.Trace)
		}
	}
}

func TestAMistakeThatNoCallReportsEndsTheWorkflow(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		tx.Branch().OnCommitHandler("unknown", nil)
		return nil, nil
	}
	run := reprisetest.Run(shops(), workflow, nil)
	if run.Failure == nil || !strings.HasPrefix(run.Failure.Message, "branch 01: no handler `unknown`") {
		t.Error(run.Failure)
	}
}

func TestABranchHasOneAction(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		branch := tx.Branch().ReadOnly()
		if _, err := branch.Call(shop.Get("/a")); err != nil {
			return nil, err
		}
		return branch.Call(shop.Get("/b"))
	}
	run := reprisetest.Run(shops().On("GET shop/a", reprisetest.OK()), workflow, nil)
	if run.Failure == nil || !strings.Contains(run.Failure.Message, "branch 01 has its operation already") {
		t.Error(run.Failure)
	}
}

func TestRetriesFollowTheOptions(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		options := reprise.Options{Retry: reprise.Retry{Attempts: 3}}
		return tx.Branch().Options(options).ReadOnly().Call(shop.Post("/down"))
	}
	run := reprisetest.Run(shops().On("POST shop/down", reprisetest.Unknown("down")), workflow, nil)
	if run.Failure == nil ||
		run.Failure.Message != "no success within the allowed attempts: 3 attempts: down" || len(run.Calls) != 3 {
		t.Error(run.Failure, run.Trace)
	}
}

func TestAnotherPathOnReplayIsNamed(t *testing.T) {
	runs := 0
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		runs++
		return tx.Branch().ReadOnly().Call(shop.Post([]string{"", "/a", "/b"}[runs]))
	}
	defer func() {
		want := "at 1 it asked for `call 01 POST shop/a `, and in the replay for `call 01 POST shop/b `"
		if text, _ := recover().(string); !strings.Contains(text, want) {
			t.Error(text)
		}
	}()
	reprisetest.Run(shops(), workflow, nil)
}
