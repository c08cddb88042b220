package reprise

import (
	"fmt"
	"reflect"
	"strconv"

	"reprise.dev/guest/internal/wit"
)

// SQL is statements that run in one local transaction of a configured database, exactly once: a barrier row is in the
// same transaction. Or, by [SQL.XA], prepared now and committed or rolled back with the whole transaction. [Reply.Rows]
// and [Reply.Affected] read what they came to.
//
//	take := reprise.Statement("UPDATE account SET balance = balance - ? WHERE id = ? AND balance >= ?", 30, "alice", 30)
//	look := reprise.Statement("SELECT balance FROM account WHERE id = ?", "alice")
//	reply, err := tx.Branch().Call(reprise.On("bank", take.Affected(1), look).XA())
//	var rows []struct{ Balance int64 }
//	err = reply.Rows(1, &rows)
type SQL struct {
	database   string
	statements []SQLStatement
	kind       wit.Kind
}

// On makes statements for a database of the runtime's configuration.
func On(database string, statements ...SQLStatement) SQL {
	return SQL{database: database, statements: statements, kind: wit.SQL}
}

// XA is the same, prepared now, and committed or rolled back by the runtime in phase two.
func (s SQL) XA() SQL {
	s.kind = wit.XA
	return s
}

// SQLStatement is one SQL statement with its parameters, made by [Statement].
type SQLStatement struct {
	sql        string
	parameters []any
	affected   *uint32
}

// Statement is a SQL statement with the database's own placeholders and its parameters in order: nil, booleans, whole
// numbers, floats, strings, []byte, and pointers to them, of which nil is NULL.
func Statement(sql string, parameters ...any) SQLStatement {
	return SQLStatement{sql: sql, parameters: parameters}
}

// Affected makes another number of affected rows a business failure.
func (s SQLStatement) Affected(rows uint32) SQLStatement {
	s.affected = &rows
	return s
}

func (s SQL) operation() (*wit.Operation, error) {
	op := &wit.Operation{Kind: s.kind, Target: s.database}
	for _, statement := range s.statements {
		one := wit.Statement{SQL: statement.sql, Affected: statement.affected}
		for i, parameter := range statement.parameters {
			value, err := sqlValue(parameter)
			if err != nil {
				return nil, fmt.Errorf("parameter %d of `%s`: %w", i+1, statement.sql, err)
			}
			one.Parameters = append(one.Parameters, value)
		}
		op.Statements = append(op.Statements, one)
	}
	return op, nil
}

func sqlValue(parameter any) (wit.Value, error) {
	value := reflect.ValueOf(parameter)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	switch {
	case !value.IsValid(), value.Kind() == reflect.Pointer:
		return wit.Value{Kind: wit.Null}, nil
	case value.Kind() == reflect.Bool:
		return wit.Value{Kind: wit.Boolean, Bool: value.Bool()}, nil
	case value.CanInt():
		return wit.Value{Kind: wit.Integer, Data: strconv.FormatInt(value.Int(), 10)}, nil
	case value.CanUint():
		return wit.Value{Kind: wit.Integer, Data: strconv.FormatUint(value.Uint(), 10)}, nil
	case value.CanFloat():
		return wit.Value{Kind: wit.Real, Real: value.Float()}, nil
	case value.Kind() == reflect.String:
		return wit.Value{Kind: wit.Text, Data: value.String()}, nil
	case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8:
		if value.IsNil() {
			return wit.Value{Kind: wit.Null}, nil
		}
		return wit.Value{Kind: wit.Bytes, Data: string(value.Bytes())}, nil
	default:
		return wit.Value{}, fmt.Errorf("a %T is no SQL value: pass nil, a boolean, a number, a string or []byte", parameter)
	}
}
