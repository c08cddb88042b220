package reprise

import (
	"strings"
	"testing"
	"time"
)

type transfer struct {
	From   string    `json:"from"`
	Amount int       `json:"amount"`
	Note   *string   `json:"note"`
	At     time.Time `json:"at,omitzero"`
	Legs   []leg     `json:"legs,omitempty"`
	hidden int
}

type leg struct {
	embedded
	Bank string `json:"bank"`
}

type embedded struct {
	Account string `json:"account"`
}

func TestInputsSayWhatIsWrongWithThem(t *testing.T) {
	for input, want := range map[string]string{
		`{"from":"a","amount":1}`:                                     "",
		`{"FROM":"a","amount":0,"other":1}`:                           "",
		`{"from":"a","amount":1,"legs":[{"account":"x","bank":"b"}]}`: "",
		`{"from":"a","amount":1,"legs":[{"bank":"b"}]}`:               "the key `legs[0].account` is missing",
		`{"from":"a"}`:              "the key `amount` is missing",
		``:                          "the key `from` is missing",
		`null`:                      "the key `from` is missing",
		`{"from":"a","amount":"x"}`: "the key `amount`: expected int, found string",
		`[1]`:                       "expected reprise.transfer, found array",
		`{"from":`:                  "it is no JSON: unexpected end of JSON input",
		`hello`:                     "it is no JSON: invalid character 'h' looking for beginning of value",
	} {
		var into transfer
		got := ""
		if err := decode([]byte(input), &into); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", input, got, want)
		}
	}
}

func TestOtherTypesNeedNoKeys(t *testing.T) {
	type recursive []recursive
	for _, into := range []any{new(any), new(map[string]int), new(recursive), new(*transfer), new(struct{}), new(int)} {
		if err := decode(nil, into); err != nil {
			t.Errorf("%T: %v", into, err)
		}
	}
	var entries map[string]leg
	err := decode([]byte(`{"b":{"bank":"x"},"a":{"account":"x"}}`), &entries)
	if err == nil || err.Error() != "the key `a.bank` is missing" {
		t.Error(err)
	}
}

func TestValuesAreCompactJSONOrBytes(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{map[string]string{"b": "<ö & 世>", "a": ""}, `{"a":"","b":"<ö & 世>"}`},
		{Raw{0, 255}, "\x00\xff"},
		{Raw(nil), ""},
		{nil, "null"},
		{transfer{From: "a"}, `{"from":"a","amount":0,"note":null}`},
	} {
		if got, err := encode(test.value); err != nil || string(got) != test.want {
			t.Errorf("%v: got %q, %v", test.value, got, err)
		}
	}
	var raw Raw
	if err := decode([]byte{0, 255}, &raw); err != nil || string(raw) != "\x00\xff" {
		t.Error(raw, err)
	}
}

func TestExcerptsAreCutBetweenCharacters(t *testing.T) {
	if got := excerpt([]byte(strings.Repeat("ö", 300))); got != strings.Repeat("ö", 200)+"..." {
		t.Error(got)
	}
	if got := excerpt([]byte("a\xff")); got != "a\uFFFD" {
		t.Error(got)
	}
}
