package reprise_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	reprise "reprise.dev/guest"
	"reprise.dev/guest/reprisetest"
)

// services are three that take one, two and three seconds.
func services() *reprisetest.Host {
	after := func(seconds int) reprisetest.Answer {
		return reprisetest.JSON(seconds).After(time.Duration(seconds) * time.Second)
	}
	return reprisetest.New().On("POST a/x", after(3)).On("POST b/x", after(1)).On("POST c/x", after(2))
}

func start(tx *reprise.Transaction, name string) *reprise.Call {
	participant := reprise.Named(name)
	return tx.Branch().OnRollback(participant.Post("undo")).Start(participant.Post("x"))
}

// check compares the parts of a result that are named.
func check[O any](t *testing.T, run reprisetest.Result[O], output O, seconds int, trace ...string) {
	t.Helper()
	if run.Failure != nil || !reflect.DeepEqual(run.Output, output) {
		t.Errorf("got %v, failure %v; want %v", run.Output, run.Failure, output)
	}
	if run.Elapsed != time.Duration(seconds)*time.Second {
		t.Errorf("it took %s", run.Elapsed)
	}
	if trace != nil && !slices.Equal(run.Trace, trace) {
		t.Errorf("trace %q", run.Trace)
	}
}

func TestJoinedCallsRunAtOnce(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) ([]int, error) {
		a, b := start(tx, "a"), start(tx, "b")
		tx.Join(a, b)
		first, errA := reprise.JSON[int](a.Wait())
		second, errB := reprise.JSON[int](b.Wait())
		return []int{first, second}, errors.Join(errA, errB)
	}
	check(t, reprisetest.Run(services(), workflow, nil), []int{3, 1}, 3,
		"01 action POST a/x: success", "02 action POST b/x: success")
}

func TestCallsWithoutStartTakeTheirTime(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		_, err := start(tx, "a").Wait()
		if err == nil {
			_, err = start(tx, "b").Wait()
		}
		return nil, err
	}
	check(t, reprisetest.Run(services(), workflow, nil), nil, 4)
}

func TestTasksGoOnInTheOrderOfResults(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) ([]string, error) {
		var order []string
		var tasks []*reprise.Task[string]
		for _, name := range []string{"a", "b", "c"} {
			tasks = append(tasks, reprise.Go(tx, func() (string, error) {
				order = append(order, "start "+name)
				if _, err := start(tx, name).Wait(); err != nil {
					return "", err
				}
				order = append(order, "between "+name)
				_, err := start(tx, name).Wait()
				order = append(order, "end "+name)
				return name, err
			}))
			order = append(order, "started "+name)
		}
		names, err := reprise.All(tx, tasks...)
		return append(order, names...), err
	}
	want := []string{
		"start a", "started a", "start b", "started b", "start c", "started c",
		"between b", "between c", "end b", "between a", "end c", "end a", "a", "b", "c",
	}
	check(t, reprisetest.Run(services(), workflow, nil), want, 6)
}

func TestTheFirstErrorEndsAllAndGivesUpTheRest(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (any, error) {
		_, err := reprise.All(tx, start(tx, "a"), start(tx, "b"), start(tx, "c"))
		return nil, err
	}
	host := services().On("POST b/x", reprisetest.Refuse("no").After(1500*time.Millisecond))
	run := reprisetest.Run(host, workflow, nil)
	if run.Failure == nil || string(run.Failure.Details) != "no" {
		t.Error(run.Failure)
	}
	// The refused branch has nothing to undo, the cancelled ones are in doubt.
	want := []string{"03 rollback POST c/undo: success", "01 rollback POST a/undo: success"}
	if run.Elapsed != 1500*time.Millisecond || !slices.Equal(run.Trace[3:], want) {
		t.Error(run.Elapsed, run.Trace)
	}
}

func TestLosersOfARaceAreGivenUp(t *testing.T) {
	deferred := 0
	workflow := func(tx *reprise.Transaction, _ any) (int, error) {
		call := func(name string) *reprise.Task[int] {
			return reprise.Go(tx, func() (int, error) {
				defer func() { deferred++ }()
				inner := reprise.Go(tx, func() (int, error) { return reprise.JSON[int](start(tx, name).Wait()) })
				return inner.Wait()
			})
		}
		a, b := call("a"), call("b")
		if tx.Race(a, b) != 1 {
			return 0, reprise.Fail("b is faster")
		}
		if _, err := a.Wait(); !errors.Is(err, reprise.ErrCanceled) {
			return 0, reprise.Failf("it was given up, and says %v", err)
		}
		return b.Wait()
	}
	check(t, reprisetest.Run(services(), workflow, nil), 1, 1)
	if deferred != 4 {
		t.Errorf("%d deferred functions ran, in two tasks and their replay", deferred)
	}
}

func TestATimeoutGivesUpWhatIsTooSlow(t *testing.T) {
	workflow := func(tx *reprise.Transaction, seconds int) (int, error) {
		return reprise.JSON[int](reprise.Timeout(tx, time.Duration(seconds)*time.Second, start(tx, "c")))
	}
	check(t, reprisetest.Run(services(), workflow, 5), 2, 2)
	run := reprisetest.Run(services(), workflow, 1)
	if run.Failure == nil || run.Failure.Message != "not done within 1s" {
		t.Error(run.Failure)
	}
	if run.Trace[1] != "01 rollback POST c/undo: success" {
		t.Error(run.Trace)
	}
}

func TestSleepingMovesTheClock(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (float64, error) {
		before := tx.Now()
		tx.Sleep(24 * time.Hour)
		return tx.Now().Sub(before).Hours(), nil
	}
	check(t, reprisetest.Run(services(), workflow, nil), 24, 86_400)
}

func TestTasksThatNobodyWaitsForAreFinished(t *testing.T) {
	workflow := func(tx *reprise.Transaction, fail bool) (any, error) {
		reprise.Go(tx, func() (any, error) {
			return start(tx, "a").Wait()
		})
		if fail {
			return nil, reprise.Fail("no")
		}
		return nil, nil
	}
	check(t, reprisetest.Run(services(), workflow, false), nil, 3, "01 action POST a/x: success")
	if run := reprisetest.Run(services(), workflow, true); run.Failure.Message != "no" || run.Elapsed != 0 {
		t.Error("it is given up", run.Failure, run.Elapsed)
	}
	run := reprisetest.Run(services().On("POST a/x", reprisetest.Refuse("sold out")), workflow, false)
	if run.Failure == nil || run.Failure.Message != "the participant refused: sold out" {
		t.Error("nobody has seen its error", run.Failure)
	}
}

func TestATaskMayGiveItselfUp(t *testing.T) {
	workflow := func(tx *reprise.Transaction, _ any) (string, error) {
		var task *reprise.Task[string]
		task = reprise.Go(tx, func() (string, error) {
			tx.Sleep(time.Second)
			task.Cancel()
			tx.Sleep(time.Second)
			return "not reached", nil
		})
		_, err := task.Wait()
		return err.Error(), nil
	}
	check(t, reprisetest.Run(services(), workflow, nil), "the operation was cancelled", 1)
}

func TestAThousandTasks(t *testing.T) {
	workflow := func(tx *reprise.Transaction, count int) (int, error) {
		tasks := make([]*reprise.Task[int], count)
		for i := range tasks {
			tasks[i] = reprise.Go(tx, func() (int, error) { return reprise.JSON[int](start(tx, "b").Wait()) })
		}
		ones, err := reprise.All(tx, tasks...)
		return len(ones), err
	}
	run := reprisetest.Run(services(), workflow, 1000)
	if run.Failure != nil || run.Output != 1000 || run.Elapsed != time.Second {
		t.Error(run.Failure, run.Output, run.Elapsed)
	}
}
