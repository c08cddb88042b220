package reprise

import (
	"math"
	"reflect"
	"testing"

	"reprise.dev/guest/internal/wit"
)

func TestTargetsHaveOneSlash(t *testing.T) {
	for _, test := range []struct {
		participant Participant
		path, want  string
	}{
		{Named("bank"), "/pay", "bank/pay"},
		{Named("bank"), "pay?a=b", "bank/pay?a=b"},
		{URL("http://bank:80/"), "/pay", "http://bank:80/pay"},
		{URL("http://bank/v1"), "pay", "http://bank/v1/pay"},
		{Named("bank/pay"), "", "bank/pay"},
	} {
		if got := test.participant.Get(test.path).target; got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestABodyWithoutJSONFormIsAMistake(t *testing.T) {
	_, err := Named("bank").Post("/pay").JSON(math.NaN()).operation()
	if err == nil || err.Error() != "POST bank/pay: no JSON form: json: unsupported value: NaN" {
		t.Error(err)
	}
}

func TestParametersKeepTheirOrderAndType(t *testing.T) {
	type cents int64
	var none *string
	some := "x"
	statement := Statement("?", int64(math.MaxInt64), cents(7), uint8(1), nil, none, &some, true, 1.5, []byte{0})
	op, err := On("bank", statement).XA().operation()
	want := []wit.Value{
		{Kind: wit.Integer, Data: "9223372036854775807"},
		{Kind: wit.Integer, Data: "7"},
		{Kind: wit.Integer, Data: "1"},
		{Kind: wit.Null},
		{Kind: wit.Null},
		{Kind: wit.Text, Data: "x"},
		{Kind: wit.Boolean, Bool: true},
		{Kind: wit.Real, Real: 1.5},
		{Kind: wit.Bytes, Data: "\x00"},
	}
	if err != nil || op.Kind != wit.XA || !reflect.DeepEqual(op.Statements[0].Parameters, want) {
		t.Errorf("got %+v, %v", op, err)
	}
	_, err = On("bank", Statement("SELECT ?", struct{}{})).operation()
	if err == nil || err.Error() != "parameter 1 of `SELECT ?`: a struct {} is no SQL value: pass nil, a boolean, a "+
		"number, a string or []byte" {
		t.Error(err)
	}
}

func TestRowsAreReadByStatement(t *testing.T) {
	reply := &Reply{wit.Response{Body: []byte(`[{"affected":1,"rows":[]},{"affected":0,"rows":[{"balance":70}]}]`)}}
	var rows []struct {
		Balance int `json:"balance"`
	}
	if err := reply.Rows(1, &rows); err != nil || len(rows) != 1 || rows[0].Balance != 70 {
		t.Error(rows, err)
	}
	if affected, err := reply.Affected(0); err != nil || affected != 1 {
		t.Error(affected, err)
	}
	if err := reply.Rows(2, &rows); err == nil ||
		err.Error() != "the reply has no statement 2: there were 2, counted from 0" {
		t.Error(err)
	}
	_, err := JSON[transfer](&Reply{wit.Response{Body: []byte("x")}}, nil)
	if err == nil || err.Error() != "the reply `x` is not the expected JSON: it is no JSON: invalid character 'x' "+
		"looking for beginning of value" {
		t.Error(err)
	}
}

func TestHeadersAreFoundWhateverTheirCase(t *testing.T) {
	reply := &Reply{wit.Response{Headers: []wit.Header{{Name: "x-state", Value: []byte("later")}}}}
	if value, ok := reply.Header("X-State"); !ok || value != "later" {
		t.Error(value, ok)
	}
	if _, ok := reply.Header("x-other"); ok {
		t.Error("there is no such header")
	}
}
