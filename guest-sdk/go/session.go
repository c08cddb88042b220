package reprise

import (
	"fmt"
	"strconv"
)

// What the SDK keeps of an execution between the calls of its exports: functions for phase two, and mistakes.

// closures are the functions that branches registered, by number. Called again when they failed.
var closures []func(tx *Transaction, branch Branch) error

// mistakes wait for a call that can report them.
var mistakes []mistake

// mistake is something that was wrong in what the workflow registered.
type mistake struct {
	// branch: nil for what belongs to no branch.
	branch   *Branch
	text     string
	reported bool
}

// resetSession forgets everything: a new run begins.
func resetSession() {
	closures, mistakes = nil, nil
}

// keep keeps a function and gives the name under which `handle` is called for it.
func keep(run func(*Transaction, Branch) error) string {
	closures = append(closures, run)
	return "#" + strconv.Itoa(len(closures)-1)
}

// closure gives the function that was kept under a number.
func closure(number string) (func(*Transaction, Branch) error, bool) {
	index, err := strconv.Atoi(number)
	if err != nil || index < 0 || index >= len(closures) {
		return nil, false
	}
	return closures[index], true
}

// note keeps what went wrong, if something did.
func note(branch *Branch, err error) {
	if err != nil {
		mistakes = append(mistakes, mistake{branch: branch, text: err.Error()})
	}
}

// mistakeOn gives the first mistake made on a branch; all of them count as reported from now on.
func mistakeOn(branch Branch) (text string, made bool) {
	for i := range mistakes {
		one := &mistakes[i]
		if one.branch == nil || *one.branch != branch {
			continue
		}
		if !made {
			text, made = one.text, true
		}
		one.reported = true
	}
	return text, made
}

// unreported is the first mistake that no call has reported; forgets all of them.
func unreported() error {
	all := mistakes
	mistakes = nil
	for _, one := range all {
		switch {
		case one.reported:
		case one.branch != nil:
			return fmt.Errorf("branch %02d: %s", one.branch.id, one.text)
		default:
			return Fail(one.text)
		}
	}
	return nil
}
