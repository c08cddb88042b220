package wit

import (
	"math"
	"structs"
	"unsafe"

	"reprise.dev/guest/internal/abi"
)

// lowered is an operation as imports take it.
type lowered struct {
	kind             Kind
	a, b, c          unsafe.Pointer
	aLen, bLen, cLen uint32
}

func lower(op *Operation) lowered {
	method, target := abi.Text(op.Method), abi.Text(op.Target)
	switch op.Kind {
	case HTTP:
		return lowerRequest(HTTP, method, target, op.Body)
	case GRPC:
		return lowerRequest(GRPC, target, method, op.Body)
	default:
		statements := lowerStatements(op.Statements)
		return lowered{
			kind: op.Kind,
			a:    abi.Data(target), aLen: abi.Size(target),
			b: abi.List(statements), bLen: abi.Length(statements),
		}
	}
}

func lowerRequest(kind Kind, a, b string, body []byte) lowered {
	return lowered{
		kind: kind,
		a:    abi.Data(a), aLen: abi.Size(a),
		b: abi.Data(b), bLen: abi.Size(b),
		c: abi.List(body), cLen: abi.Length(body),
	}
}

// rawStatement is the record `statement` in memory.
type rawStatement struct {
	_                         structs.HostLayout
	sql, sqlLen               uint32
	parameters, parametersLen uint32
	affectedSome, affected    uint32
}

// rawValue is the variant `sql-value` in memory; the payload is a flag, a double, or an address with a length.
type rawValue struct {
	_       structs.HostLayout
	kind    ValueKind
	_       uint32
	payload uint64
}

// held keeps what only numbers point to, on the heap, where it stays in its place.
var held any

func lowerStatements(statements []Statement) []rawStatement {
	raw := make([]rawStatement, len(statements))
	texts := make([]string, 0, len(statements))
	values := make([][]rawValue, 0, len(statements))
	for i, statement := range statements {
		sql := abi.Text(statement.SQL)
		texts = append(texts, sql)
		parameters := make([]rawValue, len(statement.Parameters))
		for j, value := range statement.Parameters {
			if value.Kind == Text {
				value.Data = abi.Text(value.Data)
				texts = append(texts, value.Data)
			}
			parameters[j] = rawValue{kind: value.Kind, payload: payload(value)}
		}
		values = append(values, parameters)
		raw[i] = rawStatement{
			sql: abi.Address(abi.Data(sql)), sqlLen: abi.Size(sql),
			parameters: abi.Address(abi.List(parameters)), parametersLen: abi.Length(parameters),
		}
		if statement.Affected != nil {
			raw[i].affectedSome, raw[i].affected = 1, *statement.Affected
		}
	}
	held = []any{statements, texts, values}
	return raw
}

func payload(value Value) uint64 {
	switch value.Kind {
	case Null:
		return 0
	case Boolean:
		if value.Bool {
			return 1
		}
		return 0
	case Real:
		return math.Float64bits(value.Real)
	default:
		return uint64(abi.Address(abi.Data(value.Data))) | uint64(abi.Size(value.Data))<<32
	}
}
